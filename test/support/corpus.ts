/**
 * A believable past: the runs of a small lab over ten months, made from a seed. Groups follow questions, parameters follow
 * groups, metrics follow parameters, failures and verdicts follow both; the same seed gives the same folders. For tests,
 * the bench and for trying things; `bun test/support/corpus.ts BASE [COUNT] [SEED]` fills a base.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { quoteCommand } from "../../src/core/shell-quote.ts";
import { type Manifest, manifestText, type NewManifest, newManifest } from "../../src/run/manifest.ts";
import { basePaths } from "../../src/run/paths.ts";
import { prepareBase } from "../../src/run/store.ts";

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
const users = ["ana", "bob", "chen", "dara"];
const hosts = ["gpu01", "gpu02"];

interface Question {
  group: string;
  script: string;
  dataset: string;
  topic: string;
  tags: string[];
  hypothesis: string;
  vary: Record<string, readonly (number | string)[]>;
  /** What the varied values do to the accuracy. */
  effect(values: Record<string, number | string>): number;
  learned: string;
}

const questions: readonly Question[] = [
  {
    ...{ group: "bs-scaling", script: "train.py", dataset: "imagenet", topic: "linear learning rate scaling" },
    tags: ["ablation", "batch-size"],
    hypothesis: "Larger batches with a linearly scaled learning rate converge faster without losing accuracy",
    vary: { batch_size: [32, 64, 128, 256], lr: [1e-4, 3e-4, 1e-3, 3e-3] },
    effect: ({ batch_size, lr }) =>
      0.02 - 0.03 * Math.abs(Math.log10((lr as number) / ((batch_size as number) * 8e-6))),
    learned: "Linear scaling holds up to a batch of 128; beyond that the loss spikes early",
  },
  {
    ...{ group: "warmup-study", script: "train.py", dataset: "cifar10", topic: "warmup" },
    tags: ["warmup", "schedule"],
    hypothesis: "A short warmup avoids the early loss spikes with large learning rates",
    vary: { warmup: [0, 100, 500, 2000], lr: [1e-3, 3e-3, 1e-2] },
    effect: ({ warmup, lr }) => (warmup === 0 ? -0.05 * ((lr as number) / 3e-3) : 0.01),
    learned: "Five hundred steps of warmup are enough; more only costs time",
  },
  {
    ...{ group: "dropout-ablation", script: "finetune.py", dataset: "cifar10", topic: "dropout" },
    tags: ["ablation", "regularisation"],
    hypothesis: "More dropout helps when finetuning on little data",
    vary: { dropout: [0, 0.1, 0.3, 0.5], seed: [1, 2, 3] },
    effect: ({ dropout }) => 0.015 - Math.abs((dropout as number) - 0.1) * 0.1,
    learned: "Dropout above 0.3 hurts every time",
  },
  {
    ...{ group: "optimizer-race", script: "train.py", dataset: "imagenet", topic: "optimizers" },
    tags: ["baseline"],
    hypothesis: "AdamW beats SGD with momentum under the same budget",
    vary: { optimizer: ["adam", "adamw", "sgd"], lr: [3e-4, 1e-3, 1e-1], seed: [1, 2] },
    effect: ({ optimizer, lr }) => (optimizer === "sgd" ? (lr === 1e-1 ? 0.02 : -0.1) : lr === 1e-1 ? -0.3 : 0.01),
    learned: "SGD needs ten times the learning rate and then wins by a hair",
  },
  {
    ...{ group: "lm-context", script: "lm/pretrain.py", dataset: "wikitext", topic: "context length" },
    tags: ["lm", "paper"],
    hypothesis: "Doubling the context lowers perplexity more than doubling the width",
    vary: { context_length: [256, 512, 1024, 2048], width: [256, 512] },
    effect: ({ context_length, width }) =>
      Math.log2(context_length as number) * 0.01 + ((width as number) - 256) / 2e4 - 0.08,
    learned: "Longer contexts help until memory runs out",
  },
];

/** mulberry32: small, fast, the same everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export interface CorpusOptions {
  count: number;
  seed?: number;
  /** The moment before which all of it happened. */
  untilMs?: number;
}

interface Draw {
  random(): number;
  pick<T>(values: readonly T[]): T;
}

const limitHours = 8;
const round = (value: number, digits: number) => Number(value.toFixed(digits));
const freeze = "numpy==1.26.4\ntorch==2.1.0\ntorchvision==0.16.0\ntqdm==4.66.1\n";
const newerFreeze = "numpy==2.0.1\ntorch==2.4.0\ntorchvision==0.19.0\ntqdm==4.66.5\n";

