/**
 * The terminal of a running script, which script(1) holds for it (execute/supervise.sh): typing goes into a named pipe in
 * the run folder, the size is set on the device. Nothing is kept open between two calls, so whoever serves may come and go.
 *
 * Both are of this machine and this moment: a script that has ended, or runs elsewhere, has no terminal here.
 */
import * as fs from "node:fs";
import { MlError, systemCode } from "../core/error.ts";
import { isSameProcess } from "../core/process-identity.ts";
import { readProcessRecord } from "../execute/records.ts";
import type { RunPaths } from "../run/paths.ts";

export interface TerminalSize {
  rows: number;
  cols: number;
}

/** The device, such as `/dev/pts/3`. Throws `conflict` where the script does not run on this machine now. */
export function terminalOf(paths: RunPaths): string {
  const read = readProcessRecord(paths);
  let device = "";
  try {
    device = fs.readFileSync(paths.terminal, "utf8").trim();
  } catch {
    // Said below, as everything else that keeps us from it.
  }
  if (read.kind === "ok" && isSameProcess(read.record.script) && /^\/dev\/pts\/\d+$/.test(device)) return device;
  throw new MlError("conflict", `run \`${paths.runId}\` has no terminal on the machine of this server now`, {
    hint: "attach by the server of the machine that it runs on; `ml info` names that",
  });
}

/** All of `bytes` (4096 at most: PIPE_BUF, pipe(7)), or nothing. Throws `try_later` where the script does not read, `conflict`. */
export function typeInto(paths: RunPaths, bytes: Uint8Array): void {
  terminalOf(paths);
  let pipe: number | null = null;
  try {
    pipe = fs.openSync(paths.terminalInput, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK);
    fs.writeSync(pipe, bytes);
  } catch (cause) {
    const code = systemCode(cause);
    if (code === "EAGAIN")
      throw new MlError("try_later", `run \`${paths.runId}\` does not read what is typed, and its terminal is full`);
    // ENXIO: nobody holds the other end (fifo(7)).
    if (code === "ENXIO" || code === "ENOENT")
      throw new MlError("conflict", `the terminal of run \`${paths.runId}\` is closed`);
    throw cause;
  } finally {
    if (pipe !== null) fs.closeSync(pipe);
  }
}

/** The kernel tells the script by SIGWINCH where the size is another. */
export async function resizeTerminal(paths: RunPaths, { rows, cols }: TerminalSize): Promise<void> {
  const device = terminalOf(paths);
  const child = Bun.spawn({
    cmd: ["stty", "-F", device, "rows", String(rows), "cols", String(cols)],
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  await child.exited;
}
