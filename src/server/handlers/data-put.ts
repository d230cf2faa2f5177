/**
 * A folder of the asker's own data, `data/<user>/<name>` in the base, laid out from a stored snapshot in place of what was
 * there: whole or not at all. The files are the stored contents themselves (hard links), so they take no space twice and are
 * read-only; executable ones, and all on a file system without hard links, are copies. Runs and other people's folders are out of reach.
 */
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { breathe } from "../../core/breathe.ts";
import { syncFolder } from "../../core/durable.ts";
import { asMlError, MlError } from "../../core/error.ts";
import { syncFiles } from "../../core/sync-batch.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { copyLarge, loosePath } from "../../run/blobs.ts";
import { lacking, readBlob, readSnapshot } from "../../run/objects.ts";
import type { BasePaths } from "../../run/paths.ts";
import { whileRelying } from "../../run/reliance.ts";
import type { Snapshot, SnapshotFile } from "../../run/snapshot.ts";
import { mostPackedBytes } from "../../run/tar-pack.ts";
import type { Context } from "../context.ts";
import { takeApart } from "../removal.ts";

const sliceMs = 8;

/** Null where it is the stored content itself, else the path of the copy, which nothing has made durable yet. Throws `snapshot_missing`. */
function placeFile(base: BasePaths, file: SnapshotFile, path: string): string | null {
  const isExecutable = file.kind === "exec";
  try {
    if (!isExecutable) {
      fs.linkSync(loosePath(base, file.hash), path);
      return null;
    }
  } catch {
    // No hard links there, too many of this one, or no file of its own.
  }
  const mode = isExecutable ? 0o555 : 0o444;
  if (file.size <= mostPackedBytes) {
    fs.writeFileSync(path, readBlob(base, file.hash), { flag: "wx" });
    fs.chmodSync(path, mode);
  } else if (!copyLarge(base, file.hash, { path, mode })) throw lacking([file.hash]);
  return path;
}

async function layOut(base: BasePaths, snapshot: Snapshot, folder: string): Promise<void> {
  const made = new Set<string>([folder]);
  const copies: string[] = [];
  let pause = performance.now() + sliceMs;
  fs.mkdirSync(folder, { mode: 0o755, recursive: true });
  for (const file of snapshot.files) {
    const path = join(folder, file.path);
    if (!made.has(dirname(path))) fs.mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    made.add(dirname(path));
    if (file.kind === "link") fs.symlinkSync(file.target ?? "", path);
    else {
      const copy = placeFile(base, file, path);
      if (copy !== null) copies.push(copy);
    }
    if (performance.now() < pause) continue;
    await breathe();
    pause = performance.now() + sliceMs;
  }
  await syncFiles(copies);
}

/** A user's name as the name of a folder. Throws `bad_path` for one that would lead elsewhere. */
function ownFolder(base: BasePaths, user: string): string {
  if (/^[A-Za-z0-9_@-][A-Za-z0-9_.@-]{0,63}$/.test(user)) return join(base.data, user);
  throw new MlError("bad_path", `a folder cannot be called \`${user}\``, { hint: "ask for a key under a plain name" });
}

export async function dataPut(context: Context, body: ParsedBody<"data.put">): Promise<Reply<"data.put">> {
  const { base, asker } = context;
  context.disk.requireRoom("storing data");
  const snapshot = readSnapshot(base, body.snapshot);
  const own = ownFolder(base, asker.user);
  const folder = join(own, body.name);
  const tag = crypto.randomUUID().slice(0, 8);
  const laying = join(base.staging, `data-${tag}`);
  const going = join(base.staging, `deleted-data-${tag}`);
  try {
    await whileRelying(() => layOut(base, snapshot, laying));
    fs.mkdirSync(own, { recursive: true, mode: 0o700 });
    if (fs.existsSync(folder)) fs.renameSync(folder, going);
    fs.renameSync(laying, folder);
    syncFolder(own);
  } catch (cause) {
    await takeApart(laying).catch(() => {});
    throw asMlError(cause, `storing the data \`${body.name}\``);
  }
  if (fs.existsSync(going)) void takeApart(going).catch(() => {});
  context.audit.note(asker, { action: "data.put", detail: `${asker.user}/${body.name}` });
  const sizeBytes = snapshot.files.reduce((sum, file) => sum + file.size, 0);
  return { folder, files: snapshot.files.length, size_bytes: sizeBytes };
}
