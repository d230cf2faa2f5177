/**
 * An SVG as a PNG, by resvg compiled to WebAssembly, with a font of its own: the same picture on every machine, also on a
 * server without fonts. Both are inside the executable, compressed there (scripts/compressed.ts), and loaded when a PNG is asked for.
 */
import { initWasm, Resvg } from "@resvg/resvg-wasm";
import wasmPath from "@resvg/resvg-wasm/index_bg.wasm" with { type: "file" };
import fontPath from "dejavu-fonts-ttf/ttf/DejaVuSans.ttf" with { type: "file" };

let ready: Promise<void> | null = null;

/** An embedded file, which the executable carries compressed and a run from source as it is. */
async function contentOf(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await Bun.file(path).bytes();
  return path.endsWith(".zst") ? new Uint8Array(await Bun.zstdDecompress(bytes)) : bytes;
}

/** `scale`: pixels a unit of the SVG. */
export async function pngOf(svg: string, scale: number): Promise<Uint8Array> {
  ready ??= contentOf(wasmPath).then((bytes) => initWasm(bytes));
  await ready;
  const font = await contentOf(fontPath);
  const resvg = new Resvg(svg, {
    fitTo: { mode: "zoom", value: scale },
    font: { fontBuffers: [font], defaultFontFamily: "DejaVu Sans", sansSerifFamily: "DejaVu Sans" },
  });
  try {
    return resvg.render().asPng();
  } finally {
    resvg.free();
  }
}
