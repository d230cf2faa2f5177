import { describe, expect, test } from "bun:test";
import { archiveLimits } from "../../../src/bundle/archive-rules.ts";
import { checkBundle } from "../../../src/bundle/check.ts";
import { type ReadOptions, readArchive } from "../../../src/bundle/read-archive.ts";
import { listRunIds } from "../../../src/run/store.ts";
import { bomb, bundleOf, gz, hostileArchives, manyEntries, tarEntry } from "../../support/bundles.ts";
import { museum } from "../../support/museum.ts";

async function* streamOf(bytes: Uint8Array, pieceBytes = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

const read = (bytes: Uint8Array, options: ReadOptions = {}) => readArchive(streamOf(bytes), options);
const codeOf = (reading: Promise<unknown>) =>
  reading.then(
    () => "read",
    (cause) => cause.code ?? String(cause),
  );

describe("reading an archive", () => {
  for (const [what, bytes] of Object.entries(hostileArchives())) {
    test(`[S4] is refused for ${what}`, async () => {
      // Harmless, and no bundle: the checks say so.
      if (what === "nothing but folders")
        expect(checkBundle(await read(bytes)).filter(({ state }) => state === "failed")).not.toEqual([]);
      else expect(await codeOf(read(bytes))).toBe("refused");
    });
  }

  test("[S4] 200 MB that come as 195 kB are too large, and reading stops long before their end", async () => {
    const packed = bomb();
    expect(packed.length).toBeLessThan(210_000);
    let written = 0;
    const write = (chunk: Uint8Array) => {
      written += chunk.length;
    };
    const begin = () => ({ write, end() {} });
    expect(await codeOf(readArchive(streamOf(packed, packed.length), { begin }))).toBe("too_large");
    expect(written).toBeLessThan(100e6);
  });

  test("[S4] more entries than allowed are too large, as is more than allowed unpacked", async () => {
    const bytes = gz(Buffer.concat([...manyEntries(3000)]));
    expect(await codeOf(read(bytes, { limits: { ...archiveLimits, entries: 2500 } }))).toBe("too_large");
    const large = gz(tarEntry({ name: "top/runs/2026-01-01_aaaaaa/output.log", body: "x".repeat(5000) }));
    expect(await codeOf(read(large, { limits: { ...archiveLimits, totalBytes: 4000 } }))).toBe("too_large");
  });

  test("a bundle of ours is read whole, by gzip and by zstd, in pieces of any size, and passes every check", async () => {
    const base = museum("format-1");
    for (const packing of ["gzip", "zstd"] as const) {
      const bytes = await bundleOf(base, listRunIds(base), { packing });
      for (const pieceBytes of [7, 4096, bytes.length]) {
        const facts = await readArchive(streamOf(bytes, pieceBytes));
        expect(checkBundle(facts).filter(({ state }) => state === "failed")).toEqual([]);
        expect(facts.packedBytes).toBe(bytes.length);
      }
    }
  });

  test("[S4] wherever a bundle is cut, it is refused", async () => {
    const base = museum("format-1");
    const bytes = await bundleOf(base, listRunIds(base));
    const cuts = Array.from({ length: 40 }, (_, index) => Math.floor((bytes.length * index) / 40));
    for (const at of cuts) expect(await codeOf(read(bytes.subarray(0, at)))).toBe("refused");
  });
});
