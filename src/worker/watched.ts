/**
 * Whether somebody watches: a server marks it in the base, since server and workers share nothing else. While watched, a
 * worker looks at its cards and runs every second and says what it sees; else it stays as quiet as there is nothing to do.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import type { BasePaths } from "../run/paths.ts";

/** After this long without a new mark nobody watches any more. */
export const watchedMs = 15_000;

const markOf = (base: BasePaths) => join(base.workers, ".watched");

/** Says that somebody watches from now on. A disk that takes no mark shows older figures. */
export function markWatched(base: BasePaths): void {
  try {
    fs.writeFileSync(markOf(base), "");
    const now = new Date();
    fs.utimesSync(markOf(base), now, now);
  } catch {
    // Said above.
  }
}

export function isWatched(base: BasePaths): boolean {
  const stat = fs.statSync(markOf(base), { throwIfNoEntry: false });
  return stat !== undefined && Math.abs(Date.now() - stat.mtimeMs) < watchedMs;
}
