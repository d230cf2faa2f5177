/**
 * Rows that another process draws: it leaves them in files beside the index that is being made and says so, a line each; whoever
 * takes them removes them. Through a pipe each side would wait for the other as soon as the kernel's few pages were full;
 * here the one that draws may be some files ahead. The folder is nobody's: what a killed process left in it is thrown away.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { ownCommand, ownEnvironment } from "../core/own-command.ts";
import type { BasePaths } from "../run/paths.ts";
import type { DrawnRows } from "./draw-rows.ts";

/** Parts that may wait to be taken. */
const mostAhead = 8;
const waitMs = 5;

export const partsFolder = (path: string) => `${path}.parts`;
const partPath = (path: string, part: number) => join(partsFolder(path), String(part));

/** As drawAll, by another process. */
export async function* drawnApart(base: BasePaths, path: string, runIds: readonly string[]): AsyncGenerator<DrawnRows> {
  fs.rmSync(partsFolder(path), { recursive: true, force: true });
  fs.mkdirSync(partsFolder(path), { mode: 0o700 });
  const child = Bun.spawn([...ownCommand("__index"), "read", base.base, path], {
    ...{ cwd: "/", env: ownEnvironment(), stdin: "pipe", stdout: "pipe", stderr: "inherit" },
  });
  try {
    child.stdin.write(runIds.join("\n"));
    void child.stdin.end();
    let part = 0;
    for await (const bytes of child.stdout) {
      for (const byte of bytes) {
        if (byte === left) yield takePart(path, part++);
        if (byte === done) return;
      }
    }
    throw new Error("the process that reads run folders has ended early");
  } finally {
    child.kill("SIGKILL");
    fs.rmSync(partsFolder(path), { recursive: true, force: true });
  }
}

const [left, waiting, done] = [...Buffer.from("+ .")] as [number, number, number];

function takePart(path: string, part: number): DrawnRows {
  const file = partPath(path, part);
  const rows = JSON.parse(fs.readFileSync(file, "utf8")) as DrawnRows;
  fs.rmSync(file);
  return rows;
}

const say = (byte: number) => fs.writeSync(1, Uint8Array.of(byte));

/** The other side. Throws EPIPE where nobody takes the parts any more. */
export function leaveParts(path: string, parts: Iterable<DrawnRows>): void {
  let part = 0;
  for (const rows of parts) {
    while (part >= mostAhead && fs.existsSync(partPath(path, part - mostAhead))) {
      say(waiting);
      Bun.sleepSync(waitMs);
    }
    fs.writeFileSync(partPath(path, part), JSON.stringify(rows), { mode: 0o600 });
    say(left);
    part += 1;
  }
  say(done);
}
