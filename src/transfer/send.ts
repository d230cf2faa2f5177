/**
 * Bringing a snapshot to the server: ask which blobs it lacks, send those in packs, commit the tree. What has been
 * brought before is built upon: only the entries that changed are named, and a changed file travels as what differs.
 * A dropped connection costs only what was under way: the server is asked again and gets the rest. Nothing is queued here.
 */
import { MlError, messageOf } from "../core/error.ts";
import type { SentAhead } from "./ahead.ts";
import { blobHash } from "./blob-hash.ts";
import { decodeSums } from "./block-sums.ts";
import type { Arrived, KnownBase, OfferedBase } from "./offer.ts";
import type { PackEntry } from "./pack-content.ts";
import { type Putter, putPack } from "./send-packs.ts";
import { type Plan, type PlanOptions, planAtOnce, planChange, planWhole, type Tree } from "./send-plan.ts";

/** What the client's connection must be able to do; both throw MlError, `unreachable` or `try_later` where a retry may help. */
export interface Sender extends Putter {
  ask(name: "snapshot.known", body: { snapshot: string; hashes: string[] }): Promise<{ known: boolean }>;
  ask(
    name: "snapshot.offer",
    body: {
      snapshot: string;
      hashes: string[];
      listed: { from: number; count: number } | null;
      base: string | null;
      bases: { at: number; base: string; sums?: boolean }[];
    },
  ): Promise<{
    known: boolean;
    base_known: boolean;
    all: boolean;
    missing: string[];
    bases: KnownBase[];
    arrived: Arrived[];
  }>;
  ask(name: "snapshot.commit", body: { tree: unknown }): Promise<{ snapshot: string }>;
}

export interface SendProgress {
  sentBytes: number;
  totalBytes: number;
  /** Files begun, of `totalFiles`. */
  files: number;
  totalFiles: number;
}

export interface SendOptions extends PlanOptions {
  onProgress?: (progress: SendProgress) => void;
  signal?: AbortSignal;
  /** False where the server is on this machine. */
  compress?: boolean;
  /** At most so much on the wire. */
  bytesPerSecond?: number | null;
  /** Tries in a row that brought nothing new before giving up. */
  tries?: number;
  /** What goes there while the tree is hashed. */
  ahead?: { arrived(): Promise<ReadonlyMap<string, SentAhead>> };
  /** Replaced in tests. */
  sleep?: (ms: number) => Promise<void>;
}

export interface Sent {
  snapshot: string;
  /** Blobs that travelled, their bytes, and the bytes on the wire. */
  blobs: number;
  rawBytes: number;
  wireBytes: number;
}

const offerHashes = 12_000;
/** Content bytes of one pack: small enough for any server's body limit, large enough to compress well. */
const packBytes = 48 * 1024 * 1024;
interface Offered {
  known: boolean;
  missing: string[];
  baseKnown: boolean;
  /** By the content that is missing: the sums of what it can be told by, empty where they were kept. */
  bases: Map<string, string>;
  arrived: Arrived[];
}

/** Asks for one part after the other; `listed` contents by their places in the list that the server has, others by name. */
async function offer(sender: Sender, tree: Tree, plan: Plan): Promise<Offered> {
  const offered: Offered = { known: false, missing: [], baseKnown: false, bases: new Map(), arrived: [] };
  const listed = plan.list === null ? [] : tree.files.map(({ hash, kind }) => (kind === "link" ? "" : hash));
  const inList = new Set(listed);
  const named = [...plan.entries.keys()].filter((hash) => !inList.has(hash) || plan.bases.has(hash));
  const missing = new Set<string>();
  for (let at = 0; at < Math.max(listed.length, named.length) || at === 0; at += offerHashes) {
    const hashes = named.slice(at, at + offerHashes);
    const places = listed.slice(at, at + offerHashes);
    const asked = [...places.filter((hash) => hash !== ""), ...hashes];
    const bases = hashes.flatMap((hash, at): OfferedBase[] => {
      const known = plan.bases.get(hash);
      return known === undefined ? [] : [{ at, base: known.base, sums: !known.kept }];
    });
    const reply = await sender.ask("snapshot.offer", {
      snapshot: tree.hash,
      hashes,
      listed: places.length === 0 ? null : { from: at, count: places.length },
      base: plan.base,
      bases: bases.map(({ at, base, sums }) => (sums ? { at, base, sums } : { at, base })),
    });
    for (const hash of reply.all ? asked : reply.missing) missing.add(hash);
    offered.known = reply.known;
    offered.baseKnown = reply.base_known;
    for (const [index, sums] of reply.bases.entries()) {
      const hash = hashes[bases[index]?.at ?? -1];
      if (sums !== null && hash !== undefined) offered.bases.set(hash, sums);
    }
    offered.arrived.push(...reply.arrived);
  }
  return { ...offered, missing: [...missing] };
}

