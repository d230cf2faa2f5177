/**
 * What search knows of one run, drawn from its folder and the code that it names, and from nothing else: a run that is
 * looked at twice says the same. Logs are looked at once a run has ended, because they no longer change then.
 */
import * as fs from "node:fs";
import { posix } from "node:path";
import { configBytes, type RunParameters, runParameters } from "../run/config-parameters.ts";
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

function metricFacts(metrics: Manifest["metrics"], into: Fact[]): void {
  let left = mostFacts;
  for (const name in metrics) {
    if (left-- === 0) break;
    const value = metrics[name] as string | number;
    const number = decodeMetricValue(value);
    into.push(
      number !== null && Number.isFinite(number) ? ["m", name, number, null] : ["m", name, null, String(value)],
    );
  }
}

const seconds = (from: string | null, to: string | null): number | null => {
  if (from === null || to === null) return null;
  const length = (Date.parse(to) - Date.parse(from)) / 1000;
  return Number.isFinite(length) ? length : null;
};

const moment = (at: string | null) => (at === null ? null : Date.parse(at));

/** Measures of ours, each with its number. */
function measures(manifest: Manifest): Fact[] {
  const { requested, actual } = manifest.resources;
  const facts: Fact[] = [];
  const add = (name: string, value: number | null | undefined) => {
    if (typeof value === "number" && Number.isFinite(value)) facts.push(["b", name, value, null]);
  };
  add("runtime", seconds(manifest.started_at, manifest.ended_at));
  add("waited", seconds(manifest.queued_at, manifest.started_at));
  add("started", moment(manifest.started_at));
  add("ended", moment(manifest.ended_at));
  add("exit", manifest.exit_code);
  add("gpus", requested.gpus);
  add("gpu_memory", requested.gpu_memory_gb);
  add("cores", requested.cpu_cores);
  add("ram", requested.ram_gb);
  add("max_runtime", requested.max_runtime_hours === null ? null : requested.max_runtime_hours * 3600);
  add("gpu_util", actual?.gpu_utilization_avg);
  add("gpu_memory_peak", actual?.gpu_memory_peak_gb);
  add("cpu_util", actual?.cpu_utilization_avg);
  add("ram_peak", actual?.ram_peak_gb);
  add("energy", actual?.energy_kwh);
  if (manifest.artifacts !== null) add("artifacts", manifest.artifacts.files.length + manifest.artifacts.not_listed);
  add("size", manifest.artifacts?.total_size_bytes);
  return facts;
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
  for (const column of textColumns)
    if (texts[column].length > mostTextLength) texts[column] = texts[column].slice(0, mostTextLength);
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
const marked = ["verdict", "failure", "parent", "dataset", "gpu", "sweep", "source", "project", "author"];

/** What of a run is there at all, for `has:`. */
function addPresence(labels: Label[], texts: Record<TextColumn, string>, manifest: Manifest): void {
  const fields = new Set(labels.map(([field]) => field));
  const add = (name: string, present: boolean) => {
    if (present) labels.push(["has", name]);
  };
  for (const column of noted) add(column, texts[column] !== "" && texts[column].trim() !== "");
  for (const field of marked) add(field, fields.has(field));
  add("tag", texts.tag !== "");
  add("group", texts.grp !== "");
  add("metric", !isEmpty(manifest.metrics));
  add("artifact", (manifest.artifacts?.files.length ?? 0) > 0);
}

function isEmpty(record: object): boolean {
  for (const _ in record) return false;
  return true;
}

/** Settings of config files that were not typed as well, a line each. */
function configText({ command, values }: RunParameters): string {
  const lines: string[] = [];
  for (const name in values)
    if (!command.parameters.some((typed) => typed.name === name)) lines.push(`${name} ${values[name]}`);
  return lines.join("\n");
}

/** Everything at once. Throws nothing but system errors other than a missing file. */
export function searchFacts(manifest: Manifest, paths: RunPaths, code: CodeFiles): SearchFacts {
  const { snapshot } = manifest.environment;
  const parameters = runParameters(manifest, (path) =>
    snapshot === null ? null : code.text(snapshot, path, configBytes),
  );
  const { command, values } = parameters;
  const texts = textsOf(manifest, paths, configText(parameters));
  const path = scriptPath(manifest.cwd, command.script);
  const shared = sharedOf(manifest);
  const labels = labelsOf(manifest, path, shared);
  addPresence(labels, texts, manifest);
  const blob = snapshot === null ? undefined : code.tree(snapshot).files.get(path);
  const facts = measures(manifest);
  const ours = facts.length;
  for (const name in values) {
    if (facts.length - ours === mostFacts) break;
    facts.push(parameterFact(name, values[name] as ParameterValue));
  }
  metricFacts(manifest.metrics, facts);
  return {
    ...{ texts, facts, labels, shared },
    script: blob === undefined ? null : { path, blob: blob.hash, project: shared.project[0] ?? "" },
    lessons: { learned: manifest.narrative.learnings, next: manifest.narrative.next_steps },
  };
}

/** Where the script lies in the snapshot, or in all. Runs of one script come in a row. */
function scriptPath(cwd: string, script: string): string {
  if (script.startsWith("/")) return script;
  if (lastJoined.cwd !== cwd || lastJoined.script !== script)
    lastJoined = { cwd, script, path: posix.join(cwd, script) };
  return lastJoined.path;
}

let lastJoined = { cwd: "", script: "", path: "." };
