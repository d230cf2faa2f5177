/**
 * What a whole dataset looked like when its checksum was last known, in one hash: the paths, sizes and times of all files. Where
 * that is the same, so is the checksum, and neither the stat cache nor the tree has to be gone through. Kept beside the stat
 * cache, written only when every file's own hash was to be trusted (stat-cache.ts); deleted or damaged it costs time.
 */
import * as fs from "node:fs";
import { writeDurable } from "../core/durable.ts";
import { readJsonFile } from "../core/json-lines.ts";
import type { Walked } from "./walk.ts";

const pathOf = (cachePath: string) => `${cachePath}.whole.json`;
const together = 512;

/** Takes the files in the order of the walk, which a file system keeps as long as nothing changes. */
export class WholeLook {
  readonly #sum = new Bun.CryptoHasher("sha256");
  #text = "";
  files = 0;
  links = 0;
  sizeBytes = 0;

  add({ path, sizeBytes, mtimeMs, ctimeMs, link }: Walked): void {
    this.#text += `${path}\0${sizeBytes} ${mtimeMs} ${ctimeMs} ${link ?? ""}\0`;
    this.files += 1;
    this.sizeBytes += sizeBytes;
    if (link !== null) this.links += 1;
    if (this.files % together === 0) this.#flush();
  }

  #flush(): void {
    this.#sum.update(this.#text);
    this.#text = "";
  }

  /** Once, at the end. */
  digest(): string {
    this.#flush();
    return this.#sum.digest("hex");
  }
}

/** Whether any look is remembered, so that it is worth to make one. */
export const hasKnownLook = (cachePath: string) => fs.existsSync(pathOf(cachePath));

/** The checksum of a dataset that looks like this; null where that is not known. Throws nothing. */
export function checksumOfLook(cachePath: string, look: string): string | null {
  const known = readJsonFile(pathOf(cachePath)) as { look?: unknown; checksum?: unknown } | null;
  return known?.look === look && typeof known.checksum === "string" ? known.checksum : null;
}

/** Throws nothing. */
export function rememberLook(cachePath: string, look: string, checksum: string): void {
  try {
    if (checksumOfLook(cachePath, look) === checksum || !fs.existsSync(cachePath)) return;
    writeDurable(pathOf(cachePath), `${JSON.stringify({ look, checksum })}\n`, { mode: 0o600, sync: false });
  } catch {
    // The next look goes through everything.
  }
}
