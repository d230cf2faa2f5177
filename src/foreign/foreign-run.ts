/**
 * A run as another tracker kept it, before it becomes a run folder of ours: what is known there and nothing that we would have to
 * make up. Readers (mlflow, tensorboard, csv) give these; lay-out.ts makes folders of them.
 */
import { MlError } from "../core/error.ts";
import { formatSize } from "../core/size.ts";
import { shownPath } from "../run/snapshot.ts";

export type ForeignSystem = "mlflow" | "tensorboard" | "csv";

export interface ForeignPoint {
  name: string;
  value: number;
  step: number | null;
  /** Seconds since 1970; 0 where it is not known. */
  t: number;
}

/** A file that becomes an artifact; it is read when its turn comes, below `root` and following no link. */
export interface ForeignFile {
  root: string;
  inside: string;
  /** Under work/. */
  as: string;
  sizeBytes: number;
  modifiedMs: number;
}

export interface ForeignRun {
  system: ForeignSystem;
  /** Its id there. */
  originId: string;
  name: string;
  experiment: string | null;
  user: string | null;
  status: "completed" | "failed" | "cancelled";
  /** What was noticed: how its status came about, what was left out; a sentence each. */
  remarks: string[];
  /** Milliseconds since 1970; null where it is not known. */
  startedMs: number | null;
  endedMs: number | null;
  /** For the day of its id, where it did not say when it started. */
  madeMs: number;
  /** The script, where it is known. */
  script: string | null;
  parameters: Record<string, string>;
  tags: Record<string, string>;
  note: string | null;
  /** `originId` of the run that it is nested in. */
  parentId: string | null;
  gitCommit: string | null;
  files: ForeignFile[];
  /** Called once; gives them in an order that is the same each time. */
  points(take: (point: ForeignPoint) => void): Promise<void>;
}

export interface ForeignStore {
  /** What was read, for people: `MLflow files`. */
  what: string;
  runs: ForeignRun[];
  /** What is there and is not taken: a sentence each. */
  leftOut: string[];
}

export const foreignLimits = {
  runs: 10_000,
  /** Of one text: a parameter, a tag, a note. */
  textBytes: 64 * 1024,
  /** Of one file that describes a run or an experiment. */
  recordBytes: 1024 * 1024,
  /** Files of one run that become artifacts. */
  files: 20_000,
  /** Of all artifacts and metrics; what the server takes by HTTP. */
  totalBytes: 8 * 1024 ** 3,
} as const;

/** One sentence on what cannot be read, with the file. */
export function unreadable(path: string, why: string): MlError {
  return new MlError("refused", `\`${shownPath(path)}\` cannot be imported: ${why}`, {
    hint: "nothing was kept; look with `--dry-run`, or leave such runs out with `--skip-broken`",
  });
}

export function tooMany(what: string): MlError {
  return new MlError("too_large", `${what}, and nothing was kept`, {
    hint: "import one experiment at a time with `--experiment NAME`, or without files with `--no-artifacts`",
  });
}

export const tooLong = (path: string, bytes: number) =>
  unreadable(path, `it is longer than ${formatSize(bytes)}, and what it should hold is not`);

/** A moment that a clock of the last century or of the next could not have told is none. */
export function momentMs(value: unknown): number | null {
  const ms = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  return typeof ms === "number" && Number.isFinite(ms) && ms > 0 && ms < 4_102_444_800_000 ? Math.round(ms) : null;
}
