/**
 * What can be said of a command that could not be started: whether it is there, and whether the interpreter is that its
 * first line names (execve(2): `#!`, blanks, a path, and an argument behind blanks; a carriage return belongs to the path,
 * as the kernel has it). Only looks; nothing is run.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import type { Manifest } from "../run/manifest.ts";
import type { RunPaths } from "../run/paths.ts";
import type { Evidence } from "./evidence.ts";

/** What the kernel reads of a first line (BINPRM_BUF_SIZE). */
const firstLineBytes = 256;

function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The interpreter that a file's first line names; null where it names none, or cannot be read. */
export function interpreterOf(file: string): string | null {
  try {
    const fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    try {
      const buffer = Buffer.alloc(firstLineBytes);
      const [line = ""] = buffer.toString("utf8", 0, fs.readSync(fd, buffer, 0, firstLineBytes, 0)).split("\n", 1);
      return /^#![ \t]*([^ \t]+)/.exec(line)?.[1] ?? null;
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    return null;
  }
}

/** `path` is the PATH of the script. */
export function lookAtCommand(
  paths: RunPaths,
  { argv: [command = ""], cwd: inside }: Manifest,
  path: string,
): Pick<Evidence, "commandFound" | "interpreterMissing"> {
  const cwd = join(paths.work, inside);
  const file = command.includes("/")
    ? join(command.startsWith("/") ? "" : cwd, command)
    : Bun.which(command, { PATH: path, cwd });
  if (file === null || !isExecutable(file)) return { commandFound: false };
  const interpreter = interpreterOf(file);
  const isMissing = interpreter !== null && !isExecutable(interpreter);
  return { commandFound: true, interpreterMissing: isMissing ? interpreter : null };
}
