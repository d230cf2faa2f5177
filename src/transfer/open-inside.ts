/**
 * Opening files of a run folder for somebody else, strictly inside of it, however the folder is arranged and whatever
 * a script swaps meanwhile: component by component, each opened relative to the one before without following links
 * (openat(2) by way of /proc/self/fd, O_PATH | O_NOFOLLOW), links resolved by us. Only regular files are ever really
 * opened, so no FIFO blocks and no device is touched. Linux only, like the runs themselves.
 */
import * as fs from "node:fs";
import { breathe } from "../core/breathe.ts";
import { MlError, messageOf, systemCode } from "../core/error.ts";
import { badPath, shownPath } from "../run/snapshot.ts";

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
/** open(2): a handle on the thing itself, of whatever kind, that reads nothing. */
const O_PATH = 0o10000000;
const maxHops = 40;
const chunkBytes = 256 * 1024;
const pauseEvery = 500;

export interface OpenFile {
  /** Close it with `closeSync`, or hand it to `streamRange`, which does. */
  fd: number;
  sizeBytes: number;
  /** Milliseconds since 1970. */
  modifiedMs: number;
  /** Changes when the file does: an ETag without its quotes. */
  version: string;
}

export interface ListedEntry {
  /** Relative to the folder that was opened. */
  path: string;
  kind: "file" | "folder" | "link" | "other";
  sizeBytes: number;
  modifiedMs: number;
}

function refusal(path: string, why: string): MlError {
  return new MlError("bad_path", `opening \`${shownPath(path)}\` was refused: ${why}`);
}

/** What went wrong while something inside the folder was opened or listed, as the words for whoever asked. */
function asRefusal(path: string, cause: unknown): MlError {
  if (cause instanceof MlError) return cause;
  if (systemCode(cause) === "EACCES") return new MlError("not_allowed", `\`${shownPath(path)}\` may not be read`);
  return refusal(path, messageOf(cause));
}

/** Refuses what is no plain relative path, also where one more decoding would make it leave. */
function checkPath(path: string): void {
  const bad = badPath(path);
  if (bad !== null) throw refusal(path, bad);
  let decoded = path;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return;
  }
  if (decoded !== path && (decoded.includes("\0") || decoded.split("/").includes(".."))) {
    throw refusal(path, "it is an encoded way out of the folder");
  }
}

const handle = (fd: number) => `/proc/self/fd/${fd}`;

function openComponent(parent: number, name: string, path: string): number {
  try {
    return fs.openSync(`${handle(parent)}/${name}`, O_PATH | O_NOFOLLOW);
  } catch (cause) {
    const code = systemCode(cause);
    if (code === "ENOENT" || code === "ENOTDIR") throw new MlError("not_found", `there is no \`${shownPath(path)}\``);
    if (code === "EACCES") throw new MlError("not_allowed", `\`${shownPath(path)}\` may not be read`);
    throw refusal(path, messageOf(cause));
  }
}

/** An O_PATH handle on what `path` means inside `folder`, links followed, with what it is; the caller closes it. */
function locate(folder: string, path: string): { fd: number; stat: fs.Stats } {
  const stack = [fs.openSync(folder, O_PATH)];
  let found: number | null = null;
  try {
    const rest = path === "" ? [] : path.split("/");
    for (let hops = 0; rest.length > 0; ) {
      const name = rest.shift() ?? "";
      if (name === "" || name === ".") continue;
      if (name === "..") {
        if (stack.length < 2) throw refusal(path, "it leads out of the folder through a link");
        fs.closeSync(stack.pop() ?? -1);
        continue;
      }
      const parent = stack.at(-1) ?? -1;
      const fd = openComponent(parent, name, path);
      stack.push(fd);
      const stat = fs.fstatSync(fd);
      if (stat.isDirectory()) continue;
      if (stat.isSymbolicLink()) {
        const target = fs.readlinkSync(`${handle(parent)}/${name}`);
        fs.closeSync(stack.pop() ?? -1);
        hops += 1;
        if (hops > maxHops) throw refusal(path, "its links lead in a circle");
        if (target.startsWith("/")) throw refusal(path, "it leads through a link to an absolute path");
        rest.unshift(...target.split("/"));
        continue;
      }
      if (rest.some((part) => part !== "" && part !== ".")) {
        throw new MlError("not_found", `there is no \`${shownPath(path)}\``);
      }
    }
    found = stack.pop() ?? -1;
    return { fd: found, stat: fs.fstatSync(found) };
  } catch (cause) {
    if (cause instanceof MlError) throw cause;
    throw refusal(path, messageOf(cause));
  } finally {
    for (const fd of stack) fs.closeSync(fd);
  }
}

