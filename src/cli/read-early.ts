/**
 * The files that nearly every command wants first, asked for before the command itself is loaded: the disk works while
 * we do. Read through Bun.file, which spares a thin command `node:fs` (1.5 ms). What was asked for early is handed out
 * once; after that the file is read anew, because it may have changed.
 */

interface Read {
  text: string;
  /** Permission bits. */
  mode: number;
}

const early = new Map<string, Promise<Read>>();

async function read(path: string): Promise<Read> {
  const file = Bun.file(path);
  const text = await file.text();
  return { text, mode: (await file.stat()).mode & 0o777 };
}

export function askEarly(path: string): void {
  const reading = read(path);
  reading.catch(() => {});
  early.set(path, reading);
}

/** Throws system errors. */
export function readWhole(path: string): Promise<Read> {
  const reading = early.get(path) ?? read(path);
  early.delete(path);
  return reading;
}
