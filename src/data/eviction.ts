/**
 * Which copies make room for another: never one that a run uses or that is pinned, then those that no waiting run needs, the
 * longest unused first, then those needed last (Belady's rule, as far as the plan sees ahead). A copy that is needed sooner
 * than the new one stays. Pure. Copies of datasets and environments alike.
 */
export interface CachedCopy {
  checksum: string;
  sizeBytes: number;
  lastUsedMs: number;
  pinned: boolean;
  /** A run reads it now. */
  held: boolean;
  /** Place among the uses that are foreseen, 0 for the next; null: none is. */
  nextUse: number | null;
}

export interface Room {
  usedBytes: number;
  limitBytes: number;
}

/** The copies to remove so that `wanted` fits, in order; null where it does not fit without harm. */
export function makeRoom(
  copies: readonly CachedCopy[],
  wanted: { sizeBytes: number; nextUse: number | null },
  { usedBytes, limitBytes }: Room,
): CachedCopy[] | null {
  if (wanted.sizeBytes > limitBytes) return null;
  const soon = wanted.nextUse ?? Number.POSITIVE_INFINITY;
  const useOf = (copy: CachedCopy) => copy.nextUse ?? Number.POSITIVE_INFINITY;
  const movable = copies
    .filter((copy) => !copy.held && !copy.pinned && (copy.nextUse === null || copy.nextUse > soon))
    .sort((a, b) => (useOf(a) === useOf(b) ? a.lastUsedMs - b.lastUsedMs : useOf(a) > useOf(b) ? -1 : 1));
  const gone: CachedCopy[] = [];
  let free = limitBytes - usedBytes;
  for (const copy of movable) {
    if (free >= wanted.sizeBytes) break;
    gone.push(copy);
    free += copy.sizeBytes;
  }
  return free >= wanted.sizeBytes ? gone : null;
}

/** Why it was the one to go, for people. */
export const whyGone = ({ nextUse }: Pick<CachedCopy, "nextUse">): string =>
  nextUse === null ? "no waiting run needs it, and it was unused longest" : "it was needed later than all others";
