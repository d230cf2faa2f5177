/**
 * MLflow's file store: `<root>/<experiment>/<run>/` with meta.yaml and a file for each parameter, tag and metric, whose lines are
 * `timestamp value step` (mlflow/store/tracking/file_store.py). Folders `.trash`, `models`, `datasets` and `traces` hold no runs.
 */
import { join } from "node:path";
import { messageOf } from "../core/error.ts";
import { readLines } from "../harvest/lines.ts";
import { openRegular } from "../harvest/point.ts";
import { readMetricText } from "../run/metric-value.ts";
import { type ForeignPoint, foreignLimits, unreadable } from "./foreign-run.ts";
import type { MlflowRecord } from "./mlflow-run.ts";
import { entriesOf, filesBelow, smallText } from "./small-file.ts";

const lineBytes = 4096;

interface YamlRecord {
  values: Record<string, unknown>;
  /** A value as text; null where there is none. */
  text(key: string): string | null;
}

/** A record of MLflow's: a mapping of plain values. Throws `refused`. */
async function yamlOf(path: string): Promise<YamlRecord | null> {
  const text = await smallText(path, foreignLimits.recordBytes);
  if (text === null) return null;
  let value: unknown;
  try {
    value = Bun.YAML.parse(text);
  } catch (cause) {
    throw unreadable(path, `it is no YAML (${messageOf(cause).slice(0, 100)})`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw unreadable(path, "it is not a record of MLflow's");
  const values = value as Record<string, unknown>;
  return { values, text: (key) => plainText(values[key], key, text) };
}

/**
 * PyYAML, which wrote it, follows YAML 1.1, where `1e-3` and `0o7` are words and stand without quotes; ours follows 1.2, where
 * they are numbers. What is no string to us is read from its line as it stands there.
 */
function plainText(value: unknown, key: string, text: string): string | null {
  if (typeof value === "string") return value;
  if (value == null || typeof value === "object") return null;
  return new RegExp(`^${key}: *(.*?) *\r?$`, "m").exec(text)?.[1] ?? String(value);
}

/** Name → text, of a folder of small files; names with slashes are folders. */
async function textsBelow(folder: string): Promise<Record<string, string>> {
  const texts = new Map<string, string>();
  for (const path of filesBelow(folder).paths) {
    const text = await smallText(join(folder, path), foreignLimits.textBytes);
    if (text !== null) texts.set(path, text.replace(/\n$/, ""));
  }
  return Object.fromEntries(texts);
}

/** `1700000000000 0.25 3`; an old store has no step. Null where it is no such line. */
function pointOf(name: string, line: string): ForeignPoint | null {
  const [time = "", text = "", step = "0"] = line.trim().split(/\s+/);
  const [at, value, count] = [Number(time), readMetricText(text), Number(step)];
  if (value === null || !Number.isFinite(at) || !Number.isFinite(count)) return null;
  return { name, value, step: count, t: at / 1000 };
}

async function readMetricFile(path: string, name: string, take: (point: ForeignPoint) => void): Promise<void> {
  const file = await openRegular(path);
  if (file === null) return;
  let bad: string | null = null;
  try {
    const onLine = (line: string) => {
      const point = pointOf(name, line);
      if (point === null) bad = line;
      else take(point);
      return point !== null;
    };
    await readLines(file, { from: 0, ended: true, mostBytes: lineBytes, onLine });
  } finally {
    await file.handle.close();
  }
  if (bad !== null)
    throw unreadable(path, `a line is not \`timestamp value step\`: ${JSON.stringify(bad).slice(0, 80)}`);
}

/** Null where the folder is no run. Throws `refused` where it is one that cannot be read. */
async function recordOf(folder: string, experiment: { id: string; name: string | null }): Promise<MlflowRecord | null> {
  const meta = await yamlOf(join(folder, "meta.yaml"));
  if (meta === null) return null;
  const runId = meta.text("run_id") ?? meta.text("run_uuid");
  if (runId === null || runId === "" || runId.length > 256)
    throw unreadable(join(folder, "meta.yaml"), "it names no run");
  const metrics = join(folder, "metrics");
  return {
    runId,
    name: meta.text("run_name") ?? meta.text("name"),
    experimentId: experiment.id,
    experiment: experiment.name,
    user: meta.text("user_id"),
    status: meta.values.status,
    startTime: meta.values.start_time,
    endTime: meta.values.end_time,
    deleted: meta.values.lifecycle_stage === "deleted",
    artifactUri: meta.text("artifact_uri"),
    parameters: await textsBelow(join(folder, "params")),
    tags: await textsBelow(join(folder, "tags")),
    async points(take) {
      for (const path of filesBelow(metrics).paths) await readMetricFile(join(metrics, path), path, take);
    },
  };
}

export interface FoundRecord {
  record: MlflowRecord;
  /** In the root. */
  folder: string | null;
}

const noRuns = new Set([".trash", "models", "datasets", "traces", "tags"]);

/** True where the folder looks like a store of files: an experiment with its meta.yaml lies in it. */
export async function isFileStore(root: string): Promise<boolean> {
  for (const { name, kind } of entriesOf(root)) {
    if (kind !== "folder") continue;
    if (entriesOf(join(root, name)).some((entry) => entry.name === "meta.yaml" && entry.kind === "file")) return true;
  }
  return false;
}

/** Every run, experiment by experiment; `onBroken` may swallow what cannot be read, or throw it. */
export async function* readFileStore(root: string, onBroken: (cause: unknown) => void): AsyncGenerator<FoundRecord> {
  for (const { name: id, kind } of entriesOf(root)) {
    if (kind !== "folder" || noRuns.has(id)) continue;
    let experiment: YamlRecord | null = null;
    try {
      experiment = await yamlOf(join(root, id, "meta.yaml"));
    } catch (cause) {
      onBroken(cause);
    }
    if (experiment === null) continue;
    const known = { id, name: experiment.text("name") };
    for (const run of entriesOf(join(root, id))) {
      if (run.kind !== "folder" || noRuns.has(run.name)) continue;
      try {
        const record = await recordOf(join(root, id, run.name), known);
        if (record !== null) yield { record, folder: `${id}/${run.name}` };
      } catch (cause) {
        onBroken(cause);
      }
    }
  }
}
