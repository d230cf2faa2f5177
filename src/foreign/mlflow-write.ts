/**
 * Runs of ours as a file store of MLflow's, which `mlflow.search_runs`, its user interface and `mlflow server` read. What MLflow has
 * no field for travels as tags `ml.…`; a run that once came from MLflow gets its own id, parameters and tags back.
 */
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { isForeign } from "../core/foreign-origin.ts";
import type { Manifest } from "../run/manifest.ts";
import { decodeMetricValue } from "../run/metric-value.ts";
import { scanMetrics } from "../run/metrics.ts";
import { MlflowNames } from "./mlflow-names.ts";
import { narrativeTags } from "./mlflow-words.ts";

export interface LeavingRun {
  manifest: Manifest;
  /** Its run folder, unpacked; artifacts may be missing from it. */
  folder: string;
  /** As the server reads them from arguments and config files. */
  parameters: Readonly<Record<string, unknown>>;
}

const hashed = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");
const numbers: Record<string, number> = { completed: 3, failed: 4, cancelled: 5 };

const isOfMlflow = (manifest: Manifest) => isForeign(manifest) && manifest.lineage.origin?.from === "mlflow";

/** 32 hexadecimal digits: its own where it came from MLflow, else such as follow from our id. */
export function mlflowId(manifest: Manifest): string {
  const own = manifest.lineage.origin?.run_id ?? "";
  return isOfMlflow(manifest) && /^[0-9a-f]{32}$/.test(own) ? own : hashed(manifest.run_id).slice(0, 32);
}

const defaultName = "Default";
const experimentOf = ({ narrative }: Manifest) => narrative.experiment_group ?? defaultName;
/** MLflow's first experiment is 0; the others have 18 digits there too. */
const experimentId = (name: string) =>
  name === defaultName
    ? "0"
    : String((BigInt(`0x${hashed(name).slice(0, 15)}`) % 900_000_000_000_000_000n) + 100_000_000_000_000_000n);

/** JSON texts and numbers are YAML. */
const yaml = (fields: Record<string, unknown>) =>
  Object.entries(fields)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
    .join("");

function put(path: string, text: string): void {
  fs.mkdirSync(dirname(path), { recursive: true });
  fs.writeFileSync(path, text);
}

function putTexts(folder: string, texts: Readonly<Record<string, string>>): void {
  fs.mkdirSync(folder, { recursive: true });
  const names = new MlflowNames();
  for (const [name, text] of Object.entries(texts)) put(join(folder, names.pathOf(name)), text);
}

const msOf = (iso: string | null) => (iso === null ? null : Date.parse(iso));

/** As Python reads a float. */
function valueText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

const flushLines = 20_000;

/** A file a metric, a line a value: `timestamp value step`. A point without a step is counted. */
async function putMetrics(run: LeavingRun, folder: string): Promise<void> {
  fs.mkdirSync(folder, { recursive: true });
  const names = new MlflowNames();
  const counts = new Map<string, number>();
  const waiting = new Map<string, string[]>();
  const logged = new Set<string>();
  const elseMs = msOf(run.manifest.ended_at) ?? msOf(run.manifest.started_at) ?? msOf(run.manifest.queued_at) ?? 0;
  let held = 0;
  const flush = () => {
    for (const [path, lines] of waiting) {
      const full = join(folder, path);
      fs.mkdirSync(dirname(full), { recursive: true });
      fs.appendFileSync(full, lines.join(""));
    }
    waiting.clear();
    held = 0;
  };
  // What the script logged itself goes before what was found beside it, as everywhere.
  for (const file of ["metrics.jsonl", "metrics.passive.jsonl"]) {
    const here = new Set<string>();
    await scanMetrics(join(run.folder, file), {
      onPoint: ({ name, value, step, t }) => {
        if (logged.has(name)) return;
        here.add(name);
        const path = names.pathOf(name);
        const count = counts.get(path) ?? 0;
        counts.set(path, count + 1);
        const at = t > 0 ? Math.round(t * 1000) : elseMs;
        const line = `${at} ${valueText(decodeMetricValue(value) ?? Number.NaN)} ${step === null ? count : Math.round(step)}\n`;
        const lines = waiting.get(path) ?? [];
        lines.push(line);
        waiting.set(path, lines);
        held += 1;
        if (held >= flushLines) flush();
      },
    });
    for (const name of here) logged.add(name);
  }
  flush();
}

