/**
 * Several processes that read files side by side: a hand takes batches of paths on its stdin and answers with what it
 * read, a line of JSON each. Processes, not threads: a read that hangs on a mount stops one hand, and all of them are
 * killed with their group. Little work is done at once, without anybody's help.
 */
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { writeAll } from "../core/durable.ts";
import { messageOf, systemCode } from "../core/error.ts";
import { ownCommand } from "../core/own-command.ts";
import { type Courtesy, Pace } from "./pace.ts";
import { type ReadFile, readDataFile } from "./read-file.ts";

export interface Orders {
  root: string;
  /** Where the files are copied to, verified as they go; null: they are only read. */
  target: string | null;
  /** For one hand; null: as fast as it goes. */
  bytesPerSecond: number | null;
  /** Slows down while the source is busy with others; null: it is not asked. */
  courtesy: Courtesy | null;
}

export interface Wanted {
  path: string;
  sizeBytes: number;
  /** What it must be, where that is known: a copy of anything else is thrown away. */
  sha256: string | null;
  /** A file with that content on the same disk, which may be linked to instead. */
  twin?: string | null;
}

export interface Row extends Pick<ReadFile, "sizeBytes" | "mtimeMs" | "ctimeMs" | "sha256" | "changedWhileReading"> {
  path: string;
  hashedMs: number;
  /** Why it could not be read; then the other values say nothing. */
  failed: string | null;
  /** It is not what was wanted. */
  differs: boolean;
}

const batchFiles = 128;
const batchBytes = 16_000_000;
const aloneFiles = 64;
const aloneBytes = 8_000_000;
const tellEveryBytes = 8_000_000;

/** Without a sign for so long a hand counts as hung sooner or later. */
const tellEveryMs = 500;

const paceOf = ({ root, bytesPerSecond, courtesy }: Orders) =>
  new Pace({
    ...{ bytesPerSecond, courtesy },
    ask: () => {
      const startedMs = performance.now();
      fs.statfsSync(root);
      return performance.now() - startedMs;
    },
  });

const failedRow = (path: string, cause: unknown): Row => ({
  ...{ path, sizeBytes: 0, mtimeMs: 0, ctimeMs: 0, sha256: "", hashedMs: 0 },
  ...{ changedWhileReading: false, differs: false, failed: messageOf(cause) },
});

/** Set by the first file that could not be cloned: the file system, or another disk, will not clone the others either. */
let clones = true;

