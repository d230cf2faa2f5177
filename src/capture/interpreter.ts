/**
 * Which Python a command starts: argv[0] where it is one, else the interpreter named by the script that argv[0] is (its
 * `#!` line, or the first `python…` that a shell script calls). Looks at files; starts nothing.
 */
import { open, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";

const headBytes = 64 * 1024;
const pythonName = /^(?:python|pypy)[0-9.]*[tdmu]*$/;

export interface Command {
  argv: readonly string[];
  startFolder: string;
  /** The script's own. */
  childEnv: Readonly<Record<string, string>>;
}

/** An executable regular file called `program` as a shell would find it from the start folder, or null. */
export async function findProgram(program: string, { startFolder, childEnv }: Command): Promise<string | null> {
  if (program === "") return null;
  if (program.includes("/")) return resolve(startFolder, program);
  for (const folder of (childEnv.PATH ?? "/usr/local/bin:/usr/bin:/bin").split(":")) {
    const path = join(folder === "" ? startFolder : resolve(startFolder, folder), program);
    const found = await stat(path).catch(() => null);
    if (found?.isFile() && (found.mode & 0o111) !== 0) return path;
  }
  return null;
}

/** The first `sizeBytes` of a file, or "" where it cannot be read. */
export async function readHead(path: string, sizeBytes: number): Promise<Buffer> {
  const file = await open(path, "r").catch(() => null);
  if (file === null) return Buffer.alloc(0);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(sizeBytes), 0, sizeBytes, 0);
    return buffer.subarray(0, bytesRead);
  } catch {
    return Buffer.alloc(0);
  } finally {
    await file.close().catch(() => {});
  }
}

/** True where the file is a program for the machine rather than a script. */
export function isBinary(head: Buffer): boolean {
  return head.subarray(0, 4).equals(Buffer.from([0x7f, 0x45, 0x4c, 0x46]));
}

/** The words after `#!`, or [] where there is no such line. */
function shebangWords(text: string): string[] {
  const line = /^#!([^\n]*)/.exec(text)?.[1]?.trim() ?? "";
  return line === "" ? [] : line.split(/\s+/);
}

/** The Python word of a script: from `#!/usr/bin/env python3`, or from the body of a shell script; null where none. */
function pythonWordOf(script: string): string | null {
  const named = shebangWords(script).find((word) => pythonName.test(basename(word)));
  if (named !== undefined) return named;
  const code = script.replace(/^\s*#.*$/gm, "");
  return /(?:^|[\s;&|(`])((?:[\w./-]*\/)?(?:python|pypy)[0-9.]*)(?=\s)/m.exec(code)?.[1] ?? null;
}

/** Launchers that pick a Python themselves, in a way that only they know. */
const choosers = new Set(
  "uv uvx poetry pipenv pdm hatch pixi conda mamba micromamba docker podman apptainer".split(" "),
);

export interface FoundPython {
  /** Absolute, not resolved through symlinks (a venv's python is one); null where the command starts no Python. */
  path: string | null;
  /** Why a Python that is started could not be found; null where one was, or none is started. */
  reason: string | null;
}

const none: FoundPython = { path: null, reason: null };

/** The Python that the command starts. Never throws. */
export async function findPython(command: Command): Promise<FoundPython> {
  const [program = "", ...rest] = command.argv;
  if (pythonName.test(basename(program))) return locate(program, command);
  if (choosers.has(basename(program)))
    return { path: null, reason: `\`${basename(program)}\` picks the Python itself` };
  if (/^(?:ba|da|z|k)?sh$/.test(basename(program))) {
    const body = rest.find((word) => !word.startsWith("-"));
    if (body === undefined) return none;
    const script = rest.includes("-c")
      ? body
      : (await readHead(resolve(command.startFolder, body), headBytes)).toString();
    return fromScript(script, command);
  }
  const path = await findProgram(program, command);
  if (path === null) return none;
  const head = await readHead(path, headBytes);
  if (!isBinary(head)) return fromScript(head.toString().startsWith("#!") ? head.toString() : "", command);
  const word = rest.find((part) => pythonName.test(basename(part)));
  return word === undefined ? none : locate(word, command);
}

function fromScript(script: string, command: Command): Promise<FoundPython> | FoundPython {
  const word = pythonWordOf(script);
  return word === null ? none : locate(word, command);
}

async function locate(word: string, command: Command): Promise<FoundPython> {
  const path = await findProgram(word, command);
  const there = path !== null && (await stat(path).catch(() => null))?.isFile() === true;
  return there ? { path, reason: null } : { path: null, reason: `\`${word}\` was not found` };
}
