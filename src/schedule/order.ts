/**
 * The order of the line: higher priority first, then who came first. Pure; the full policy (fair share, ageing,
 * backfill) grows here, and everybody who starts, predicts or explains calls the same function.
 */

export interface Orderable {
  priority: number;
  sequence: number;
}

export function compareEntries(a: Orderable, b: Orderable): number {
  return b.priority - a.priority || a.sequence - b.sequence;
}

/** A sorted copy, first to start first. */
export function inOrder<T extends Orderable>(entries: readonly T[]): T[] {
  return [...entries].sort(compareEntries);
}
