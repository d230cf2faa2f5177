/**
 * Probe: the Python that the run starts, and its packages. The interpreter is started at most once, without `site` and
 * without the user's start-up files, and only where the cache does not know it; packages are read from their metadata.
 */
import { readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ask, lastWords } from "./child.ts";
import { isBinary, readHead } from "./interpreter.ts";
import { freezeText, listPackages } from "./packages.ts";
import type { Probe, ProbeContext } from "./probe.ts";
import { type Interpreter, siteFolders } from "./site-folders.ts";

/** Understood by Python 2.7 and up; imports nothing that is not built in, so no file of the user's can interfere. */
const question = [
  "import sys",
  "g = lambda name, other: getattr(sys, name, None) or other",
  "impl = g('implementation', None)",
  "parts = [sys.version.split()[0], sys.executable or '', g('base_prefix', g('real_prefix', sys.prefix)), g('platlibdir', 'lib'),",
  "  impl.name if impl else ('pypy' if '__pypy__' in sys.builtin_module_names else 'cpython'), g('abiflags', '')]",
  "sys.stdout.write('\\0'.join(parts))",
].join("\n");
const limitMs = 20_000;

export const pythonProbe: Probe = {
  name: "python",
  limitMs,
  async run(context) {
    const { path, reason } = await context.python();
    if (path === null) {
      if (reason !== null) context.miss(reason);
      return {};
    }
    const interpreter = await identify(path, context);
    if (interpreter === null) return { environment: { python_executable: path } };
    const folders = await siteFolders(interpreter, context.childEnv, context.startFolder);
    const freeze = freezeText(await listPackages(folders, context));
    context.file("pip_freeze.txt", freeze);
    const { version, executable } = interpreter;
    return { environment: { python_version: version, python_executable: executable, pip_freeze: freeze } };
  },
};

/** What the interpreter says of itself, from the cache where the file is unchanged; null, with a note, where it does not answer. */
async function identify(path: string, context: ProbeContext): Promise<Interpreter | null> {
  const key = await cacheKey(path, context);
  const cached = key === null ? null : ((await context.cache.get(`python ${path}`, key)) as Interpreter | null);
  if (cached !== null) return cached;
  const answer = await ask([path, "-E", "-s", "-S", "-c", question], {
    env: { ...context.childEnv, PYENV_DIR: context.startFolder },
    timeoutMs: limitMs,
    signal: context.signal,
  });
  if (answer.kind !== "exited") {
    context.miss(`\`${path}\` ${answer.reason}`);
    return null;
  }
  const [version = "", executable = "", basePrefix = "", libFolder = "lib", implementation = "", abiFlags = ""] =
    answer.stdout.split("\0");
  if (answer.exitCode !== 0 || !/^\d+\.\d+/.test(version)) {
    context.miss(`\`${path}\` exited with ${answer.exitCode}: ${lastWords(answer)}`);
    return null;
  }
  const interpreter = { version, executable: executable || path, basePrefix, libFolder, implementation, abiFlags };
  if (key !== null) context.cache.put(`python ${path}`, key, interpreter);
  return interpreter;
}

/** What the interpreter's answers depend on; null for a script in its place whose rules we do not know. */
async function cacheKey(path: string, context: ProbeContext): Promise<string | null> {
  const real = await realpath(path).catch(() => path);
  const found = await stat(real).catch(() => null);
  if (found === null) return null;
  const venv = await stat(join(dirname(dirname(path)), "pyvenv.cfg")).catch(() => null);
  const parts: unknown[] = [real, found.mtimeMs, found.size, venv?.mtimeMs ?? 0, context.childEnv.PYTHONHOME ?? ""];
  const head = await readHead(real, 1024);
  if (isBinary(head)) return JSON.stringify(parts);
  if (basename(dirname(path)) !== "shims" || !head.includes("pyenv")) return null;
  return JSON.stringify([...parts, await pyenvChoice(dirname(dirname(path)), context)]);
}

/** All that decides which version a pyenv shim starts. */
async function pyenvChoice(pyenvRoot: string, { childEnv, startFolder }: ProbeContext): Promise<string[]> {
  if (childEnv.PYENV_VERSION) return [childEnv.PYENV_VERSION];
  const text = (path: string) => readFile(path, "utf8").catch(() => null);
  for (let folder = startFolder; ; folder = dirname(folder)) {
    const local = await text(join(folder, ".python-version"));
    if (local !== null) return [local];
    if (folder === dirname(folder)) break;
  }
  return ["", (await text(join(pyenvRoot, "version"))) ?? "", childEnv.PYENV_ROOT ?? ""];
}
