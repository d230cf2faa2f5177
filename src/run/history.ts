/**
 * What people changed after queueing. Each change is first appended to history.jsonl (when, who, which field, new
 * value), then folded into the manifest: nothing a person did is ever overwritten without a trace. The manifest says how much
 * of its history it has (`history_bytes`), so what a crash left between the two is known whoever wrote it since, and
 * whatever the clock did: the next change of a person folds it first, and a start looks for it (`foldLateHistory`).
 * Folding twice changes nothing.
 */
import * as fs from "node:fs";
import { z } from "zod";
import { appendDurable } from "../core/durable.ts";
import { systemCode } from "../core/error.ts";
import { fault } from "../core/fault.ts";
import { parseJsonLines, readJsonLines } from "../core/json-lines.ts";
import { quoteCommand } from "../core/shell-quote.ts";
import { annotationSchema, type Manifest, narrativeSchema, requestedSchema } from "./manifest.ts";
import type { RunPaths } from "./paths.ts";
import { changeManifest, readManifest, requireManifest, requireWritable } from "./store.ts";

export interface HistoryEntry {
  /** RFC 3339, UTC. */
  at: string;
  by: string;
  /** Dotted key of the manifest: `priority`, `launch.held`, `annotations`, `narrative.outcome`. */
  field: string;
  value: unknown;
  /** What stood there before, of a field that a person may have written when queueing: no other record has it then. */
  was?: unknown;
  /** Why, where somebody said so. */
  reason?: string | null;
}

/** Who did what no person did. No key can be made for this name. */
export const serverName = "ml (server)";

type Fold = (manifest: Manifest, value: unknown, entry: HistoryEntry) => boolean;

/** A field of the narrative takes the value that history gives it, where it is one that may stand there. */
function narrativeFold(key: keyof typeof narrativeSchema.shape): Fold {
  return (manifest, value) => {
    const { data, success } = narrativeSchema.shape[key].safeParse(value);
    if (!success || Bun.deepEquals(data, manifest.narrative[key])) return false;
    Object.assign(manifest.narrative, { [key]: data });
    return true;
  };
}

/** A field that only a waiting run may change. */
function whileQueued<Value>(
  schema: z.ZodType<Value>,
  get: (manifest: Manifest) => Value,
  set: (manifest: Manifest, value: Value) => void,
): Fold {
  return (manifest, given) => {
    const { data, success } = schema.safeParse(given);
    if (!success || manifest.status !== "queued" || Bun.deepEquals(data, get(manifest))) return false;
    set(manifest, data);
    return true;
  };
}

const narrativeFolds = Object.fromEntries(
  Object.keys(narrativeSchema.shape).map((key) => [
    `narrative.${key}`,
    narrativeFold(key as keyof typeof narrativeSchema.shape),
  ]),
);

/** How an entry of a field becomes part of the manifest; false where it is there already, or comes too late. */
const folds: Record<string, Fold> = {
  ...narrativeFolds,
  "metadata.note"(manifest, value) {
    const fits = (typeof value === "string" || value === null) && manifest.metadata.note !== value;
    if (fits) manifest.metadata.note = value;
    return fits;
  },
  annotations(manifest, value) {
    const { data } = annotationSchema.safeParse(value);
    if (data === undefined) return false;
    const { timestamp, author, note } = data;
    const known = manifest.annotations.some((a) => a.timestamp === timestamp && a.author === author && a.note === note);
    if (!known) manifest.annotations.push(data);
    return !known;
  },
  priority(manifest, value) {
    const fits = typeof value === "number" && manifest.status === "queued" && manifest.priority !== value;
    if (fits) manifest.priority = value;
    return fits;
  },
  name: whileQueued(
    z.string(),
    (manifest) => manifest.name,
    (manifest, value) => {
      manifest.name = value;
    },
  ),
  argv: whileQueued(
    z.array(z.string()).min(1),
    (manifest) => manifest.argv,
    (manifest, value) => {
      manifest.argv = value;
      manifest.command = quoteCommand(value);
    },
  ),
  "launch.env": whileQueued(
    z.record(z.string(), z.string()),
    (manifest) => manifest.launch.env,
    (manifest, value) => {
      manifest.launch.env = value;
    },
  ),
  "launch.grace_seconds": whileQueued(
    z.number(),
    (manifest) => manifest.launch.grace_seconds,
    (manifest, value) => {
      manifest.launch.grace_seconds = value;
    },
  ),
  "resources.requested": whileQueued(
    requestedSchema,
    (manifest) => manifest.resources.requested,
    (manifest, value) => {
      manifest.resources.requested = value;
    },
  ),
  "launch.held"(manifest, value, { by, reason }) {
    const fits = typeof value === "boolean" && manifest.status === "queued" && manifest.launch.held !== value;
    if (fits) {
      manifest.launch.held = value;
      manifest.launch.held_why = value && by === serverName ? (reason ?? null) : null;
    }
    return fits;
  },
};