/**
 * Opens the regular file `path` inside `folder` for reading. Throws MlError: `bad_path` for anything that leads or
 * could lead out, and for FIFOs, sockets and devices; `not_found`; `usage` for a folder; `not_allowed`.
 */
export function openInside(folder: string, path: string): OpenFile {
  checkPath(path);
  const { fd, stat } = locate(folder, path);
  try {
    if (stat.isDirectory()) {
      throw new MlError("usage", `\`${shownPath(path)}\` is a folder`, {
        hint: "`ml ls` lists it, `ml pull` fetches it",
      });
    }
    if (!stat.isFile()) throw refusal(path, "it is no regular file");
    const open = fs.openSync(handle(fd), O_RDONLY | O_NONBLOCK);
    const version = `${stat.ino.toString(36)}-${stat.size.toString(36)}-${Math.round(stat.mtimeMs * 1000).toString(36)}`;
    return { fd: open, sizeBytes: stat.size, modifiedMs: stat.mtimeMs, version };
  } catch (cause) {
    throw asRefusal(path, cause);
  } finally {
    fs.closeSync(fd);
  }
}

/** Bytes `from` up to `to` (exclusive) of an open file as a stream that closes it at its end, error or cancellation. */
export function streamRange(file: OpenFile, { from = 0, to = file.sizeBytes } = {}): ReadableStream<Uint8Array> {
  let position = from;
  let open = true;
  const close = () => {
    if (open) fs.closeSync(file.fd);
    open = false;
  };
  return new ReadableStream<Uint8Array>({
    pull: (controller) => {
      const wanted = Math.min(chunkBytes, to - position);
      if (wanted <= 0) {
        close();
        controller.close();
        return;
      }
      return new Promise<void>((resolve) => {
        fs.read(file.fd, Buffer.allocUnsafe(wanted), 0, wanted, position, (cause, count, buffer) => {
          if (cause !== null || count === 0) {
            close();
            controller.error(cause ?? new Error("the file has become shorter while it was read"));
          } else if (open) {
            position += count;
            controller.enqueue(buffer.subarray(0, count));
          }
          resolve();
        });
      });
    },
    cancel: close,
  });
}

function kindOf(stat: fs.Stats): ListedEntry["kind"] {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "folder";
  return stat.isSymbolicLink() ? "link" : "other";
}

/** The entries of one folder, folders first, then by name; what vanishes meanwhile is skipped. */
function readFolder(folder: string, path: string): ListedEntry[] {
  const { fd, stat } = locate(folder, path);
  try {
    if (!stat.isDirectory()) throw new MlError("usage", `\`${shownPath(path)}\` is no folder`);
    const entries: ListedEntry[] = [];
    for (const name of fs.readdirSync(handle(fd))) {
      const found = fs.lstatSync(`${handle(fd)}/${name}`, { throwIfNoEntry: false });
      if (found === undefined) continue;
      const kind = kindOf(found);
      const sizeBytes = kind === "folder" ? 0 : found.size;
      entries.push({ path: path === "" ? name : `${path}/${name}`, kind, sizeBytes, modifiedMs: found.mtimeMs });
    }
    const rank = (entry: ListedEntry) => (entry.kind === "folder" ? 0 : 1);
    return entries.sort((a, b) => rank(a) - rank(b) || (a.path < b.path ? -1 : 1));
  } catch (cause) {
    throw asRefusal(path, cause);
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * What stands under `path` (`""`: the folder itself), with `recursive` everything beneath, breadth first; links are
 * listed and never followed, at most `limit` entries. Throws MlError as openInside does, `usage` where `path` is no
 * folder; a folder further down that cannot be read is passed over.
 */
export async function listInside(
  folder: string,
  path: string,
  { recursive = false, limit = 10_000 } = {},
): Promise<{ entries: ListedEntry[]; truncated: boolean }> {
  if (path !== "") checkPath(path);
  const entries: ListedEntry[] = [];
  const waiting = [path];
  let pause = pauseEvery;
  for (let at = waiting.shift(); at !== undefined; at = waiting.shift()) {
    for (const entry of at === path ? readFolder(folder, at) : readIfThere(folder, at)) {
      if (entries.length >= limit) return { entries, truncated: true };
      entries.push(entry);
      if (recursive && entry.kind === "folder") waiting.push(entry.path);
    }
    if (entries.length < pause) continue;
    pause = entries.length + pauseEvery;
    await breathe();
  }
  return { entries, truncated: false };
}

function readIfThere(folder: string, path: string): ListedEntry[] {
  try {
    return readFolder(folder, path);
  } catch (cause) {
    if (cause instanceof MlError) return [];
    throw cause;
  }
}
