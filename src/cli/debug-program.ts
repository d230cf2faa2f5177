/**
 * The program of a run on this machine: whether it is there, whether it is the Python that it was, and what a script that
 * names Python in its first line comes to.
 */
import * as fs from "node:fs";
import { resolve } from "node:path";
import { MlError } from "../core/error.ts";
import { shortId } from "../view/mark.ts";
import type { Source } from "./derived-run.ts";

type Manifest = Source["manifest"];

export interface Place {
  manifest: Manifest;
  cwd: string;
  env: Readonly<Record<string, string>>;
}

const which = (program: string, path: string | undefined) =>
  Bun.which(program, path === undefined ? {} : { PATH: path });

const firstLineBytes = 512;

function firstLine(file: string): string {
  const fd = fs.openSync(file, "r");
  try {
    const bytes = Buffer.alloc(firstLineBytes);
    return bytes.toString("latin1", 0, fs.readSync(fd, bytes)).split("\n")[0] ?? "";
  } finally {
    fs.closeSync(fd);
  }
}

/** The arguments with which the kernel starts a script of Python (execve(2)); all others as they are. */
export function underShebang(argv: string[], cwd: string, path: string | undefined): string[] {
  const [program = "", ...rest] = argv;
  const file = program.includes("/") ? resolve(cwd, program) : which(program, path);
  if (file === null) return argv;
  try {
    const words = /^#!\s*(?:\S*\/env\s+(?:-S\s+)?)?(\S*python[\d.]*)(?:\s+(.+))?$/.exec(firstLine(file).trim());
    const [, interpreter, options] = words ?? [];
    if (interpreter === undefined) return argv;
    return [interpreter, ...(options?.split(/\s+/) ?? []), program.includes("/") ? program : file, ...rest];
  } catch {
    // Not to be read: then it is started as it is.
    return argv;
  }
}

/** Throws `not_found` that says which program is gone, and what to do. */
export function requireProgram([program = ""]: readonly string[], { manifest, cwd, env }: Place): void {
  const found = program.includes("/") ? fs.existsSync(resolve(cwd, program)) : which(program, env.PATH) !== null;
  if (found) return;
  const short = shortId(manifest.run_id);
  const { python_version: version } = manifest.environment;
  const container = containerOf(manifest);
  const python = version === null ? "" : ` with Python ${version}`;
  throw new MlError("not_found", `the program of the run, \`${program}\`, is not on this machine`, {
    cause:
      container === null
        ? `it ran on ${manifest.resources.host ?? "a machine that is not known"}${python}`
        : `it ran in the container ${container}`,
    hint: `name another with \`--python PATH\`, build it anew from \`ml cat ${short} env/pip_freeze.txt\`, or go where it is: \`ml debug ${short} --queue\``,
  });
}

function containerOf({ environment }: Manifest): string | null {
  return environment.container_image ?? environment.container_digest;
}

/** How what is here is not what the run had, a sentence each. */
export function differences([program = ""]: readonly string[], { manifest, cwd, env }: Place): string[] {
  const found: string[] = [];
  const container = containerOf(manifest);
  if (container !== null)
    found.push(`it ran in the container ${container}: what is installed here may be something else`);
  const { python_version: version } = manifest.environment;
  if (version === null || !/(^|\/)(python|pypy)[\d.]*$/.test(program)) return found;
  const asked = Bun.spawnSync({
    cmd: [program, "-c", "import platform; print(platform.python_version())"],
    ...{ cwd, env, stdin: "ignore", stderr: "ignore", timeout: askingMs },
  });
  const here = asked.stdout.toString().trim();
  if (here !== "" && here !== version) found.push(`it ran with Python ${version}, and \`${program}\` here is ${here}`);
  return found;
}

const askingMs = 5000;
