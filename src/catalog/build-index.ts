/**
 * Makes an index from nothing but run folders. Runs are read in the order of their ids, which is nearly that of their
 * arrival; with many runs other processes read (row-parts.ts) and this one writes.
 */
import type { BasePaths } from "../run/paths.ts";
import { listRunIds } from "../run/store.ts";
import { BulkFill } from "./bulk-fill.ts";
import { Catalog } from "./catalog.ts";
import { type DrawnRows, RowDrawer } from "./draw-rows.ts";
import { drawnApart } from "./row-parts.ts";
import { SteadySync } from "./steady-sync.ts";

const usualRunsAtOnce = 1000;
/** Fewer runs than that are read before another process has started. */
const readHere = 2000;

/** The rows of these runs, a chunk at a time. */
function* drawAll(base: BasePaths, chunks: Iterable<readonly string[]>): Generator<DrawnRows> {
  const drawer = new RowDrawer(base);
  for (const chunk of chunks) yield drawer.draw(chunk);
}

export interface BuildOptions {
  onProgress?(runs: number): void;
  /** Up to so many runs are read by this process. */
  readHere?: number;
  /** So many are read and written together. */
  runsAtOnce?: number;
}

/** A whole index at `path`, on the disk; what lay there is removed. Returns how many runs it has. */
export async function buildIndex(base: BasePaths, path: string, options: BuildOptions = {}): Promise<number> {
  const runIds = listRunIds(base).reverse();
  const alone = runIds.length <= (options.readHere ?? readHere);
  const runsAtOnce = options.runsAtOnce ?? usualRunsAtOnce;
  const chunks = Array.from({ length: Math.ceil(runIds.length / runsAtOnce) }, (_, at) =>
    runIds.slice(at * runsAtOnce, (at + 1) * runsAtOnce),
  );
  const fill = new BulkFill(base, path);
  const sync = new SteadySync(path);
  const refused: string[] = [];
  try {
    for await (const drawn of alone ? drawAll(base, chunks) : drawnApart(base, path, chunks)) {
      fill.add(drawn);
      sync.soon();
      refused.push(...drawn.refused);
      options.onProgress?.(fill.count);
    }
    fill.finish();
    if (refused.length > 0) addOneByOne(base, path, refused);
    await sync.finish();
  } finally {
    fill.close();
    await sync.close();
  }
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
