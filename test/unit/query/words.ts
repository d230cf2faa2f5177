/** A small world of names for tests of the query language, and a fixed present: Thursday, 26 November 2026, 22:00 UTC. */
import type { SearchWords } from "../../../src/query/read-search.ts";
import { readSearch } from "../../../src/query/read-search.ts";
import type { Present } from "../../../src/query/times.ts";

const parameters = new Set(["lr", "learning_rate", "batch_size", "warmup", "seed", "optimizer", "dropout", "epochs"]);
const metrics = new Set(["größe", "val_acc", "val_loss", "loss", "perplexity"]);
const labels: Record<string, readonly string[]> = {
  user: ["ana", "bob"],
  dataset: ["imagenet", "cifar10"],
  group: ["bs-scaling", "warmup-study"],
  host: ["gpu01"],
  package: ["torch", "numpy"],
};

export const words: SearchWords = {
  isParameter: (name) => parameters.has(name),
  isMetric: (name) => metrics.has(name),
  names: () => [...parameters, ...metrics],
  lessIsBetter: (name) => /loss|perplexity/.test(name),
  isLabel: (field, value) => labels[field]?.includes(value) ?? false,
  isGpuModel: (part) => "nvidia a100".includes(part),
  isValue: (name, value) => name === "optimizer" && ["adam", "sgd"].includes(value),
};

export const present: Present = { nowMs: Date.UTC(2026, 10, 26, 22), offsetAt: () => 0 };

export const echo = (text: string, literal = false): string => readSearch(text, { words, present, literal }).echo;