/** Makes an entry part of the manifest; false where that changes nothing, or comes too late. */
function fold(manifest: Manifest, entry: HistoryEntry): boolean {
  return folds[entry.field]?.(manifest, entry.value, entry) ?? false;
}

/** Appends entries durably, in one write. Throws `not_found` for a missing run, and system errors. */
export function appendHistory(paths: RunPaths, ...entries: readonly HistoryEntry[]): void {
  requireManifest(paths);
  appendDurable(paths.history, entries.map((entry) => JSON.stringify(entry)).join("\n"));
}

/** The same of many runs: durable only once the caller has synced the files and their folders, before anything follows from them. */
export function appendHistoryUnsynced(paths: RunPaths, entry: HistoryEntry): void {
  appendDurable(paths.history, JSON.stringify(entry), { sync: false });
}

/**
 * Appends the entry, then folds it into the manifest. `check` may throw where the manifest (read under its lock) does not allow
 * the change: then history has no word of it either. Errors of appendHistory and changeManifest.
 */
export function recordChange(paths: RunPaths, entry: HistoryEntry, check?: (manifest: Manifest) => void): Manifest {
  return recordChanges(paths, [entry], check);
}

/** The same for several fields at once: all of them are in history before the first is in the manifest. */
export function recordChanges(
  paths: RunPaths,
  entries: readonly HistoryEntry[],
  check?: (manifest: Manifest) => void,
): Manifest {
  requireManifest(paths);
  const sizeBytes = () => fs.statSync(paths.history, { throwIfNoEntry: false })?.size ?? 0;
  let appended: Appended | null = null;
  try {
    return changeManifest(paths, (manifest) => {
      check?.(manifest);
      requireWritable(manifest);
      const before = sizeBytes();
      if (saysNothing(manifest)) manifest.history_bytes = before;
      appendHistory(paths, ...entries);
      appended = { before, after: sizeBytes() };
      fault("server/after-history");
      foldLate(paths, manifest);
      return true;
    });
  } catch (cause) {
    if (appended !== null) takeBack(paths, appended);
    throw cause;
  }
}

/** Sizes of history.jsonl. */
interface Appended {
  before: number;
  after: number;
}

/** A change that is said to have failed must not come true later: takes its entries back, where they are the last and in no manifest. */
function takeBack(paths: RunPaths, { before, after }: Appended): void {
  const read = readManifest(paths.manifest);
  if (read.kind !== "ok" || read.manifest.history_bytes === after) return;
  try {
    if (fs.statSync(paths.history).size === after) fs.truncateSync(paths.history, before);
  } catch {
    // Then it may come true after all; a failing disk is not told twice.
  }
}

/** All entries in order; torn lines are skipped. */
export function readHistory(paths: RunPaths): HistoryEntry[] {
  return readJsonLines<HistoryEntry>(paths.history).records;
}

function historyBytes(paths: RunPaths): Buffer {
  try {
    return fs.readFileSync(paths.history);
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return Buffer.alloc(0);
    throw cause;
  }
}

const newline = 10;

/** Of an imported run, before this was noted: the names and ids in its history are those of elsewhere, and what counts here is in the manifest. */
function saysNothing({ history_bytes: known, lineage }: Manifest): boolean {
  return known == null && lineage.kind === "import";
}

/**
 * Folds into the manifest what its history has beyond it: all of it where the manifest says nothing, or what cannot be true of
 * this file. Of a field with one value the last entry counts; a torn last line does not count yet. True where that changed
 * what the manifest says of the run.
 */
export function foldLate(paths: RunPaths, manifest: Manifest): boolean {
  const bytes = historyBytes(paths);
  const known = manifest.history_bytes ?? 0;
  const isEndOfLine = known === bytes.length || bytes[known - 1] === newline || bytes[known] === newline;
  const from = known <= bytes.length && isEndOfLine ? known : 0;
  const end = bytes.lastIndexOf(newline) + 1;
  const last = new Map<string, HistoryEntry>();
  for (const [index, entry] of parseJsonLines<HistoryEntry>(bytes.toString("utf8", from, end)).records.entries())
    last.set(entry.field === "annotations" ? `${entry.field} ${index}` : entry.field, entry);
  manifest.history_bytes = Math.max(from, end);
  return [...last.values()].filter((entry) => fold(manifest, entry)).length > 0;
}

/**
 * Folds what a crash left in history alone, and returns true where there was any. A run without a history costs one look,
 * others their manifest; nothing is written where nothing was left. Errors of changeManifest.
 */
export function foldLateHistory(paths: RunPaths): boolean {
  const sizeBytes = fs.statSync(paths.history, { throwIfNoEntry: false })?.size ?? 0;
  if (sizeBytes === 0) return false;
  const manifest = requireManifest(paths);
  if (manifest.history_bytes === sizeBytes || saysNothing(manifest) || !foldLate(paths, manifest)) return false;
  changeManifest(paths, (now) => foldLate(paths, now));
  return true;
}
