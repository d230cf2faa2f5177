/**
 * In which folders an interpreter finds its packages, by the rules of Python's `site` module, Debian's patch of it and
 * venv's pyvenv.cfg, without starting it (starting it with `site` would run the user's .pth and sitecustomize code).
 */
import { readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

export interface Interpreter {
  /** As `sys.version` begins: `3.11.7`, `3.13.0rc1`. */
  version: string;
  /** sys.executable: the venv's own python where there is one. */
  executable: string;
  basePrefix: string;
  /** sys.platlibdir. */
  libFolder: string;
  /** `cpython` or `pypy`. */
  implementation: string;
  abiFlags: string;
}

export interface SiteFolder {
  path: string;
  mtimeMs: number;
}

/** The existing folders in the order of `sys.path`, each once. */
export async function siteFolders(
  interpreter: Interpreter,
  childEnv: Readonly<Record<string, string>>,
  startFolder: string,
): Promise<SiteFolder[]> {
  const { executable, basePrefix } = interpreter;
  const prefix = dirname(dirname(executable));
  const venv = await readFile(join(prefix, "pyvenv.cfg"), "utf8").catch(() => null);
  const systemToo = venv === null || /^\s*include-system-site-packages\s*=\s*true\s*$/im.test(venv);
  const wanted = (childEnv.PYTHONPATH ?? "").split(":").filter((part) => part !== "");
  const userBase = childEnv.PYTHONUSERBASE ?? (childEnv.HOME ? join(childEnv.HOME, ".local") : null);
  if (venv !== null) wanted.push(...underPrefix(prefix, interpreter));
  if (systemToo && !childEnv.PYTHONNOUSERSITE && userBase !== null) {
    wanted.push(join(userBase, "lib", libraryName(interpreter), "site-packages"));
  }
  if (systemToo) wanted.push(...underPrefix(basePrefix, interpreter));
  const found: SiteFolder[] = [];
  const seen = new Set<string>();
  for (const path of wanted.map((part) => resolve(startFolder, part))) {
    const stats = await stat(path).catch(() => null);
    if (!stats?.isDirectory() || seen.has(`${stats.dev}:${stats.ino}`)) continue;
    seen.add(`${stats.dev}:${stats.ino}`);
    found.push({ path, mtimeMs: stats.mtimeMs });
  }
  return found;
}

/** `python3.11`, `python3.13t` (free-threaded), `pypy3.10`. */
function libraryName({ version, implementation, abiFlags }: Interpreter): string {
  const [major, minor] = version.split(".");
  const name = implementation === "pypy" ? "pypy" : "python";
  return `${name}${major}.${Number.parseInt(minor ?? "0", 10)}${abiFlags.includes("t") ? "t" : ""}`;
}

function underPrefix(prefix: string, interpreter: Interpreter): string[] {
  const name = libraryName(interpreter);
  const folders = ["lib", interpreter.libFolder, "lib64"].map((lib) => join(prefix, lib, name, "site-packages"));
  folders.push(join(prefix, "local/lib", name, "dist-packages"), join(prefix, "lib", name, "dist-packages"));
  if (interpreter.version.startsWith("3.")) folders.push(join(prefix, "lib/python3/dist-packages"));
  if (interpreter.implementation === "pypy") folders.push(join(prefix, "site-packages"));
  return folders;
}
