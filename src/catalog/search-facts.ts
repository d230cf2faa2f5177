/**
 * What search knows of one run, drawn from its folder and the code that it names, and from nothing else: a run that is
 * looked at twice says the same. Logs are looked at once a run has ended, because they no longer change then.
 */
import * as fs from "node:fs";
import { posix } from "node:path";
import { configBytes, runParameters } from "../run/config-parameters.ts";
import { lastBytes } from "../run/log-end.ts";
import type { Manifest } from "../run/manifest.ts";
import { decodeMetricValue } from "../run/metric-value.ts";
import type { ParameterValue } from "../run/parameters.ts";
import type { RunPaths } from "../run/paths.ts";
import { projectKeys } from "../run/project.ts";
import { isFinal } from "../run/status.ts";
import type { CodeFiles } from "./code-files.ts";
import { type TextColumn, textColumns } from "./search-tables.ts";

/** `p` parameter, `m` metric, `b` a measure of ours. */
export type FactKind = "p" | "m" | "b";
/** Kind, name, number (null: none), text (null where the number says it all). */
export type Fact = readonly [FactKind, string, number | null, string | null];
export type Label = readonly [field: string, value: string];

export interface SearchFacts {
  texts: Record<TextColumn, string>;
  facts: Fact[];
  labels: Label[];
  /** The script as it is in the run's snapshot, for following it through renames; null where it is no file there. */
  script: { path: string; blob: string; project: string } | null;
  /** What it has in common with other runs. */
  shared: {
    snapshot: string | null;
    environment: { id: string; freeze: string } | null;
    /** Keys of the project, the most telling first. */
    project: string[];
  };
  /** What people learned from it and meant to do next, sentence by sentence. */
  lessons: Record<LessonKind, string[]>;
}

export const lessonKinds = ["learned", "next"] as const;
export type LessonKind = (typeof lessonKinds)[number];

const mostFacts = 600;
const mostTextLength = 64 * 1024;
const logBytes = 8 * 1024;
const mostWordLength = 256;

function parameterFact(name: string, value: ParameterValue): Fact {
  if (typeof value === "number") return ["p", name, value, null];
  if (typeof value === "boolean") return ["p", name, value ? 1 : 0, String(value)];
  return ["p", name, null, value.slice(0, mostWordLength)];
}

function metricFacts(manifest: Manifest): Fact[] {
  return Object.entries(manifest.metrics).map(([name, value]) => {
    const number = decodeMetricValue(value);
    return number !== null && Number.isFinite(number) ? ["m", name, number, null] : ["m", name, null, String(value)];
  });
}

const seconds = (from: string | null, to: string | null): number | null => {
  if (from === null || to === null) return null;
  const length = (Date.parse(to) - Date.parse(from)) / 1000;
  return Number.isFinite(length) ? length : null;
};

function measures(manifest: Manifest): Fact[] {
  const { requested, actual } = manifest.resources;
  const found: Record<string, number | null | undefined> = {
    runtime: seconds(manifest.started_at, manifest.ended_at),
    waited: seconds(manifest.queued_at, manifest.started_at),
    started: manifest.started_at === null ? null : Date.parse(manifest.started_at),
    ended: manifest.ended_at === null ? null : Date.parse(manifest.ended_at),
    exit: manifest.exit_code,
    gpus: requested.gpus,
    gpu_memory: requested.gpu_memory_gb,
    cores: requested.cpu_cores,
    ram: requested.ram_gb,
    max_runtime: requested.max_runtime_hours === null ? null : requested.max_runtime_hours * 3600,
    gpu_util: actual?.gpu_utilization_avg,
    gpu_memory_peak: actual?.gpu_memory_peak_gb,
    cpu_util: actual?.cpu_utilization_avg,
    ram_peak: actual?.ram_peak_gb,
    energy: actual?.energy_kwh,
    artifacts: manifest.artifacts === null ? null : manifest.artifacts.files.length + manifest.artifacts.not_listed,
    size: manifest.artifacts?.total_size_bytes,
  };
  return Object.entries(found).flatMap(([name, value]) =>
    typeof value === "number" && Number.isFinite(value) ? [["b", name, value, null] as const] : [],
  );
}

/** The end of what the run printed, without escape codes. */
function logEnd(paths: RunPaths): string {
  const output = lastBytes(paths.outputLog, logBytes);
  if (output !== "") return Bun.stripANSI(output);
  const parts = [paths.stdoutLog, paths.stderrLog].filter((log) => fs.existsSync(log));
  return parts.map((log) => Bun.stripANSI(lastBytes(log, logBytes))).join("\n");
}

