/** Wildcards of queries as SQLite's GLOB takes them. */

/** `*` stands for anything, every other character for itself. */
export function globOf(value: string): string {
  return value.replaceAll(/[[\]?]/g, (special) => `[${special}]`);
}
