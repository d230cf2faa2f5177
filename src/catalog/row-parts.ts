/**
 * Rows that other processes draw: they leave them in files beside the index that is being made and say so, a byte each;
 * whoever takes them removes them. Through a pipe each side would wait for the other as soon as the kernel's few pages were
 * full; here the one that draws may be some files ahead. The folder is nobody's: what a killed process left is thrown away.
 *
 * Reading costs twice what writing does, so two read; where there are two cores in all, the kernel shares them out.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { ownCommand, ownEnvironment } from "../core/own-command.ts";
import type { BasePaths } from "../run/paths.ts";
import type { DrawnRows } from "./draw-rows.ts";
import { JoinedRows } from "./join-rows.ts";

const readers = 2;
/** Parts of one reader that may wait to be taken. */
const mostAhead = 8;
const waitMs = 5;
const [left, waiting] = [...Buffer.from("+ ")] as [number, number];

export const partsFolder = (path: string) => `${path}.parts`;
const partPath = (path: string, reader: string, part: number) => join(partsFolder(path), `${reader}-${part}`);

/** One process that reads. It ends when nobody hears it any more. */
class Reader {
  private readonly said: AsyncIterator<Uint8Array>;
  private readonly child;
  private ready = 0;
  private part = 0;

  constructor(
    private readonly path: string,
    private readonly name: string,
    { base, chunks }: { base: string; chunks: readonly (readonly string[])[] },
  ) {
    this.child = Bun.spawn([...ownCommand("__index"), "read", base, path, name], {
      ...{ cwd: "/", env: ownEnvironment(), stdin: "pipe", stdout: "pipe", stderr: "inherit" },
    });
    this.child.stdin.write(chunks.map((chunk) => chunk.join(" ")).join("\n"));
    void this.child.stdin.end();
    this.said = this.child.stdout[Symbol.asyncIterator]();
  }

  async next(): Promise<DrawnRows> {
    while (this.ready === 0) {
      const { value, done } = await this.said.next();
      if (done === true) throw new Error("a process that reads run folders has ended early");
      for (const byte of value) if (byte === left) this.ready += 1;
    }
    this.ready -= 1;
    const file = partPath(this.path, this.name, this.part++);
    const rows = JSON.parse(fs.readFileSync(file, "utf8")) as DrawnRows;
    fs.rmSync(file);
    return rows;
  }

  stop(): void {
    this.child.kill("SIGKILL");
  }
}

/** The rows of these runs, drawn by other processes. */
export async function* drawnApart(
  base: BasePaths,
  path: string,
  chunks: readonly (readonly string[])[],
): AsyncGenerator<DrawnRows> {
  fs.rmSync(partsFolder(path), { recursive: true, force: true });
  fs.mkdirSync(partsFolder(path), { mode: 0o700 });
  const all = Array.from({ length: readers }, (_, own) => {
    const its = chunks.filter((_, at) => at % readers === own);
    return new Reader(path, String(own), { base: base.base, chunks: its });
  });
  const joined = new JoinedRows();
  try {
    for (const at of chunks.keys()) {
      const reader = all[at % readers] as Reader;
      yield joined.join(reader, await reader.next());
    }
  } finally {
    for (const reader of all) reader.stop();
    fs.rmSync(partsFolder(path), { recursive: true, force: true });
  }
}

const say = (byte: number) => fs.writeSync(1, Uint8Array.of(byte));

/** The other side. Throws EPIPE where nobody takes the parts any more. */
export function leaveParts(path: string, reader: string, parts: Iterable<DrawnRows>): void {
  let part = 0;
  for (const rows of parts) {
    while (part >= mostAhead && fs.existsSync(partPath(path, reader, part - mostAhead))) {
      say(waiting);
      Bun.sleepSync(waitMs);
    }
    fs.writeFileSync(partPath(path, reader, part), JSON.stringify(rows), { mode: 0o600 });
    say(left);
    part += 1;
  }
}
