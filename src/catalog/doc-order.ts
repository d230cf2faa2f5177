/**
 * The key of a run in the index: a number that grows in the order of arrival, so that reading by it is reading newest
 * first. It is made of the run's `sequence` and, among runs of one sequence, the rank of the run id: an index built from
 * nothing gives every run the key that it had, whatever the order in which the folders are read.
 */
import type { Database } from "bun:sqlite";

/** Keys for one sequence number. More runs than that with one number (none is given twice) take the next free keys. */
const width = 1024;
/** Sequences are milliseconds since 1970; this is the year 2242, and its keys are still exact in a double. */
const mostSequence = Math.floor(Number.MAX_SAFE_INTEGER / width) - 1;

export function firstDoc(sequence: number): number {
  return Math.min(mostSequence, Math.max(0, Math.floor(sequence))) * width;
}

export interface Place {
  doc: number;
  /** Rows that must make room, in an order in which each move finds its place free. */
  moves: { from: number; to: number }[];
}

/** Where a run that has no row belongs. Almost always its sequence is its own and nothing moves. */
export function placeOf(database: Database, sequence: number, runId: string): Place {
  const first = firstDoc(sequence);
  const rows = database
    .query("SELECT doc, run_id FROM runs WHERE doc >= ? AND doc < ? ORDER BY doc")
    .all(first, first + width) as { doc: number; run_id: string }[];
  const before = rows.filter((row) => row.run_id < runId);
  const after = rows.slice(before.length);
  const doc = before.length === 0 ? first : (before.at(-1)?.doc ?? first) + 1;
  const moves: Place["moves"] = [];
  let free = doc;
  for (const row of after) {
    if (row.doc > free) break;
    free = row.doc + 1;
    moves.unshift({ from: row.doc, to: free });
  }
  if (after.length > 0 || doc < first + width) return { doc, moves };
  return { doc: nextFree(database, doc), moves: [] };
}

function nextFree(database: Database, doc: number): number {
  let free = doc;
  while (database.query("SELECT 1 FROM runs WHERE doc = ?").get(free) !== null) free += 1;
  return free;
}
