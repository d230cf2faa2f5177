/**
 * From the words after `ml queue` to what will run: a Python script gets an interpreter, everything else stays as it was
 * typed. What is named must exist, so that a typing error costs a second and not a night in the line.
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { MlError } from "../core/error.ts";
import { nearest } from "../core/nearest.ts";

export interface Surroundings {
  /** The folder in which the command was typed. */
  cwd: string;
  /** `--python` or the setting; null where neither says anything. */
  python: string | null;
  /** The worker is on this machine, so that an active virtual environment means something to it. */
  local: boolean;
  env: Readonly<Record<string, string | undefined>>;
}

export interface Understood {
  argv: string[];
  /** Why this interpreter, where that is not plain to see: `VIRTUAL_ENV`, `CONDA_PREFIX`; else null. */
  pythonFrom: string | null;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith("."));
  } catch {
    return [];
  }
}

function aFolder(script: string, path: string): MlError {
  const inside = namesIn(path).filter((name) => name.endsWith(".py"));
  const main = inside.find((name) => ["__main__.py", "main.py", "train.py"].includes(name)) ?? inside[0];
  return new MlError("not_found", `\`${script}\` is a folder, and a script or a command is queued`, {
    hint: main === undefined ? "name the script in it" : `did you mean \`ml queue ${join(script, main)}\`?`,
  });
}

/** Throws `not_found` with the nearest name in the same folder where `script` is no file. */
function checkScript(script: string, cwd: string): void {
  const path = resolve(cwd, script);
  if (isFile(path)) return;
  const folder = dirname(path);
  const suffix = /\.[A-Za-z0-9]+$/.exec(script)?.[0];
  const names = namesIn(folder).filter((name) => suffix === undefined || name.endsWith(suffix));
  const near = nearest(basename(script), names) ?? (names.length === 1 ? names[0] : null);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) throw aFolder(script, path);
  const what = existsSync(path) ? "is no file" : `does not exist in ${folder}`;
  const shown = near == null ? null : join(dirname(script), near);
  throw new MlError("not_found", `the script \`${script}\` ${what}`, {
    hint: shown === null ? "go to its folder, or give the path to it" : `did you mean \`ml queue ${shown}\`?`,
  });
}

/** The interpreter of a `.py` file: what was asked for, else the active environment of this machine, else python3. */
function interpreter(around: Surroundings): { python: string; from: string | null } {
  if (around.python !== null) return { python: around.python, from: null };
  if (around.local) {
    for (const name of ["VIRTUAL_ENV", "CONDA_PREFIX"]) {
      const prefix = around.env[name];
      if (!prefix) continue;
      const python = join(prefix, "bin/python");
      if (existsSync(python)) return { python, from: name };
    }
  }
  return { python: "python3", from: null };
}

/** A script inside the folder, named by its absolute path, would run from the live tree: name it inside the snapshot. */
function insideSnapshot(script: string, cwd: string): string {
  // Python takes what begins with a dash for an option.
  if (!isAbsolute(script)) return script.startsWith("-") ? `./${script}` : script;
  const inside = relative(cwd, script);
  return inside.startsWith("..") || isAbsolute(inside) ? script : inside;
}

/** Throws `usage` without words, `not_found` for a script that is not there, `refused` for one that cannot be started. */
export function understand(words: readonly string[], around: Surroundings): Understood {
  const [first, ...rest] = words;
  if (first === undefined || first === "") {
    throw new MlError("usage", "there is nothing to queue", { hint: "try `ml queue train.py`, or `ml help queue`" });
  }
  if (first.endsWith(".py")) {
    checkScript(first, around.cwd);
    const { python, from } = interpreter(around);
    return { argv: [python, insideSnapshot(first, around.cwd), ...rest], pythonFrom: from };
  }
  const python = /^python[\d.]*$/.test(basename(first));
  const script = rest[0];
  if (python && script?.endsWith(".py") && !script.startsWith("-")) checkScript(script, around.cwd);
  if (first.includes("/") || /^\.+$/.test(first)) checkProgram(first, around);
  else if (Bun.which(first) === null && namesIn(around.cwd).includes(first)) {
    checkScript(first, around.cwd);
    throw new MlError(
      "not_found",
      `\`${first}\` is a file of this folder, but no command: a command is looked up on PATH`,
      {
        hint: `write \`ml queue -- ./${first}${rest.length > 0 ? " …" : ""}\``,
      },
    );
  }
  return { argv: [insideSnapshot(first, around.cwd), ...rest], pythonFrom: null };
}

/** A program named by a path: on a server elsewhere an absolute one cannot be looked at from here. */
function checkProgram(program: string, around: Surroundings): void {
  if (isAbsolute(program) && !around.local) return;
  checkScript(program, around.cwd);
  const mode = statSync(resolve(around.cwd, program)).mode;
  if ((mode & 0o111) !== 0) return;
  throw new MlError("refused", `\`${program}\` is not executable, so it could not be started`, {
    hint: `\`chmod +x ${program}\`, or name its interpreter: \`ml queue -- sh ${program}\``,
  });
}