function tagsOf({ manifest }: LeavingRun, ids: ReadonlyMap<string, string>): Record<string, string> {
  const { narrative, lineage, environment, metadata, user, name, run_id: runId } = manifest;
  const parent = ids.get(narrative.parent_run ?? lineage.source_run ?? "");
  const own = isForeign(manifest) ? (lineage.origin?.tags ?? {}) : {};
  const whose = isForeign(manifest) ? (lineage.origin?.user ?? user) : user;
  return {
    ...(isForeign(manifest)
      ? {}
      : { "mlflow.source.name": manifest.command, "mlflow.source.type": "LOCAL", "ml.status": manifest.status }),
    ...(environment.git_commit === null ? {} : { "mlflow.source.git.commit": environment.git_commit }),
    "mlflow.user": whose,
    ...own,
    "mlflow.runName": name,
    ...(metadata.note === null ? {} : { "mlflow.note.content": metadata.note }),
    ...(parent === undefined ? {} : { "mlflow.parentRunId": parent }),
    ...narrativeTags(manifest),
    ...(manifest.failure === null ? {} : { "ml.failure": `${manifest.failure.kind}: ${manifest.failure.message}` }),
    "ml.run_id": runId,
  };
}

/** Files that the script made; of our own runs also what it printed, and the record. Returns how many. */
function putArtifacts({ manifest, folder }: LeavingRun, target: string): number {
  fs.mkdirSync(target, { recursive: true });
  let count = 0;
  const copy = (from: string, as: string) => {
    const path = join(folder, from);
    if (fs.lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) return;
    fs.mkdirSync(dirname(join(target, as)), { recursive: true });
    fs.copyFileSync(path, join(target, as));
    fs.chmodSync(join(target, as), 0o644);
    count += 1;
  };
  for (const { path } of manifest.artifacts?.files ?? []) copy(`work/${path}`, path);
  if (isForeign(manifest)) return count;
  for (const name of ["run_manifest.json", "output.log", "stdout.log", "stderr.log"]) copy(name, `ml/${name}`);
  return count;
}

export interface MlflowStore {
  experiments: number;
  runs: { run_id: string; mlflow_id: string; experiment: string }[];
  artifacts: number;
}

/** Writes the store into `folder`; `finalFolder` is where it will stand, since MLflow's addresses are absolute. */
export async function writeMlflow(
  runs: readonly LeavingRun[],
  { folder, finalFolder }: { folder: string; finalFolder: string },
): Promise<MlflowStore> {
  const ids = new Map(runs.map(({ manifest }) => [manifest.run_id, mlflowId(manifest)]));
  const uri = (path: string) => pathToFileURL(join(finalFolder, path)).href;
  const groups = Map.groupBy(runs, ({ manifest }) => experimentOf(manifest));
  const written: MlflowStore = { experiments: groups.size, runs: [], artifacts: 0 };
  for (const [name, members] of groups) {
    const id = experimentId(name);
    const times = members.flatMap(({ manifest }) => msOf(manifest.queued_at) ?? []);
    put(
      join(folder, id, "meta.yaml"),
      yaml({
        artifact_location: uri(id),
        creation_time: times.reduce((a, b) => Math.min(a, b), times[0] ?? 0),
        experiment_id: id,
        last_update_time: times.reduce((a, b) => Math.max(a, b), 0),
        lifecycle_stage: "active",
        name,
      }),
    );
    for (const run of members) {
      const { manifest } = run;
      const runId = ids.get(manifest.run_id) ?? "";
      const target = join(folder, id, runId);
      const tags = tagsOf(run, ids);
      put(
        join(target, "meta.yaml"),
        yaml({
          artifact_uri: uri(`${id}/${runId}/artifacts`),
          end_time: msOf(manifest.ended_at),
          entry_point_name: "",
          experiment_id: id,
          lifecycle_stage: "active",
          run_id: runId,
          run_name: manifest.name,
          run_uuid: runId,
          source_name: "",
          source_type: 4,
          source_version: "",
          start_time: msOf(manifest.started_at) ?? msOf(manifest.queued_at),
          status: numbers[manifest.status] ?? 4,
          tags: [],
          user_id: tags["mlflow.user"],
        }),
      );
      const parameters = isForeign(manifest) ? (manifest.lineage.origin?.parameters ?? {}) : run.parameters;
      putTexts(
        join(target, "params"),
        Object.fromEntries(Object.entries(parameters).map(([key, value]) => [key, String(value)])),
      );
      putTexts(join(target, "tags"), tags);
      await putMetrics(run, join(target, "metrics"));
      written.artifacts += putArtifacts(run, join(target, "artifacts"));
      written.runs.push({ run_id: manifest.run_id, mlflow_id: runId, experiment: name });
    }
  }
  return written;
}
