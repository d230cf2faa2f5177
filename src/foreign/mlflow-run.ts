/** What a run of MLflow is to us, whichever of its stores it lies in: states, tags with a meaning, where its artifacts are. */
import * as fs from "node:fs";
import { basename, join, relative, sep } from "node:path";
import { leftOutOnRequest } from "../core/foreign-origin.ts";
import { type ForeignRun, momentMs } from "./foreign-run.ts";
import { artifactsBelow } from "./small-file.ts";

/** A run as both stores describe it. */
export interface MlflowRecord {
  runId: string;
  name: string | null;
  experimentId: string;
  experiment: string | null;
  user: string | null;
  /** `FINISHED`, or its number in the file store. */
  status: unknown;
  startTime: unknown;
  endTime: unknown;
  deleted: boolean;
  artifactUri: string | null;
  parameters: Record<string, string>;
  tags: Record<string, string>;
  points: ForeignRun["points"];
}

/** mlflow.protos.service_pb2.RunStatus, whose numbers the file store writes. */
const numbered: Record<number, string> = { 1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED" };
const ended: Record<string, ForeignRun["status"]> = { FINISHED: "completed", FAILED: "failed", KILLED: "cancelled" };

export const statusWord = (status: unknown): string =>
  typeof status === "number" || /^\d+$/.test(String(status))
    ? (numbered[Number(status)] ?? String(status))
    : String(status).toUpperCase();

export const hasEnded = (record: MlflowRecord) => statusWord(record.status) in ended;

export interface MlflowOptions {
  /** The folder that everything must lie in. */
  root: string;
  /** In the root: where the run lies, in the file store; null in a database. */
  folder: string | null;
  artifacts: boolean;
}

/** The path of a local artifact URI; null for one that is elsewhere. */
function localPath(uri: string): string | null {
  if (/^file:/i.test(uri)) {
    try {
      return decodeURIComponent(uri.replace(/^file:(\/\/[^/]*)?/i, ""));
    } catch {
      return null;
    }
  }
  return /^[a-z][a-z0-9+.-]*:/i.test(uri) ? null : uri;
}

const isFolder = (path: string) => fs.lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** A folder within the root, however links lie; as path in it. */
function insideRoot(root: string, path: string): string | null {
  try {
    const real = relative(fs.realpathSync(root), fs.realpathSync(path));
    return real === "" || real.startsWith("..") || real.startsWith(sep) ? null : real;
  } catch {
    return null;
  }
}

/**
 * Where the artifacts lie below the root: beside the run, where the URI says, or by the end of the URI
 * (`…/<experiment>/<run>/artifacts`), since stores are moved and their URIs are absolute. Null where they are not there.
 */
function artifactFolder(record: MlflowRecord, { root, folder }: MlflowOptions): string | null {
  const candidates = folder === null ? [] : [join(root, folder, "artifacts")];
  const path = record.artifactUri === null ? null : localPath(record.artifactUri);
  if (path !== null) candidates.push(path.startsWith("/") ? path : join(root, path));
  const tail = /([^/\\]+[/\\][^/\\]+[/\\]artifacts)[/\\]?$/.exec(record.artifactUri ?? "")?.[1]?.replaceAll("\\", "/");
  if (tail !== undefined) for (const place of ["mlruns", "mlartifacts", ""]) candidates.push(join(root, place, tail));
  const found = candidates.find((candidate) => isFolder(candidate) && insideRoot(root, candidate) !== null);
  return found === undefined ? null : insideRoot(root, found);
}

function artifactsOf(record: MlflowRecord, options: MlflowOptions): Pick<ForeignRun, "files" | "remarks"> {
  if (!options.artifacts) return { files: [], remarks: [leftOutOnRequest("artifacts")] };
  const folder = artifactFolder(record, options);
  if (folder !== null) return artifactsBelow(fs.realpathSync(options.root), folder);
  const uri = record.artifactUri;
  if (uri === null || isFolder(join(options.root, options.folder ?? "", "artifacts")))
    return { files: [], remarks: [] };
  // Most runs have an address and nothing there; only what is surely elsewhere is worth a word.
  const elsewhere = localPath(uri) === null && !/^mlflow-artifacts:/i.test(uri);
  return { files: [], remarks: elsewhere ? [`Its artifacts are at ${uri.slice(0, 300)} and were not read.`] : [] };
}

const ourNotes = "mlflow.note.content";

/** Null where a text is missing or empty. */
const said = (text: string | undefined | null) => (text == null || text.trim() === "" ? null : text);

export function foreignRun(record: MlflowRecord, options: MlflowOptions): ForeignRun {
  const { tags, parameters, runId } = record;
  const word = statusWord(record.status);
  const { files, remarks } = artifactsOf(record, options);
  const startedMs = momentMs(record.startTime);
  const endedMs = momentMs(record.endTime);
  const source = said(tags["mlflow.source.name"]);
  return {
    system: "mlflow",
    originId: runId,
    name: said(tags["mlflow.runName"]) ?? said(record.name) ?? runId.slice(0, 8),
    experiment: record.experiment,
    user: said(tags["mlflow.user"]) ?? said(record.user),
    status: ended[word] ?? "cancelled",
    remarks: [
      ...(word in ended ? [] : [`MLflow has it as ${word.slice(0, 40)}: nobody recorded how it ended.`]),
      ...remarks,
    ],
    startedMs,
    endedMs: startedMs !== null && endedMs !== null ? Math.max(startedMs, endedMs) : endedMs,
    madeMs: startedMs ?? endedMs ?? 0,
    script: source === null ? null : basename(source.replaceAll("\\", "/")),
    parameters,
    tags,
    note: said(tags[ourNotes]),
    parentId: said(tags["mlflow.parentRunId"]),
    gitCommit: said(tags["mlflow.source.git.commit"]),
    files,
    points: record.points,
  };
}
