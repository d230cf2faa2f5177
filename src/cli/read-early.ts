/**
 * The files that nearly every command wants first, asked for before the command itself is loaded: the disk works while
 * we do. Read through Bun.file, which spares a thin command `node:fs` (1.5 ms). What was asked for early is handed out
 * once; after that the file is read anew, because it may have changed.
 */

const early = new Map<string, Promise<string>>();

export function askEarly(path: string): void {
  const reading = Bun.file(path).text();
  reading.catch(() => {});
  early.set(path, reading);
}

/** Throws system errors. */
export function readText(path: string): Promise<string> {
  const reading = early.get(path) ?? Bun.file(path).text();
  early.delete(path);
  return reading;
}