function textsOf(manifest: Manifest, paths: RunPaths, config: string): Record<TextColumn, string> {
  const { narrative, failure } = manifest;
  const texts: Record<TextColumn, string> = {
    name: manifest.name,
    note: Object.values(manifest.metadata)
      .filter((value) => typeof value === "string")
      .join("\n"),
    hypothesis: narrative.hypothesis ?? "",
    context: narrative.context ?? "",
    intent: narrative.intent ?? "",
    expected: narrative.expected_outcome ?? "",
    outcome: narrative.outcome ?? "",
    learned: narrative.learnings.join("\n"),
    next: narrative.next_steps.join("\n"),
    annotation: manifest.annotations.map(({ note }) => note).join("\n"),
    tag: narrative.tags.join("\n"),
    grp: narrative.experiment_group ?? "",
    command: `${manifest.command}\n${config}`,
    error: failure === null ? "" : `${failure.kind}\n${failure.message}\n${failure.traceback ?? ""}`,
    log: isFinal(manifest.status) ? logEnd(paths) : "",
  };
  for (const column of textColumns) texts[column] = texts[column].slice(0, mostTextLength);
  return texts;
}

/** Properties that are one word. Values are compared without regard to case. */
function labelsOf(manifest: Manifest, script: string, shared: SearchFacts["shared"]): Label[] {
  const { narrative, environment, resources, lineage } = manifest;
  const labels: Label[] = [["script", script]];
  const add = (field: string, value: string | null | undefined) => {
    if (value !== null && value !== undefined && value !== "") labels.push([field, value.slice(0, mostWordLength)]);
  };
  add("host", resources.host);
  add("failure", manifest.failure?.kind);
  add("verdict", narrative.validation_status);
  for (const id of resources.assigned?.gpu_ids ?? []) add("gpu", id);
  add("gpu_model", resources.gpu_model);
  const read = manifest.reads?.datasets ?? [];
  for (const name of new Set([...manifest.datasets, ...read].map((one) => one.name))) add("dataset", name);
  add("kind", lineage.kind);
  add("source", lineage.source_run);
  add("sweep", lineage.sweep_id);
  add("parent", narrative.parent_run);
  add("branch", environment.git_branch);
  add("commit", environment.git_commit);
  add("python", environment.python_version);
  add("signal", manifest.signal);
  add("snapshot", environment.snapshot);
  for (const key of shared.project) add("project", key);
  for (const annotation of manifest.annotations) add("author", annotation.author);
  add("environment", shared.environment?.id);
  return labels;
}

function sharedOf(manifest: Manifest): SearchFacts["shared"] {
  const { snapshot, pip_freeze: freeze } = manifest.environment;
  const environment = freeze === null ? null : { id: hashOf(freeze), freeze };
  return { snapshot, environment, project: projectKeys(manifest) };
}

/** Runs of one environment come in a row. */
let lastHashed: { text: string | null; hash: string } = { text: null, hash: "" };

function hashOf(text: string): string {
  if (lastHashed.text !== text) {
    const hash = new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 32);
    lastHashed = { text, hash };
  }
  return lastHashed.hash;
}

/** What a person may or may not have written, and a run may or may not have left. */
const noted = [
  "note",
  "hypothesis",
  "context",
  "intent",
  "expected",
  "outcome",
  "learned",
  "next",
  "annotation",
] as const;
const marked = new Set(["verdict", "failure", "parent", "dataset", "gpu", "sweep", "source", "project", "author"]);

/** What of a run is there at all, for `has:`. */
function presence(texts: Record<TextColumn, string>, labels: readonly Label[], manifest: Manifest): Label[] {
  const present = new Set<string>(noted.filter((column) => texts[column].trim() !== ""));
  for (const [field] of labels) if (marked.has(field)) present.add(field);
  if (texts.tag !== "") present.add("tag");
  if (texts.grp !== "") present.add("group");
  if (Object.keys(manifest.metrics).length > 0) present.add("metric");
  if ((manifest.artifacts?.files.length ?? 0) > 0) present.add("artifact");
  return [...present].map((name) => ["has", name]);
}

/** Everything at once. Throws nothing but system errors other than a missing file. */
export function searchFacts(manifest: Manifest, paths: RunPaths, code: CodeFiles): SearchFacts {
  const { snapshot } = manifest.environment;
  const { command, values } = runParameters(manifest, (path) =>
    snapshot === null ? null : code.text(snapshot, path, configBytes),
  );
  const typed = new Set(command.parameters.map(({ name }) => name));
  const config = Object.entries(values)
    .filter(([name]) => !typed.has(name))
    .map(([name, value]) => `${name} ${value}`)
    .join("\n");
  const texts = textsOf(manifest, paths, config);
  const path = command.script.startsWith("/") ? command.script : posix.join(manifest.cwd, command.script);
  const shared = sharedOf(manifest);
  const labels = labelsOf(manifest, path, shared);
  labels.push(...presence(texts, labels, manifest));
  const blob = snapshot === null ? undefined : code.tree(snapshot).files.get(path);
  const parameters = Object.entries(values).map(([name, value]) => parameterFact(name, value));
  return {
    texts,
    facts: [...measures(manifest), ...parameters.slice(0, mostFacts), ...metricFacts(manifest).slice(0, mostFacts)],
    labels,
    script: blob === undefined ? null : { path, blob: blob.hash, project: shared.project[0] ?? "" },
    shared,
    lessons: { learned: manifest.narrative.learnings, next: manifest.narrative.next_steps },
  };
}