function tailOf(at: number, random: () => number): string {
  const digits = Array.from({ length: 3 }, () => alphabet[Math.floor(random() * 32)]).join("");
  let [rest, text] = [at, ""];
  for (let n = 0; n < 4; n++) {
    text = (alphabet[rest % 32] ?? "0") + text;
    rest = Math.floor(rest / 32);
  }
  return digits + text;
}

function failureOf(draw: Draw, values: Record<string, number | string>): NewManifest["failure"] {
  const large = Number(values.batch_size ?? values.context_length ?? 0) >= 256;
  const chance = draw.random();
  if (large && chance < 0.4) {
    return {
      ...{ kind: "gpu_oom", message: "CUDA out of memory. Tried to allocate 2.50 GiB" },
      ...{ hint: "halve the batch size", traceback: "torch.cuda.OutOfMemoryError: CUDA out of memory." },
    };
  }
  if (chance < 0.5)
    return { kind: "timeout", message: "it ran longer than its limit of 8 hours", hint: null, traceback: null };
  if (chance < 0.75) {
    return {
      ...{ kind: "code_error", message: "RuntimeError: mat1 and mat2 shapes cannot be multiplied", hint: null },
      traceback: "Traceback (most recent call last):\nRuntimeError: mat1 and mat2 shapes cannot be multiplied",
    };
  }
  if (chance < 0.9)
    return { kind: "data_error", message: "FileNotFoundError: shard-0042.tar", hint: null, traceback: null };
  return { kind: "oom", message: "killed by the kernel: out of memory", hint: null, traceback: null };
}

function metricsOf(draw: Draw, question: Question, values: Record<string, number | string>): Manifest["metrics"] {
  const noise = (draw.random() - 0.5) * 0.02;
  const accuracy = Math.min(0.99, Math.max(0.05, 0.86 + question.effect(values) + noise));
  const lm = question.script.startsWith("lm/");
  if (lm) return { loss: round(4.2 - accuracy * 1.2, 4), perplexity: round(Math.exp(4.2 - accuracy * 1.2), 2) };
  const last = round(accuracy - draw.random() * 0.01, 4);
  return {
    ...{ loss: round(1.4 - accuracy, 4), val_loss: round(1.5 - accuracy, 4), val_acc: last },
    ...{ best_val_acc: round(accuracy, 4), final_val_acc: last, epoch: 90 },
  };
}

/** What a run had logged when it failed so far on its way: nothing where its first step fails. */
function metricsAtFailure(metrics: Manifest["metrics"], kind: string, way: number): Manifest["metrics"] {
  if (kind === "code_error" || kind === "gpu_oom") return {};
  const { loss, val_loss, val_acc, perplexity } = metrics;
  const part = 0.4 + 0.6 * Math.min(1, way);
  if (perplexity !== undefined)
    return { loss: round(Number(loss) / part, 4), perplexity: round(Math.exp(Number(loss) / part), 2) };
  return {
    ...{ loss: round(Number(loss) / part, 4), val_loss: round(Number(val_loss) / part, 4) },
    ...{ val_acc: round(Number(val_acc) * part, 4), epoch: Math.floor(90 * Math.min(1, way)) },
  };
}

