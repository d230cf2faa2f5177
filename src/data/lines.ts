/**
 * Lines of text that are more than memory should hold: written one after the other, read one after the other. What a job keeps for
 * itself while it works (Spool) is in memory while it is small, and in a file without a name once it is not: no end of the job,
 * however sudden, leaves it behind.
 */
import * as fs from "node:fs";
import { join } from "node:path";

/** Fills `buffer` from `position` on; 0 at the end. */
export type ReadAt = (buffer: Buffer, position: number) => number;

const chunkBytes = 1 << 18;

/** Each line without its end; a last one without an end counts. Throws what `readAt` throws. */
export function* linesOf(readAt: ReadAt): Generator<string> {
  let chunk = Buffer.allocUnsafe(chunkBytes);
  let [filled, position] = [0, 0];
  for (;;) {
    const count = readAt(chunk.subarray(filled), position);
    position += count;
    const end = chunk.lastIndexOf(10, filled + count - 1) + 1;
    filled += count;
    if (count === 0) break;
    if (end > 0) {
      yield* chunk.toString("utf8", 0, end - 1).split("\n");
      chunk.copyWithin(0, end, filled);
      filled -= end;
    } else if (filled === chunk.length) chunk = Buffer.concat([chunk, Buffer.alloc(chunk.length)]);
  }
  if (filled > 0) yield chunk.toString("utf8", 0, filled);
}

/** The lines of a file, which is closed when they end or nobody wants more. Throws system errors. */
export function* fileLines(path: string): Generator<string> {
  const fd = fs.openSync(path, "r");
  try {
    yield* linesOf((buffer, position) => fs.readSync(fd, buffer, 0, buffer.length, position));
  } finally {
    fs.closeSync(fd);
  }
}

const gatheredChars = 1 << 16;

/** Gathers lines and hands them on many at a time. */
export class LineWriter {
  #text = "";

  constructor(private readonly put: (bytes: Buffer) => void) {}

  /** With its end. */
  add(line: string): void {
    this.#text += line;
    if (this.#text.length > gatheredChars) this.flush();
  }

  flush(): void {
    if (this.#text !== "") this.put(Buffer.from(this.#text));
    this.#text = "";
  }
}

const inMemoryBytes = 8 << 20;

/** Bytes at any place, read back at any place. */
export class Spool {
  #memory: Buffer | null = Buffer.alloc(1 << 16);
  #fd: number | null = null;
  sizeBytes = 0;

  /** In `folder`, once it is too much for memory. */
  constructor(private readonly folder: string) {}

  #toFile(): number {
    if (this.#fd !== null) return this.#fd;
    fs.mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const path = join(this.folder, `.spool-${crypto.randomUUID()}`);
    const fd = fs.openSync(path, "wx+", 0o600);
    fs.unlinkSync(path);
    this.#fd = fd;
    this.#put(fd, this.#memory?.subarray(0, this.sizeBytes) ?? Buffer.alloc(0), 0);
    this.#memory = null;
    return fd;
  }

  #put(fd: number, bytes: Buffer, position: number): void {
    for (let done = 0; done < bytes.length; )
      done += fs.writeSync(fd, bytes, done, bytes.length - done, position + done);
  }

  /** Throws system errors. */
  write(bytes: Buffer, position = this.sizeBytes): void {
    const end = position + bytes.length;
    if (this.#memory === null || end > inMemoryBytes) this.#put(this.#toFile(), bytes, position);
    else {
      while (this.#memory.length < end) this.#memory = Buffer.concat([this.#memory, Buffer.alloc(this.#memory.length)]);
      bytes.copy(this.#memory, position);
    }
    this.sizeBytes = Math.max(this.sizeBytes, end);
  }

  /** Throws system errors. */
  readonly read: ReadAt = (buffer, position) => {
    if (this.#fd !== null) return fs.readSync(this.#fd, buffer, 0, buffer.length, position);
    return this.#memory?.copy(buffer, 0, position, Math.max(position, this.sizeBytes)) ?? 0;
  };

  close(): void {
    if (this.#fd !== null) fs.closeSync(this.#fd);
    this.#fd = null;
  }
}
