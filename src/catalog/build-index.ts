/**
 * Makes an index from nothing but run folders. Runs are read in the order of their ids, which is nearly that of their
 * arrival; reading and writing cost about the same, so with many runs other processes read and this one writes.
 */
import * as fs from "node:fs";
import { availableParallelism } from "node:os";
import { ownCommand, ownEnvironment } from "../core/own-command.ts";
import type { BasePaths } from "../run/paths.ts";
import { listRunIds } from "../run/store.ts";
import { BulkFill } from "./bulk-fill.ts";
import { Catalog } from "./catalog.ts";
import { CodeFiles } from "./code-files.ts";
import { type Gathered, gather } from "./gather.ts";

/** Runs that are read and written together. */
export const runsAtOnce = 2000;
/** Fewer runs than that are read before another process has started. */
const readHere = 2000;
const mostReaders = 3;

function* chunksOf(runIds: readonly string[]): Generator<readonly string[]> {
  for (let at = 0; at < runIds.length; at += runsAtOnce) yield runIds.slice(at, at + runsAtOnce);
}

/** What the folders of these runs hold, a chunk at a time; runs that are gone are left out. */
export function* gatherAll(base: BasePaths, runIds: readonly string[]): Generator<Gathered[]> {
  const code = new CodeFiles(base);
  for (const chunk of chunksOf(runIds)) yield chunk.flatMap((runId) => gather(base, runId, code) ?? []);
}

/** One process that reads: ids in, a line of JSON for each chunk out. It ends when nobody reads them any more. */
class Reader {
  private readonly lines: AsyncGenerator<string>;
  readonly stop: () => void;

  constructor(base: BasePaths, runIds: readonly string[]) {
    const child = Bun.spawn([...ownCommand("__index"), "read", base.base], {
      ...{ cwd: "/", env: ownEnvironment(), stdin: "pipe", stdout: "pipe", stderr: "inherit" },
    });
    child.stdin.write(runIds.join("\n"));
    void child.stdin.end();
    this.lines = linesOf(child.stdout);
    this.stop = () => child.kill("SIGKILL");
  }

  async next(): Promise<Gathered[]> {
    const { value, done } = await this.lines.next();
    if (done === true) throw new Error("a process that reads run folders has ended early");
    return JSON.parse(value) as Gathered[];
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let parts: Uint8Array[] = [];
  for await (const bytes of stream) {
    let from = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
      parts.push(bytes.subarray(from, end));
      yield Buffer.concat(parts).toString("utf8");
      parts = [];
      from = end + 1;
    }
    parts.push(bytes.subarray(from));
  }
}

/** As gatherAll, by other processes in turn. */
async function* gatherApart(base: BasePaths, runIds: readonly string[]): AsyncGenerator<Gathered[]> {
  const chunks = [...chunksOf(runIds)];
  const count = Math.max(1, Math.min(mostReaders, availableParallelism() - 1));
  const readers = Array.from({ length: count }, (_, own) => {
    return new Reader(base, chunks.filter((_, at) => at % count === own).flat());
  });
  try {
    for (const at of chunks.keys()) yield await (readers[at % count] as Reader).next();
  } finally {
    for (const reader of readers) reader.stop();
  }
}

export interface BuildOptions {
  onProgress?(runs: number): void;
  /** Up to so many runs are read by this process. */
  readHere?: number;
}

/** A whole index at `path`, on the disk; what lay there is removed. Returns how many runs it has. */
export async function buildIndex(base: BasePaths, path: string, options: BuildOptions = {}): Promise<number> {
  const runIds = listRunIds(base).reverse();
  const alone = runIds.length <= (options.readHere ?? readHere);
  const fill = new BulkFill(base, path);
  const refused: string[] = [];
  try {
    for await (const chunk of alone ? gatherAll(base, runIds) : gatherApart(base, runIds)) {
      for (const { keyed } of fill.add(chunk)) refused.push(keyed.record.run_id);
      options.onProgress?.(fill.count);
    }
    fill.finish();
  } catch (cause) {
    fill.close();
    throw cause;
  }
  if (refused.length > 0) addOneByOne(base, path, refused);
  syncFile(path);
  return fill.count + refused.length;
}

function addOneByOne(base: BasePaths, path: string, runIds: readonly string[]): void {
  const catalog = Catalog.open(base, path);
  try {
    if (catalog.replaced !== null) throw new Error(`what was written cannot be read: ${catalog.replaced}`);
    for (const runId of runIds) catalog.apply(runId);
    catalog.search.catchUp(Number.POSITIVE_INFINITY);
  } finally {
    catalog.close();
  }
}

/** Once, before it takes another's place: nothing was synced on the way. */
function syncFile(path: string): void {
  const fd = fs.openSync(path, "r+");
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}
