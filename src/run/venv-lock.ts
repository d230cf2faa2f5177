/**
 * Which files of the code a virtual environment is built from: a uv.lock with what uv reads beside it, or a requirements file with
 * all that it includes. Runs with the same files share one environment, so nothing in it may be the code itself: what
 * would install that is refused. Pure but for reading blobs.
 */
import { posix } from "node:path";
import { MlError } from "../core/error.ts";
import type { Manifest } from "./manifest.ts";
import { readBlob, readSnapshot } from "./objects.ts";
import type { BasePaths } from "./paths.ts";
import { badPath, type Snapshot, type SnapshotFile, snapshotIndex } from "./snapshot.ts";

const largestBytes = 16 * 1024 * 1024;
const mostFiles = 1000;
/** What uv looks at beside a lock; pyproject.toml also in the folders below, where members of a workspace are. */
const besideLock = new Set(["pyproject.toml", "uv.lock", "uv.toml", ".python-version"]);

export const isUvLock = (lock: string) => posix.basename(lock) === "uv.lock";

function refused(lock: string, why: string, hint: string): MlError {
  return new MlError("refused", `no environment can be built from \`${lock}\`: ${why}`, { hint });
}

/** One requirement or option a line; comments and line continuations resolved as pip does ("Requirements File Format"). */
function requirementLines(text: string): string[] {
  return text
    .replaceAll(/\\\r?\n/g, "")
    .split(/\r?\n/)
    .map((line) => line.replace(/(^|\s)#.*$/, "").trim())
    .filter((line) => line !== "");
}

/** The file that a line includes; null where it includes none. */
function includedBy(line: string): string | null {
  const match = /^(?:-r|-c|--requirement|--constraint)(?:\s*=\s*|\s+|(?<=-[rc]))(\S+)$/.exec(line);
  const path = match?.[1] ?? null;
  return path === null || /^[a-z+]+:\/\//i.test(path) ? null : path;
}

const isLocal = (line: string) =>
  /^(?:-e|--editable)[\s=]+(?![\s=]|\w+\+\w+:\/\/)/.test(line) ||
  /^(?:\.|\/|file:)/.test(line) ||
  /\s@\s*(?:file:|\.|\/)/.test(line);

interface Reading {
  index: ReadonlyMap<string, SnapshotFile>;
  read(file: SnapshotFile): string;
}

function requirementFiles(lock: string, path: string, { index, read }: Reading): SnapshotFile[] {
  const found = new Map<string, SnapshotFile>();
  const todo = [path];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    if (found.has(next)) continue;
    const file = index.get(next);
    if (file === undefined)
      throw refused(lock, `\`${next}\` is not in the code`, "is it ignored by git, or named otherwise?");
    found.set(next, file);
    if (found.size > mostFiles) throw refused(lock, `it includes more than ${mostFiles} files`, "put them into one");
    for (const line of requirementLines(read(file))) {
      if (isLocal(line))
        throw refused(
          lock,
          `\`${line}\` in it is code that lies beside it, and many runs share one environment`,
          "name published packages alone; modules beside the script are found as they are, others by `--env PYTHONPATH=src`",
        );
      const more = includedBy(line);
      if (more !== null) todo.push(posix.normalize(posix.join(posix.dirname(next), more)));
    }
  }
  return [...found.values()];
}

function uvFiles(lock: string, path: string, { index, read }: Reading): SnapshotFile[] {
  const folder = posix.dirname(path);
  const inside = folder === "." ? "" : `${folder}/`;
  const file = index.get(path);
  if (file === undefined || !index.has(`${inside}pyproject.toml`))
    throw refused(
      lock,
      `\`${file === undefined ? path : `${inside}pyproject.toml`}\` is not in the code`,
      "uv needs both",
    );
  const local = /source = \{ (?:directory|path) = "[^"]*"/.exec(read(file))?.[0];
  if (local !== undefined)
    throw refused(
      lock,
      `it takes a package from a folder (\`${local} }\`), and many runs share one environment`,
      "publish that package, or build the environment yourself and name its `--python`",
    );
  return [...index.values()].filter(({ path: name }) => {
    if (!name.startsWith(inside)) return false;
    const own = name.slice(inside.length);
    return besideLock.has(own) || own.endsWith("/pyproject.toml");
  });
}

/**
 * The files that belong to `lock`, which is named from the folder `cwd` of the code. Throws `refused` where it is not in the code,
 * is no lock, or would install code that lies beside it.
 */
export function lockFiles(
  base: BasePaths,
  snapshot: Snapshot,
  { lock, cwd }: { lock: string; cwd: string },
): SnapshotFile[] {
  const path = posix.normalize(posix.join(cwd, lock));
  if (badPath(path) !== null) throw refused(lock, "it is outside of the code", "name a file of the code");
  if (!isUvLock(lock) && !/\.(txt|in|lock)$/.test(lock))
    throw refused(lock, "it is neither a uv.lock nor a requirements file", "name `uv.lock` or `requirements.txt`");
  const index = snapshotIndex(snapshot);
  const read = (file: SnapshotFile) => {
    if (file.kind === "link") throw refused(lock, `\`${file.path}\` is a symbolic link`, "name the file itself");
    if (file.size > largestBytes) throw refused(lock, `\`${file.path}\` is larger than 16 MiB`, "is it a lock?");
    return new TextDecoder().decode(readBlob(base, file.hash));
  };
  const files = (isUvLock(lock) ? uvFiles : requirementFiles)(lock, path, { index, read });
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** One hash over names and contents. */
export function lockSum(files: readonly SnapshotFile[]): string {
  const text = files.map(({ path, hash }) => `${hash}  ${path}\n`).join("");
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}

/** The files of the lock that a run was queued with. Throws as `lockFiles`, and what reading the snapshot throws. */
export function lockFilesOf(base: BasePaths, { environment, cwd }: Pick<Manifest, "environment" | "cwd">) {
  const { snapshot, venv } = environment;
  if (snapshot === null || venv === null) return [];
  return lockFiles(base, readSnapshot(base, snapshot), { lock: venv.lock, cwd });
}

/** What a run of this command would be started with, where it is a Python. */
export const isPython = (word: string) => /(^|\/)(python|pypy)[\d.]*$/.test(word);

/** The interpreter that an environment is made with: the run's own, else python3. */
export const makerOf = ([program = ""]: readonly string[]) => (isPython(program) ? program : "python3");

/** How plan and worker name what a run waits for, before the worker knows the key: its lock and its interpreter. */
export const venvNeed = ({ environment: { venv }, argv }: Pick<Manifest, "environment" | "argv">): string | null =>
  venv === null ? null : `venv:${venv.lock_sha256}:${makerOf(argv)}`;