/** The entries that are missing, each told by what the server has of it. `tried`: those that are sent whole now. */
function lackingOf(plan: Plan, offered: Offered, { tried, options }: { tried: Set<string>; options: SendOptions }) {
  const arrived = new Map(offered.arrived.map((part) => [part.hash, part]));
  return offered.missing.flatMap((hash): PackEntry[] => {
    const entry = plan.entries.get(hash);
    if (entry === undefined) return [];
    const part = arrived.get(hash);
    if (part !== undefined && part.bytes <= entry.size && "file" in entry.from && !tried.has(`rest ${hash}`)) {
      tried.add(`rest ${hash}`);
      return [{ ...entry, by: { arrivedBytes: part.bytes, arrivedHash: part.sha256 } }];
    }
    const text = offered.bases.get(hash);
    const base = plan.bases.get(hash)?.base;
    if (text === undefined || base === undefined || tried.has(hash)) return [entry];
    tried.add(hash);
    const sums = text === "" ? options.memory?.sums(base) : decodeSums(Buffer.from(text, "base64"));
    return sums == null ? [entry] : [{ ...entry, by: { base, sums } }];
  });
}

function* packsOf(entries: readonly PackEntry[]): Generator<PackEntry[]> {
  let pack: PackEntry[] = [];
  let size = 0;
  for (const entry of entries) {
    if (pack.length > 0 && size + entry.size > packBytes) {
      yield pack;
      pack = [];
      size = 0;
    }
    pack.push(entry);
    size += entry.size;
  }
  if (pack.length > 0) yield pack;
}

const retryable = new Set(["unreachable", "try_later", "timed_out"]);

function mayRetry(cause: unknown): boolean {
  return cause instanceof MlError ? retryable.has(cause.code) : true;
}

/**
 * Sends what the server lacks of `tree` (from collectTree) and commits it. Throws MlError: `conflict` for a file that
 * changed meanwhile, `failed` when interrupted, what the server says, or the last connection error; nothing is queued
 * then, and what has arrived is not sent twice.
 */
export async function sendSnapshot(sender: Sender, tree: Tree, options: SendOptions = {}): Promise<Sent> {
  const sent: Sent = { snapshot: tree.hash, blobs: 0, rawBytes: 0, wireBytes: 0 };
  const sleep = options.sleep ?? Bun.sleep;
  const tried = new Set<string>();
  if (options.memory?.isTree(tree.hash) && (await isKnown(sender, tree, options).catch(() => false))) return sent;
  const before = options.memory?.tree() ?? null;
  let plan = planChange(tree, before, options) ?? planWhole(tree, before, options);
  const arrived: ReadonlyMap<string, SentAhead> = (await options.ahead?.arrived()) ?? new Map();
  for (const { size, wireBytes } of arrived.values()) {
    sent.blobs += 1;
    sent.rawBytes += size;
    sent.wireBytes += wireBytes;
  }
  if (await sendAtOnce(sender, plan, { sent, options, arrived })) {
    options.memory?.keepTree(tree.text);
    return sent;
  }
  let fewestMissing = Number.POSITIVE_INFINITY;
  for (let idle = 0; ; ) {
    try {
      options.signal?.throwIfAborted();
      if (plan.list !== null && (await isKnownOrListed(sender, tree, { list: plan.list, sent, options }))) return sent;
      const offered = await offer(sender, tree, plan);
      if (plan.base !== null && !offered.baseKnown) {
        plan = planWhole(tree, before, options);
        continue;
      }
      idle = offered.missing.length < fewestMissing ? 0 : idle;
      fewestMissing = Math.min(fewestMissing, offered.missing.length);
      const lacking = lackingOf(plan, offered, { tried, options });
      if (lacking.length > 0) await sendPacks(sender, lacking, { sent, options, tree: plan.commit });
      else if (!offered.known) await sender.ask("snapshot.commit", { tree: plan.commit });
      if (before?.hash !== tree.hash) options.memory?.keepTree(tree.text);
      return sent;
    } catch (cause) {
      if (options.signal?.aborted) throw interrupted(cause);
      const swept = cause instanceof MlError && cause.code === "snapshot_missing";
      // Not only what changed was lacking: next time everything is offered.
      if (swept) plan = planWhole(tree, before, options);
      idle += 1;
      if (idle >= (options.tries ?? 5) || !(mayRetry(cause) || swept)) throw asSendError(cause);
      await sleep(Math.min(200 * 2 ** idle, 5000));
    }
  }
}

