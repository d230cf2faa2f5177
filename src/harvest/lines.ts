/** Whole lines of a growing text file, from an offset on; a line that is too long is stepped over. */
import { type OpenFile, readAt } from "./point.ts";

const chunkBytes = 256 * 1024;

export interface LinesOptions {
  from: number;
  /** The last line counts without its line break: nobody writes any more. */
  ended: boolean;
  /** Longer lines are left out. */
  mostBytes: number;
  /** Return false to stop after this line. */
  onLine: (line: string) => unknown;
}

/** Calls `onLine` for each line (ended by `\n`; a `\r` within it begins it anew, as on a terminal). Returns the next `from`. */
export async function readLines(file: OpenFile, options: LinesOptions): Promise<number> {
  const { ended, mostBytes, onLine } = options;
  let at = options.from;
  let rest: Buffer = Buffer.alloc(0);
  let tooLong = false;
  const give = (bytes: Buffer) => {
    const text = bytes.toString("utf8").replace(/\r+$/, "");
    return tooLong || text === "" ? true : onLine(text);
  };
  while (at < file.sizeBytes) {
    const chunk = await readAt(file, at, Math.min(chunkBytes, file.sizeBytes - at));
    if (chunk.length === 0) break;
    at += chunk.length;
    const text = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let stop = text.indexOf(10); stop >= 0; stop = text.indexOf(10, start)) {
      const line = text.subarray(start, stop);
      start = stop + 1;
      const goOn = line.length > mostBytes ? true : give(line);
      tooLong = false;
      if (goOn === false) return at - text.length + start;
    }
    rest = text.subarray(start);
    if (rest.length > mostBytes) {
      tooLong = true;
      rest = Buffer.alloc(0);
    }
  }
  if (!ended) return tooLong ? at : at - rest.length;
  if (rest.length > 0) give(rest);
  return at;
}
