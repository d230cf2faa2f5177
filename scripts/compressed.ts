/**
 * Large files that the executable carries and few commands need, made small: zstd at its slowest level, kept under
 * node_modules/.cache by content so that only the first build pays. Who reads them decompresses (src/picture/png.ts,
 * src/tui/native-library.ts).
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import type { BunPlugin } from "bun";

const folder = join(import.meta.dir, "../node_modules/.cache/ml");

/** Path of `source` compressed; the name says of which content, and how large that is: `NAME-HASH-BYTES.EXT.zst`. */
export function compressedFile(source: string): string {
  const bytes = readFileSync(source);
  const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex").slice(0, 16);
  const extension = extname(source);
  const path = join(folder, `${basename(source, extension)}-${hash}-${bytes.length}${extension}.zst`);
  if (existsSync(path)) return path;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.${process.pid}`, Bun.zstdCompressSync(bytes, { level: 19 }));
  renameSync(`${path}.${process.pid}`, path);
  return path;
}

/** What draws PNGs, 3 MB raw: found as installed, embedded compressed. */
export const compressedFilesPlugin: BunPlugin = {
  name: "compressed-files",
  setup(build) {
    build.onResolve({ filter: /^@resvg\/.*\.wasm$|^dejavu-fonts-ttf\/.*\.ttf$/ }, ({ path, importer }) => ({
      path: compressedFile(Bun.resolveSync(path, dirname(importer))),
    }));
  },
};
