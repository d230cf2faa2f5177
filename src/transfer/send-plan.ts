/**
 * What there is to send of a tree: all of it, or what has changed since the one that was brought before; and for each
 * changed file what stood in its place. Only thought out here: nothing is read, asked or sent.
 */
import type { Snapshot, SnapshotFile } from "../run/snapshot.ts";
import { changeBetween, isChange, type SnapshotChange } from "../run/snapshot-change.ts";
import { blobHash } from "./blob-hash.ts";
import type { PackEntry } from "./pack-content.ts";
import type { SentMemory, SentTree } from "./sent-tree.ts";

/** Below, a changed file is sent whole: its sums would cost as much. */
const leastDifferenceBytes = 4096;
/** Entries of a change that fits a frame with ease. */
const mostChanges = 2000;
const mostBases = 4000;
/** The list of more files travels as a blob, compressed, and the server reads off it what to ask for. */
const fewFiles = 200;

export interface Tree {
  root: string;
  files: readonly SnapshotFile[];
  hash: string;
  /** What `hash` is the hash of. */
  text: string;
}

export interface PlanOptions {
  /** Further blobs that belong to the submission, such as the git diff. */
  extra?: readonly { name: string; bytes: Uint8Array }[];
  /** What was brought before; nothing is taken for granted of it. */
  memory?: SentMemory;
}

function entriesOf(tree: Tree, files: readonly SnapshotFile[], options: PlanOptions): Map<string, PackEntry> {
  const entries = new Map<string, PackEntry>();
  for (const { path, kind, size, hash } of files) {
    if (kind !== "link") entries.set(hash, { hash, size, path, from: { file: `${tree.root}/${path}` } });
  }
  for (const { name, bytes } of options.extra ?? []) {
    const hash = blobHash(bytes);
    entries.set(hash, { hash, size: bytes.length, path: name, from: { bytes } });
  }
  return entries;
}

/** The content that stood in the place of another one, and whether the sums of it were kept. */
export interface PlannedBase {
  base: string;
  kept: boolean;
}

/** What one try sends: the whole tree, or what has changed since the one before. */
export interface Plan {
  entries: Map<string, PackEntry>;
  /** Stored first, so that the server reads off it what there is; null where naming the contents costs less. */
  list: PackEntry | null;
  commit: Snapshot | SnapshotChange | string;
  base: string | null;
  /** For contents that stand in the place of another one. */
  bases: Map<string, PlannedBase>;
}

export function planWhole(tree: Tree, before: SentTree | null, options: PlanOptions): Plan {
  const entries = entriesOf(tree, tree.files, options);
  const plan = { entries, base: null, bases: basesOf(tree.files, before, options) };
  if (tree.files.length <= fewFiles) return { ...plan, list: null, commit: { version: 1, files: [...tree.files] } };
  const bytes = new TextEncoder().encode(tree.text);
  const list = { hash: tree.hash, size: bytes.length, path: "the list of files", from: { bytes } };
  return { ...plan, list, commit: tree.hash };
}

/** Null where too much has changed for it to be worth while. */
export function planChange(tree: Tree, before: SentTree | null, options: PlanOptions): Plan | null {
  if (before === null) return null;
  const change = changeBetween(before, tree);
  if (change.set.length + change.removed.length > mostChanges) return null;
  const bases = basesOf(change.set, before, options);
  return { entries: entriesOf(tree, change.set, options), list: null, commit: change, base: before.hash, bases };
}

/** What stood in the place of each changed file before, where that is worth comparing with. */
function basesOf(
  files: readonly SnapshotFile[],
  before: SentTree | null,
  { memory }: PlanOptions,
): Map<string, PlannedBase> {
  const bases = new Map<string, PlannedBase>();
  if (before === null) return bases;
  const now = new Map(files.map((file) => [file.path, file]));
  for (const was of before.files) {
    const file = now.get(was.path);
    if (file === undefined || file.kind === "link" || was.kind === "link" || was.hash === file.hash) continue;
    if (Math.min(file.size, was.size) < leastDifferenceBytes) continue;
    bases.set(file.hash, { base: was.hash, kept: memory?.hasSums(was.hash) ?? false });
    if (bases.size === mostBases) break;
  }
  return bases;
}

/** Contents of so many bytes together are told of without asking first what the server has of them. */
const atOnceBytes = 4 * 1024 * 1024;
/** Of these, so many may go whole. */
const atOnceWholeBytes = 32 * 1024;
/** A change of so many entries fits one frame with ease. */
const atOnceChanges = 1000;

/**
 * The entries of a change that is worth sending before anything is asked: it is small, and what stood in the place of
 * what changed is known by its sums. `arrived` is there already. Null where it is not.
 */
export function planAtOnce(
  plan: Plan,
  { memory }: PlanOptions,
  arrived: ReadonlyMap<string, unknown>,
): PackEntry[] | null {
  const { commit, base } = plan;
  if (base === null || !isChange(commit) || commit.set.length + commit.removed.length > atOnceChanges) return null;
  const entries: PackEntry[] = [];
  let all = 0;
  let whole = 0;
  for (const [hash, entry] of plan.entries) {
    if (arrived.has(hash)) continue;
    const known = plan.bases.get(hash);
    const sums = known === undefined ? null : (memory?.sums(known.base) ?? null);
    if (known !== undefined && sums === null) return null;
    all += entry.size;
    whole += sums === null ? entry.size : 0;
    if (all > atOnceBytes || whole > atOnceWholeBytes) return null;
    entries.push(known === undefined || sums === null ? entry : { ...entry, by: { base: known.base, sums } });
  }
  return entries;
}
