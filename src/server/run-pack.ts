/**
 * `POST /runs/<id>/pack`: many files of a run in one stream, in the order in which they were asked for; `POST
 * /runs/<id>/code`: the snapshot of a run with its contents. Both are packs, as code arrives in. A path is walked beneath
 * the run folder as for a single file; what is refused stands in the stream with its reason.
 */
import * as fs from "node:fs";
import { breathe } from "../core/breathe.ts";
import { asMlError, MlError } from "../core/error.ts";
import { loosePath } from "../run/blobs.ts";
import { readBlob, readSnapshot } from "../run/objects.ts";
import { snapshotText } from "../run/snapshot.ts";
import { requireManifest } from "../run/store.ts";
import { blobHash } from "../transfer/blob-hash.ts";
import { type BlockSums, decodeSums } from "../transfer/block-sums.ts";
import { type OpenFile, openInside } from "../transfer/open-inside.ts";
import { packBlobs } from "../transfer/pack.ts";
import type { PackEntry } from "../transfer/pack-content.ts";
import { type AskedFile, refusedName } from "../transfer/pull-pack.ts";
import type { Services } from "./context.ts";

/** Read at once, so that what is hashed is what is sent; larger files are read twice. */
const heldBytes = 4 * 1024 * 1024;
const pieceBytes = 1024 * 1024;
const mostFiles = 200_000;

function packResponse(entries: AsyncIterable<PackEntry>): Response {
  const { stream } = packBlobs(entries);
  return new Response(stream, { headers: { "content-type": "application/octet-stream", "cache-control": "no-store" } });
}

function bad(what: string): MlError {
  return new MlError("usage", `\`${what}\` was asked with a body that does not fit`, {
    hint: "docs/transfer.md has its form",
  });
}

function askedFiles(body: unknown): AskedFile[] {
  const { files } = (body ?? {}) as { files?: unknown };
  if (!Array.isArray(files) || files.length > mostFiles) throw bad("pack");
  return files.map((file: Partial<AskedFile> | null) => {
    if (typeof file?.path !== "string") throw bad("pack");
    return { path: file.path, sums: typeof file.sums === "string" ? file.sums : null };
  });
}

function refusalOf(path: string, cause: unknown): PackEntry {
  const error = asMlError(cause, `reading \`${path}\``);
  const bytes = Buffer.from(JSON.stringify({ code: error.code, message: error.message }));
  return { hash: refusedName, size: bytes.length, path, from: { bytes } };
}

async function hashOf(fd: number, size: number): Promise<string> {
  const sum = new Bun.CryptoHasher("sha256");
  const buffer = Buffer.allocUnsafe(pieceBytes);
  for (let at = 0; at < size; ) {
    const count = fs.readSync(fd, buffer, 0, Math.min(pieceBytes, size - at), at);
    if (count === 0) throw new MlError("try_later", "the file has become shorter while it was read");
    sum.update(buffer.subarray(0, count));
    at += count;
    await breathe();
  }
  return sum.digest("hex");
}

async function entryOf(file: OpenFile, path: string, sums: BlockSums | null): Promise<PackEntry> {
  const { fd, sizeBytes: size } = file;
  if (size <= heldBytes && sums === null) {
    const bytes = Buffer.allocUnsafe(size);
    let used = 0;
    for (let count = -1; count !== 0 && used < size; used += count)
      count = fs.readSync(fd, bytes, used, size - used, used);
    const held = bytes.subarray(0, used);
    return { hash: blobHash(held), size: used, path, from: { bytes: held } };
  }
  const hash = await hashOf(fd, size);
  const from = { fd };
  if (sums === null) return { hash, size, path, from };
  // The asker knows what it has; the name only says that there is something.
  return { hash, size, path, from, by: { base: blobHash(path), sums } };
}

async function* entriesOf(folder: string, files: readonly AskedFile[]): AsyncGenerator<PackEntry> {
  for (const { path, sums } of files) {
    let file: OpenFile;
    try {
      file = openInside(folder, path);
    } catch (cause) {
      yield refusalOf(path, cause);
      continue;
    }
    try {
      yield await entryOf(file, path, sums === null ? null : decodeSums(Buffer.from(sums, "base64")));
    } finally {
      fs.closeSync(file.fd);
    }
    await breathe();
  }
}

export function sendFiles(services: Services, runId: string, body: unknown): Response {
  const { folder } = services.base.run(runId);
  if (!fs.existsSync(folder)) throw new MlError("not_found", `there is no run \`${runId}\``);
  return packResponse(entriesOf(folder, askedFiles(body)));
}

/** First the list of files, then each content that is not in `have`, once; with `have` null only the list. */
export function sendCode(services: Services, runId: string, body: unknown): Response {
  const { have } = (body ?? {}) as { have?: unknown };
  if (have !== null && !Array.isArray(have)) throw bad("code");
  const manifest = requireManifest(services.base.run(runId));
  const { snapshot: name } = manifest.environment;
  if (name === null) {
    throw new MlError("not_found", `run \`${runId}\` was queued without code`, {
      hint: `\`ml info ${runId}\` shows its command`,
    });
  }
  const snapshot = readSnapshot(services.base, name);
  const known = new Set<unknown>(have ?? []);
  async function* entries(): AsyncGenerator<PackEntry> {
    const bytes = Buffer.from(snapshotText(snapshot));
    yield { hash: name ?? "", size: bytes.length, path: "the list of files", from: { bytes } };
    if (have === null) return;
    for (const { path, kind, size, hash } of snapshot.files) {
      if (kind === "link" || known.has(hash)) continue;
      known.add(hash);
      const isHeld = size <= heldBytes;
      yield {
        hash,
        size,
        path,
        from: isHeld ? { bytes: readBlob(services.base, hash) } : { file: loosePath(services.base, hash) },
      };
    }
  }
  return packResponse(entries());
}
