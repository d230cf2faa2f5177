/**
 * While code that nobody needs is removed: which trees and contents somebody asked about, or built upon, meanwhile. Whoever is
 * told that one is there relies on it, so it stays. One process serves a base, so its memory is enough; between removals nothing
 * is noted and this costs a comparison.
 */
const watching = new Set<Set<string>>();

/** Somebody is about to be told that `hash` is there, or to refer to it. */
export function relyOn(hash: string): void {
  if (watching.size === 0) return;
  for (const relied of watching) relied.add(hash);
}

/** Work that refers to code over several turns, such as an import: it looks first and refers later. */
const working = new Set<Promise<unknown>>();

export async function whileRelying<T>(work: () => Promise<T>): Promise<T> {
  const done = work();
  working.add(done);
  try {
    return await done;
  } finally {
    working.delete(done);
  }
}

/** Once all such work that is under way now has ended, well or not. */
export async function reliersDone(): Promise<void> {
  await Promise.allSettled([...working]);
}

export interface Watch {
  relied: ReadonlySet<string>;
  end(): void;
}

export function watchReliance(): Watch {
  const relied = new Set<string>();
  watching.add(relied);
  return { relied, end: () => void watching.delete(relied) };
}
