/**
 * Where the terminal UI's native library lies while we use it: the executable carries it compressed, the system can only load a
 * file. It is unpacked once into a folder that only the user can write, and used from there; Bun's own unpacking goes to
 * /tmp, which may be full, mounted noexec, or anybody's. Called by the module that scripts/terminal-ui.ts makes.
 *
 * Invariant: what is loaded is a regular file of ours, in a folder of ours (0700), of exactly the embedded size.
 */
import * as fs from "node:fs";
import { MlError, messageOf } from "../core/error.ts";

/** The folder: `$ML_LIB_DIR`, else `ml` under `$XDG_CACHE_HOME` or `~/.cache`. Null where there is no home. */
export function libraryFolder(env: Readonly<Record<string, string | undefined>>): string | null {
  if (env.ML_LIB_DIR) return env.ML_LIB_DIR;
  if (env.XDG_CACHE_HOME?.startsWith("/")) return `${env.XDG_CACHE_HOME}/ml`;
  return env.HOME ? `${env.HOME}/.cache/ml` : null;
}

function isOurs(path: string, sizeBytes: number): boolean {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true && stat.uid === process.getuid?.() && stat.size === sizeBytes;
}

/** Makes sure that the library lies in `folder`; its path. Throws MlError `refused` or a system error. */
function placeLibrary(embedded: string, folder: string): string {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stat = fs.statSync(folder);
  if (stat.uid !== process.getuid?.() || (stat.mode & 0o022) !== 0)
    throw new MlError("refused", `the folder \`${folder}\` can be written by others, so no library is loaded from it`, {
      hint: `chmod 700 ${folder}`,
    });
  // The embedded name carries a hash of its content: another version is another file.
  const name = embedded.slice(embedded.lastIndexOf("/") + 1);
  const sizeBytes = Number(/-(\d+)\.so/.exec(name)?.[1]);
  const path = `${folder}/${name.replace(/\.zst$/, "")}`;
  if (isOurs(path, sizeBytes)) return path;
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    fs.writeFileSync(temporary, Bun.zstdDecompressSync(fs.readFileSync(embedded)), { mode: 0o700, flag: "wx" });
    fs.renameSync(temporary, path);
  } catch (cause) {
    fs.rmSync(temporary, { force: true });
    throw cause;
  }
  return path;
}

/** Path of the library, unpacked where it was not. From source `embedded` is the installed file, and stays it. */
export function unpackLibrary(embedded: string, env: NodeJS.ProcessEnv = process.env): string {
  if (!embedded.startsWith("/$bunfs/")) return embedded;
  const folder = libraryFolder(env);
  if (folder === null)
    throw new MlError("refused", "the terminal UI has no folder for its library, because HOME is not set", {
      hint: "set ML_LIB_DIR to a folder of yours",
    });
  try {
    return placeLibrary(embedded, folder);
  } catch (cause) {
    if (cause instanceof MlError) throw cause;
    throw new MlError("refused", `the terminal UI's library cannot be unpacked to \`${folder}\``, {
      cause: messageOf(cause),
      hint: "set ML_LIB_DIR to a folder of yours on a disk that programs may run from",
    });
  }
}
