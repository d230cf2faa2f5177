/**
 * Rows that other processes draw. Each gets the ids of a chunk of runs a line on stdin, a few chunks ahead, leaves the rows in
 * a file beside the index that is being made, and says so by a byte on stdout; its files are written over again and again.
 * Through a pipe each side would wait for the other as soon as the kernel's few pages were full. The folder is nobody's: what
 * a killed process left is thrown away.
 *
 * Whoever writes the index draws too when nothing is ready: with two cores one process reads, the other does the rest.
 */
import * as fs from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { breathe } from "../core/breathe.ts";
import { writeAll } from "../core/durable.ts";
import { ownCommand, ownEnvironment } from "../core/own-command.ts";
import type { BasePaths } from "../run/paths.ts";
import { type DrawnRows, RowDrawer } from "./draw-rows.ts";
import { JoinedRows } from "./join-rows.ts";
import { rowBytes, rowsFrom } from "./row-bytes.ts";

const mostReaders = 3;
/** Chunks that one has been given and that have not been taken back; each has a file. */
const ahead = 3;

type Chunk = readonly string[];

export const partsFolder = (path: string) => `${path}.parts`;
const partPath = (path: string, reader: string, part: number) => join(partsFolder(path), `${reader}-${part % ahead}`);

/** One process that reads. It ends when nobody speaks to it any more. */
class Reader {
  private readonly child;
  private readonly parts = { given: 0, left: 0, taken: 0 };
  private ended = false;
  private wake: () => void = () => {};
  private kept = new Uint8Array(0);

  constructor(
    private readonly path: string,
    private readonly name: string,
    base: BasePaths,
  ) {
    this.child = Bun.spawn([...ownCommand("__index"), "read", base.base, path, name], {
      ...{ cwd: "/", env: ownEnvironment(), stdin: "pipe", stdout: "pipe", stderr: "inherit" },
    });
    void this.listen();
  }

  private async listen(): Promise<void> {
    for await (const bytes of this.child.stdout) {
      this.parts.left += bytes.length;
      this.wake();
    }
    this.ended = true;
    this.wake();
  }

  get isFree(): boolean {
    return this.parts.given - this.parts.taken < ahead;
  }

  get isReady(): boolean {
    return this.parts.left > this.parts.taken;
  }

  give(chunk: Chunk): void {
    this.parts.given += 1;
    this.child.stdin.write(`${chunk.join(" ")}\n`);
    this.child.stdin.flush();
  }

  /** The rows of the first chunk that was given and not taken yet. */
  async take(): Promise<DrawnRows> {
    while (!this.isReady) {
      if (this.ended) throw new Error("a process that reads run folders has ended early");
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    const file = partPath(this.path, this.name, this.parts.taken);
    this.parts.taken += 1;
    return rowsFrom(this.bytesOf(file));
  }

  private bytesOf(file: string): Uint8Array<ArrayBuffer> {
    const fd = fs.openSync(file, "r");
    try {
      const { size } = fs.fstatSync(fd);
      if (size > this.kept.length) this.kept = new Uint8Array(size);
      fs.readSync(fd, this.kept, 0, size, 0);
      return this.kept;
    } finally {
      fs.closeSync(fd);
    }
  }

  stop(): void {
    this.child.kill("SIGKILL");
  }
}

/** The rows of these runs, chunk by chunk, drawn by other processes and in part by this one. */
export async function* drawnApart(base: BasePaths, path: string, chunks: readonly Chunk[]): AsyncGenerator<DrawnRows> {
  fs.rmSync(partsFolder(path), { recursive: true, force: true });
  fs.mkdirSync(partsFolder(path), { mode: 0o700 });
  const count = Math.max(1, Math.min(mostReaders, availableParallelism() - 1));
  const readers = Array.from({ length: count }, (_, own) => new Reader(path, String(own), base));
  const own = new RowDrawer(base);
  const joined = new JoinedRows();
  /** Chunks that are being drawn or were drawn here, in the order in which they are written. */
  const due: ({ reader: Reader } | { rows: DrawnRows })[] = [];
  const left = [...chunks].reverse();
  try {
    for (;;) {
      for (const reader of readers) {
        while (reader.isFree && left.length > 0) {
          reader.give(left.pop() ?? []);
          due.push({ reader });
        }
      }
      const first = due[0];
      if (first === undefined) return;
      await breathe();
      if ("reader" in first && !first.reader.isReady && left.length > 0 && due.length < ahead * (count + 1)) {
        due.push({ rows: own.draw(left.pop() ?? []) });
        continue;
      }
      due.shift();
      yield "rows" in first ? joined.join(own, first.rows) : joined.join(first.reader, await first.reader.take());
    }
  } finally {
    for (const reader of readers) reader.stop();
    fs.rmSync(partsFolder(path), { recursive: true, force: true });
  }
}

/** The other side. Throws EPIPE where nobody takes the parts any more. */
export async function leaveParts(base: BasePaths, path: string, reader: string): Promise<void> {
  const drawer = new RowDrawer(base);
  let part = 0;
  for await (const line of console) {
    writePart(partPath(path, reader, part), rowBytes(drawer.draw(line.split(" "))));
    part += 1;
    fs.writeSync(1, "+");
  }
}

/** Over what lies there: making and removing files of this size costs more than writing them. */
function writePart(file: string, parts: readonly Uint8Array[]): void {
  const fd = fs.openSync(file, fs.constants.O_WRONLY | fs.constants.O_CREAT, 0o600);
  try {
    for (const bytes of parts) writeAll(fd, bytes);
  } finally {
    fs.closeSync(fd);
  }
}