/** The nth run of the past. */
function makeRun(at: number, draw: Draw, queuedMs: number): Manifest {
  const question = draw.pick(questions);
  const user = draw.pick(users);
  const values = Object.fromEntries(Object.entries(question.vary).map(([name, list]) => [name, draw.pick(list)]));
  const seed = 1 + Math.floor(draw.random() * 5);
  if (values.seed === undefined) values.seed = seed;
  const argv = [
    "python",
    question.script,
    ...Object.entries(values).flatMap(([name, value]) => [`--${name.replaceAll("_", "-")}`, String(value)]),
  ];
  const chance = draw.random();
  const status = chance < 0.72 ? "completed" : chance < 0.92 ? "failed" : "cancelled";
  const startedMs = queuedMs + Math.floor(draw.random() * 3_600_000);
  const drawnHours = status === "failed" ? draw.random() * 2 : 0.5 + draw.random() * 7;
  const reached = status === "cancelled" ? {} : metricsOf(draw, question, values);
  const good = reached.perplexity === undefined ? Number(reached.val_acc ?? 0) > 0.86 : Number(reached.perplexity) < 23;
  const told = status === "completed" && draw.random() < 0.4;
  const runId = `${new Date(queuedMs).toISOString().slice(0, 10)}_${tailOf(at, draw.random)}`;
  const failed = status === "failed" ? failureOf(draw, values) : null;
  const hours = failed?.kind === "timeout" ? limitHours : drawnHours;
  const ended = new Date(startedMs + Math.floor(hours * 3_600_000)).toISOString();
  const metrics = failed == null ? reached : metricsAtFailure(reached, failed.kind, hours / limitHours);
  const manifest = newManifest({
    ...{ run_id: runId, name: `${question.group}-${at % 97}`, user, command: quoteCommand(argv), argv },
    ...{
      queued_at: new Date(queuedMs).toISOString(),
      started_at: status === "cancelled" ? null : new Date(startedMs).toISOString(),
    },
    ...{ ended_at: ended, exit_code: status === "completed" ? 0 : status === "failed" ? 1 : null, failure: failed },
    priority: 1 + Math.floor(draw.random() * 10),
    metadata: {
      note:
        draw.random() < 0.5
          ? `${draw.pick(["Trying", "Per advisor:", "Repeating", "Checking"])} ${question.topic}`
          : null,
    },
    narrative: {
      ...{ hypothesis: draw.random() < 0.6 ? question.hypothesis : null, experiment_group: question.group },
      tags: question.tags.filter(() => draw.random() < 0.8),
      ...(told
        ? {
            ...{
              outcome: `${reached.perplexity === undefined ? `val_acc ${reached.val_acc}` : `perplexity ${reached.perplexity}`} with ${question.topic}`,
              learnings: [question.learned],
            },
            validation_status: draw.random() < 0.15 ? "inconclusive" : good ? "validates" : "refutes",
            next_steps: draw.random() < 0.3 ? [`Look closer at ${question.topic}`] : [],
          }
        : {}),
    },
    annotations:
      draw.random() < 0.05 ? [{ timestamp: ended, author: draw.pick(users), note: "Strong enough for the paper" }] : [],
    environment: {
      ...{ git_branch: draw.pick(["main", "main", "exp"]), git_remote: "git@github.com:lab/vision.git" },
      ...{ python_version: "3.11.4", pip_freeze: queuedMs > 1_780_000_000_000 ? newerFreeze : freeze },
    },
    datasets: [{ name: question.dataset }],
    resources: {
      requested: { gpus: 1 + Math.floor(draw.random() * 2), cpu_cores: 4, ram_gb: 32, max_runtime_hours: limitHours },
      assigned: { gpu_ids: [String(Math.floor(draw.random() * 4))] },
      actual: {
        gpu_utilization_avg: round(40 + draw.random() * 59, 1),
        gpu_memory_peak_gb: round(4 + draw.random() * 20, 1),
      },
      ...{ gpu_model: draw.pick(["NVIDIA A100", "NVIDIA RTX 3090"]), host: draw.pick(hosts) },
    },
    metrics,
    launch: { submit_id: `corpus-${at}-${runId}`, sequence: queuedMs },
  });
  return { ...manifest, status };
}

/** The log that such a run would have left: a few lines of progress, and its end. */
function logOf(manifest: Manifest): string {
  const lines = [`loading ${manifest.datasets[0]?.name}`, "epoch 1/90 loss 2.31", "epoch 45/90 loss 0.92"];
  if (manifest.failure !== null) lines.push(manifest.failure.traceback ?? manifest.failure.message);
  else lines.push(...Object.entries(manifest.metrics).map(([name, value]) => `${name}: ${value}`));
  return `${lines.join("\n")}\n`;
}

/** Manifests in order of arrival, one at a time. */
export function* corpus({ count, seed = 1, untilMs = Date.UTC(2026, 10, 23, 12) }: CorpusOptions): Generator<Manifest> {
  const random = randomFrom(seed);
  const draw: Draw = { random, pick: (values) => values[Math.floor(random() * values.length)] as never };
  const spanMs = 300 * 86_400_000;
  for (let at = 0; at < count; at++) {
    yield makeRun(at, draw, Math.floor(untilMs - spanMs + (spanMs * (at + random() * 0.5)) / count));
  }
}

/** Writes the folders of ended runs, sealed and with their logs, into a base. */
export function writeCorpus(folder: string, options: CorpusOptions): void {
  const base = basePaths(folder);
  prepareBase(base);
  for (const manifest of corpus(options)) {
    const paths = base.run(manifest.run_id);
    fs.mkdirSync(paths.folder, { mode: 0o700 });
    fs.writeFileSync(paths.manifest, manifestText(manifest));
    fs.writeFileSync(paths.outputLog, logOf(manifest));
    fs.writeFileSync(join(paths.folder, "SHA256SUMS"), "");
  }
}

if (import.meta.main) {
  const [folder, count = "10000", seed = "1"] = process.argv.slice(2);
  if (folder === undefined) throw new Error("usage: bun test/support/corpus.ts BASE [COUNT] [SEED]");
  writeCorpus(folder, { count: Number(count), seed: Number(seed) });
}
