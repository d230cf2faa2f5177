/** Places in the waiting line without a query: for each priority the sequences of its unheld runs, sorted. In memory only. */

/** Where `value` is or belongs in a sorted list. */
function lowerBound(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

export class WaitingRanks {
  private readonly lists = new Map<number, number[]>();

  add(priority: number, sequence: number): void {
    const list = this.lists.get(priority) ?? [];
    this.lists.set(priority, list);
    if (list.length === 0 || (list.at(-1) ?? 0) < sequence) list.push(sequence);
    else list.splice(lowerBound(list, sequence), 0, sequence);
  }

  remove(priority: number, sequence: number): void {
    const list = this.lists.get(priority);
    if (list === undefined) return;
    const at = lowerBound(list, sequence);
    if (list[at] === sequence) list.splice(at, 1);
  }

  /** How many stand before one of this priority and sequence. */
  ahead(priority: number, sequence: number): number {
    let count = lowerBound(this.lists.get(priority) ?? [], sequence);
    for (const [other, list] of this.lists) if (other > priority) count += list.length;
    return count;
  }

  clear(): void {
    this.lists.clear();
  }
}