/** True where the server has the tree already, with all that belongs to it. */
async function isKnown(sender: Sender, tree: Tree, options: SendOptions): Promise<boolean> {
  const hashes = (options.extra ?? []).map(({ bytes }) => blobHash(bytes));
  const { known } = await sender.ask("snapshot.known", { snapshot: tree.hash, hashes });
  if (known && !options.memory?.isTree(tree.hash)) options.memory?.keepTree(tree.text);
  return known;
}

/** Asks whether the tree is known while its list goes there already; where it is, the list is stopped. */
async function isKnownOrListed(
  sender: Sender,
  tree: Tree,
  { list, sent, options }: { list: PackEntry; sent: Sent; options: SendOptions },
): Promise<boolean> {
  const needless = new AbortController();
  const signals = options.signal === undefined ? [needless.signal] : [needless.signal, options.signal];
  const own = { ...options, onProgress: () => {}, signal: AbortSignal.any(signals) };
  const listed: Sent = { snapshot: tree.hash, blobs: 0, rawBytes: 0, wireBytes: 0 };
  const sending = sendPacks(sender, [list], { sent: listed, options: own, tree: null });
  sending.catch(() => {});
  if (await isKnown(sender, tree, options)) {
    needless.abort();
    return true;
  }
  await sending;
  sent.wireBytes += listed.wireBytes;
  return false;
}

/** What `PUT /trees` takes before its pack. */
function headOf(tree: Plan["commit"]): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify({ tree }));
  const head = new Uint8Array(4 + text.length);
  new DataView(head.buffer).setUint32(0, text.length, true);
  head.set(text, 4);
  return head;
}

/** With the last of the packs goes the tree, where there is one. */
async function sendPacks(
  sender: Sender,
  lacking: readonly PackEntry[],
  { sent, options, tree }: { sent: Sent; options: SendOptions; tree: Plan["commit"] | null },
): Promise<void> {
  const totalBytes = lacking.reduce((sum, entry) => sum + entry.size, 0);
  const before = { bytes: 0, files: 0 };
  for (const entries of packsOf(lacking)) {
    const isLast = before.files + entries.length === lacking.length;
    sent.wireBytes += await putPack(sender, entries, {
      ...putting(options),
      ...(isLast && tree !== null ? { path: "/trees", head: headOf(tree) } : { path: "/blobs" }),
      onProgress: (progress) =>
        options.onProgress?.({
          sentBytes: before.bytes + progress.rawBytes,
          totalBytes,
          files: before.files + progress.files,
          totalFiles: lacking.length,
        }),
    });
    before.bytes += entries.reduce((sum, entry) => sum + entry.size, 0);
    before.files += entries.length;
    sent.blobs += entries.length;
  }
  sent.rawBytes += totalBytes;
}

function putting(options: SendOptions) {
  return {
    compress: options.compress ?? true,
    bytesPerSecond: options.bytesPerSecond ?? null,
    memory: options.memory,
    signal: options.signal,
  };
}

/** A few edits, told by sums that were kept: sent with the tree itself, without a question before. False where that does not do. */
async function sendAtOnce(
  sender: Sender,
  plan: Plan,
  { sent, options, arrived }: { sent: Sent; options: SendOptions; arrived: ReadonlyMap<string, SentAhead> },
) {
  const entries = planAtOnce(plan, options, arrived);
  if (entries === null) return false;
  const head = headOf(plan.commit);
  try {
    const onProgress = () => {};
    sent.wireBytes += await putPack(sender, entries, { ...putting(options), path: "/trees", head, onProgress });
  } catch {
    return false; // Whatever it was: asking first finds out what is lacking, or says what is wrong.
  }
  sent.blobs += entries.length;
  sent.rawBytes += entries.reduce((sum, { size }) => sum + size, 0);
  return true;
}

function interrupted(cause: unknown): MlError {
  return new MlError("failed", "sending the code was interrupted; nothing was queued", {
    cause: messageOf(cause),
    hint: "run the same command again: what has arrived is not sent twice",
  });
}

function asSendError(cause: unknown): MlError {
  if (cause instanceof MlError) return cause;
  return new MlError("unreachable", "the connection was lost while the code was being sent; nothing was queued", {
    cause: messageOf(cause),
    hint: "run the same command again: what has arrived is not sent twice",
  });
}