/** False where the two cannot share their blocks (FICLONE, ioctl_ficlone(2)); nothing is left then. */
function isCloned(from: string, to: string): boolean {
  if (!clones) return false;
  try {
    fs.copyFileSync(from, to, fs.constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch (cause) {
    clones = !["ENOTSUP", "EOPNOTSUPP", "EXDEV", "EINVAL", "ENOSYS"].includes(systemCode(cause) ?? "");
    fs.rmSync(to, { force: true });
    return false;
  }
}

/** Clones where the file system can, else copies while reading. */
function placeCopy(
  { path, twin }: Wanted,
  orders: Orders & { target: string },
  onBytes: (count: number) => void,
): ReadFile {
  const to = join(orders.target, path);
  fs.mkdirSync(dirname(to), { recursive: true });
  fs.rmSync(to, { force: true });
  if (twin != null) {
    try {
      fs.linkSync(twin, to);
      return readDataFile(to, { onBytes });
    } catch {
      // Another disk, or it is gone: copied like the rest.
    }
  }
  if (isCloned(join(orders.root, path), to)) return readDataFile(to, { onBytes });
  return readDataFile(join(orders.root, path), { copyTo: to, onBytes });
}

function work(wanted: Wanted, orders: Orders, onBytes: (count: number) => void): Row {
  const { path, sha256 } = wanted;
  const { target } = orders;
  try {
    const hashedMs = Date.now();
    const read =
      target === null
        ? readDataFile(join(orders.root, path), { onBytes })
        : placeCopy(wanted, { ...orders, target }, onBytes);
    const differs = sha256 === null ? target !== null && read.sizeBytes !== wanted.sizeBytes : sha256 !== read.sha256;
    if (differs && target !== null) fs.rmSync(join(target, path), { force: true });
    return { path, ...read, hashedMs, failed: null, differs };
  } catch (cause) {
    return failedRow(path, cause);
  }
}

const say = (value: object) => writeAll(1, Buffer.from(`${JSON.stringify(value)}\n`));

/** The process of one hand: orders, then batches, until its stdin ends. */
export function crewMain(orders: Orders): void {
  const pace = paceOf(orders);
  let untold = 0;
  let toldMs = performance.now();
  const onBytes = (count: number) => {
    pace.pass(count);
    untold += count;
    const nowMs = performance.now();
    if (untold < tellEveryBytes && nowMs - toldMs < tellEveryMs) return;
    say({ bytes: untold, rest: pace.rest });
    [untold, toldMs] = [0, nowMs];
  };
  const chunk = Buffer.alloc(1 << 16);
  const decoder = new TextDecoder();
  let pending = "";
  for (;;) {
    const count = fs.readSync(0, chunk, 0, chunk.length, null);
    if (count === 0) return;
    pending += decoder.decode(chunk.subarray(0, count), { stream: true });
    for (let end = pending.indexOf("\n"); end >= 0; end = pending.indexOf("\n")) {
      const batch = JSON.parse(pending.slice(0, end)) as Wanted[];
      pending = pending.slice(end + 1);
      const rows = batch.map((wanted) => work(wanted, orders, onBytes));
      say({ bytes: untold, rest: pace.rest, rows });
      [untold, toldMs] = [0, performance.now()];
    }
  }
}

function* batchesOf<W extends Wanted>(files: Iterable<W>): Generator<W[]> {
  let batch: W[] = [];
  let bytes = 0;
  for (const file of files) {
    batch.push(file);
    bytes += file.sizeBytes;
    if (batch.length < batchFiles && bytes < batchBytes) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

export interface CrewOptions<W extends Wanted> extends Orders {
  hands: number;
  /** How much there is, which decides how many hands it is worth. */
  total: { files: number; bytes: number };
  /** So many more were read, by a hand that rests so many times as long as it works. */
  onBytes(count: number, rest: number): void;
  onRow(row: Row, of: W): void;
}

/** Has every file read; asks for the next ones only when a hand is free. Throws where a hand is lost. */
export async function readAll<W extends Wanted>(files: Iterable<W>, options: CrewOptions<W>): Promise<void> {
  const { root, target, bytesPerSecond, courtesy, total, onBytes, onRow } = options;
  const orders: Orders = { root, target, bytesPerSecond, courtesy };
  if (total.files <= aloneFiles && total.bytes <= aloneBytes) {
    const pace = paceOf(orders);
    const note = (count: number) => {
      pace.pass(count);
      onBytes(count, pace.rest);
    };
    for (const file of files) onRow(work(file, orders, note), file);
    return;
  }
  const batches = batchesOf(files);
  const hands = Math.max(1, Math.min(options.hands, Math.ceil(total.files / 16), 64));
  const share = orders.bytesPerSecond === null ? null : orders.bytesPerSecond / hands;
  await Promise.all(
    Array.from({ length: hands }, () => runHand({ ...orders, bytesPerSecond: share }, batches, { onBytes, onRow })),
  );
}

async function runHand<W extends Wanted>(
  orders: Orders,
  batches: Generator<W[]>,
  { onBytes, onRow }: Pick<CrewOptions<W>, "onBytes" | "onRow">,
): Promise<void> {
  const first = batches.next();
  if (first.done === true) return;
  // Of our own group, so that one signal ends all.
  const hand = Bun.spawn([...ownCommand("__data"), JSON.stringify({ kind: "crew", orders })], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "ignore",
  });
  /** What it has in hand; it answers in this order. */
  const given: W[][] = [];
  const send = (batch: W[]) => {
    given.push(batch);
    hand.stdin.write(`${JSON.stringify(batch)}\n`);
    void hand.stdin.flush();
  };
  send(first.value);
  const decoder = new TextDecoder();
  let pending = "";
  for await (const chunk of hand.stdout) {
    pending += decoder.decode(chunk, { stream: true });
    for (let end = pending.indexOf("\n"); end >= 0; end = pending.indexOf("\n")) {
      const told = JSON.parse(pending.slice(0, end)) as { bytes: number; rest: number; rows?: Row[] };
      pending = pending.slice(end + 1);
      if (told.bytes > 0 || told.rest > 0) onBytes(told.bytes, told.rest);
      if (told.rows === undefined) continue;
      const batch = given.shift() ?? [];
      const next = batches.next();
      if (next.done !== true) send(next.value);
      else if (given.length === 0) hand.stdin.end();
      for (const [at, of] of batch.entries()) onRow(told.rows[at] ?? failedRow(of.path, new Error("no answer")), of);
    }
  }
  await hand.exited;
  if (given.length > 0) throw new Error(`a process that reads files ended early (${hand.signalCode ?? hand.exitCode})`);
}
