/** Bundles for tests: real ones of runs that earlier versions left, and archives written block by block, as a stranger might. */
import { gzipSync } from "node:zlib";
import { type BundleWish, composeBundle } from "../../src/bundle/compose.ts";
import { type Packing, packBundle } from "../../src/bundle/write-archive.ts";
import type { BasePaths } from "../../src/run/paths.ts";

export async function bundleOf(
  base: BasePaths,
  runIds: readonly string[],
  wish: Partial<BundleWish> & { packing?: Packing } = {},
): Promise<Uint8Array> {
  const { packing = "gzip", ...rest } = wish;
  const composed = composeBundle(base, {
    ...{ runIds, level: "all", artifacts: [], redact: new Set(), figures: new Map(), nowMs: Date.now() },
    ...rest,
  });
  return new Uint8Array(await new Response(packBundle(composed, packing)).arrayBuffer());
}

export interface TarEntry {
  name: string | Uint8Array;
  /** Type flag of the header: "0" file, "1" hard link, "2" symlink, "3" "4" devices, "5" folder, "6" FIFO, "x" pax. */
  type?: string;
  body?: Uint8Array | string;
  target?: string;
  /** What the header says instead of the length of the body. */
  size?: number;
}

const block = 512;

/** A ustar header and the padded body (POSIX pax, "ustar Interchange Format"); nothing is checked. */
export function tarEntry({ name, type = "0", body = "", target = "", size }: TarEntry): Uint8Array {
  const bytes = typeof body === "string" ? Buffer.from(body) : Buffer.from(body);
  const entry = Buffer.alloc(block + Math.ceil(bytes.length / block) * block);
  const put = (at: number, text: string) => entry.write(text, at, "latin1");
  Buffer.from(name as string).copy(entry, 0, 0, 100);
  put(100, "0000644\0");
  put(108, "0000000\0");
  put(116, "0000000\0");
  put(124, `${(size ?? bytes.length).toString(8).padStart(11, "0")}\0`);
  put(136, "00000000000\0");
  put(156, type);
  put(157, target.slice(0, 100));
  put(257, "ustar\0");
  put(263, "00");
  entry.fill(" ", 148, 156);
  const sum = entry.subarray(0, block).reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  bytes.copy(entry, block);
  return entry;
}

/** A pax header that gives the next entry this path. */
export function paxPath(path: string): TarEntry {
  const record = (length: number) => `${length} path=${path}\n`;
  let length = record(0).length;
  while (Buffer.byteLength(record(length)) !== length) length = Buffer.byteLength(record(length));
  return { name: "pax", type: "x", body: record(length) };
}

export function tarOf(entries: readonly TarEntry[], end = true): Uint8Array {
  return Buffer.concat([...entries.map(tarEntry), ...(end ? [Buffer.alloc(2 * block)] : [])]);
}

export const gz = (bytes: Uint8Array) => gzipSync(bytes, { level: 1 });

const run = "top/runs/2026-01-01_aaaaaa";

/** Archives that nobody may take in, by what is wrong with them. Small ones; those that are a matter of size are below. */
export function hostileArchives(): Record<string, Uint8Array> {
  const one = (...entries: TarEntry[]) => gz(tarOf(entries));
  const file = (name: string | Uint8Array): TarEntry => ({ name, body: "x" });
  const whole = tarOf([file("top/README.md"), file(`${run}/output.log`)]);
  return {
    "a path that climbs out": one(file("top/../../evil")),
    "a path that climbs within": one(file(`${run}/work/../../../../evil`)),
    "an absolute path": one(file("/tmp/evil")),
    "an absolute path by pax": one(paxPath("/tmp/evil"), file("top/README.md")),
    "a path that climbs out by pax": one(paxPath("top/runs/../../evil"), file("top/README.md")),
    "a link to an absolute path": one({ name: `${run}/work/l`, type: "2", target: "/etc/passwd" }),
    "a link out of the run": one({ name: `${run}/work/l`, type: "2", target: "../../../../x" }),
    "links that lead out together": one(
      { name: `${run}/work/a`, type: "2", target: ".." },
      { name: `${run}/work/b`, type: "2", target: "a/../../x" },
    ),
    "a file written through a link": one({ name: `${run}/work/l`, type: "2", target: "d" }, file(`${run}/work/l/evil`)),
    "a link as a record": one({ name: `${run}/run_manifest.json`, type: "2", target: "work/x" }),
    "a hard link": one(file(`${run}/work/a`), { name: `${run}/work/b`, type: "1", target: `${run}/work/a` }),
    "a hard link out": one({ name: `${run}/work/b`, type: "1", target: "/etc/shadow" }),
    "a character device": one({ name: `${run}/work/null`, type: "3" }),
    "a block device": one({ name: `${run}/work/disk`, type: "4" }),
    "a FIFO": one({ name: `${run}/work/pipe`, type: "6" }),
    "the same file twice": one(file(`${run}/output.log`), file(`${run}/output.log`)),
    "a file, then a folder of its name": one(file(`${run}/work/a`), file(`${run}/work/a/b`)),
    "a folder, then a file of its name": one(file(`${run}/work/a/b`), file(`${run}/work/a`)),
    "a name with a newline": one(file(`${run}/work/a\nb`)),
    "a name that draws on the terminal": one(file(`${run}/work/\x1b[2J`)),
    "a name with a NUL by pax": one(paxPath(`${run}/work/a\0b`), file("top/README.md")),
    "a name that is no UTF-8": one(file(Buffer.from(`${run}/work/\xff\xfe`, "latin1"))),
    "an empty part in a path": one(file("top//README.md")),
    "two folders at the top": one(file("top/README.md"), file("other/README.md")),
    "a file at the top": one(file("README.md")),
    "a run id that is none": one(file("top/runs/..evil/output.log")),
    "a stop request for a worker": one(file(`${run}/.run/stop.json`)),
    "a file that no bundle has": one(file("top/.ssh/authorized_keys")),
    "nothing but folders": one({ name: "top/", type: "5" }),
    "a size that is none": one({ name: `${run}/output.log`, size: 2 ** 33 - 1, body: "x" }),
    "a header with a wrong sum": gz(whole.map((byte, index) => (index === 5 ? byte + 1 : byte))),
    "no end": gz(tarOf([file("top/README.md")], false)),
    "more behind the end": gz(Buffer.concat([whole, tarEntry(file("top/bundle.json"))])),
    "a cut stream": gz(whole).subarray(0, 60),
    "gzip within gzip": gz(gz(whole)),
    "gzip of noise": gz(crypto.getRandomValues(new Uint8Array(5000))),
    "no archive at all": Buffer.from("hello, this is no archive"),
    "a tar that is not compressed": whole,
    nothing: new Uint8Array(0),
    "a pax header without an end": one({ name: "pax", type: "x", size: 2 ** 30, body: "5 a=b\n" }),
  };
}

/** 200 MB of zeros, about 195 kB packed. */
export const bomb = (): Uint8Array =>
  gzipSync(Buffer.concat([tarEntry({ name: `${run}/output.log`, size: 200e6 }), Buffer.alloc(200e6)]));

/** More entries than an archive may have, each with a name of its own. */
export function* manyEntries(count: number): Generator<Uint8Array> {
  for (let done = 0; done < count; done += 1000) {
    const entries = Array.from({ length: 1000 }, (_, index) => tarEntry({ name: `${run}/work/${done + index}` }));
    yield Buffer.concat(entries);
  }
}
