/** A composed bundle as a stream of bytes: tar, compressed, with SHA256SUMS of everything, thin files too, as its last entry. */
import * as fs from "node:fs";
import { Readable } from "node:stream";
import { createGzip, createZstdCompress } from "node:zlib";
import { createTarPacker, type TarPackController } from "modern-tar";
import { MlError } from "../core/error.ts";
import { blobPieces } from "../run/blobs.ts";
import { sumLine } from "../run/sum-line.ts";
import { openInside } from "../transfer/open-inside.ts";
import type { BundleEntry, Composed } from "./compose.ts";
import { files } from "./layout.ts";

export type Packing = "gzip" | "zstd";

const chunkBytes = 256 * 1024;

/** The bytes of an entry that travel, exactly as many as were announced. */
async function* bytesOf({ from, path }: BundleEntry): AsyncGenerator<Uint8Array> {
  if ("text" in from) yield Buffer.from(from.text);
  if ("blob" in from) yield* blobPieces(from.base, from.blob);
  if (!("root" in from)) return;
  const { fd } = openInside(from.root, from.inside);
  try {
    for (let at = from.there?.sizeBytes ?? 0; at < from.sizeBytes; ) {
      const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, from.sizeBytes - at));
      const count = fs.readSync(fd, buffer, 0, buffer.length, at);
      if (count === 0) throw new MlError("try_later", `\`${path}\` has become shorter while it was read`);
      at += count;
      yield buffer.subarray(0, count);
    }
  } finally {
    fs.closeSync(fd);
  }
}

async function writeEntry(tar: TarPackController, top: string, entry: BundleEntry): Promise<string | null> {
  const { from, path, isExecutable, modifiedMs } = entry;
  const common = { name: `${top}/${path}`, mode: isExecutable ? 0o755 : 0o644, mtime: new Date(modifiedMs) };
  if ("target" in from) {
    await tar.add({ ...common, type: "symlink", linkname: from.target, size: 0 }).close();
    return null;
  }
  const there = "root" in from ? from.there : undefined;
  const wholeSize = "text" in from ? Buffer.byteLength(from.text) : from.sizeBytes;
  const size = wholeSize - (there?.sizeBytes ?? 0);
  const writer = tar.add({ ...common, type: "file", size }).getWriter();
  const sum = there?.sum.copy() ?? new Bun.CryptoHasher("sha256");
  for await (const chunk of bytesOf(entry)) {
    sum.update(chunk);
    if (chunk.length > 0) await writer.write(chunk);
  }
  await writer.close();
  return sum.digest("hex");
}

async function writeAll(tar: TarPackController, { top, entries, thin }: Composed): Promise<void> {
  let sums = thin.map(({ path, sha256 }) => sumLine(path, sha256)).join("");
  for (const entry of entries) {
    const sum = await writeEntry(tar, top, entry);
    if (sum !== null) sums += sumLine(entry.path, sum);
  }
  await writeEntry(tar, top, { path: files.sums, isExecutable: false, modifiedMs: Date.now(), from: { text: sums } });
  tar.finalize();
}

/** The stream fails where a file cannot be read after all; what was sent by then has no end and is refused by every reader. */
export function packBundle(composed: Composed, packing: Packing): ReadableStream<Uint8Array> {
  const { readable, controller } = createTarPacker();
  writeAll(controller, composed).catch((cause) => controller.error(cause));
  const packer =
    packing === "gzip" ? createGzip({ chunkSize: chunkBytes }) : createZstdCompress({ chunkSize: chunkBytes });
  const source = Readable.from(readable as unknown as AsyncIterable<Uint8Array>);
  source.on("error", (cause) => packer.destroy(cause));
  const chunks = (source.pipe(packer) as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(stream) {
      const next = await chunks.next();
      if (next.done) stream.close();
      else stream.enqueue(new Uint8Array(next.value));
    },
    async cancel(reason) {
      controller.error(reason ?? new Error("nobody reads on"));
      source.destroy();
      packer.destroy();
    },
  });
}
