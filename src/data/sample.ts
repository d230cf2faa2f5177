/** Which files a quick look reads: the same ones at any time, as long as the paths are the same. Holds no more than twice as many. */
import type { Walked } from "./walk.ts";

const sampleFiles = 256;
const largestBytes = 64_000_000;

export class Sample {
  #best: { path: string; sizeBytes: number; rank: number | bigint }[] = [];
  #paths: Set<string> | null = null;

  offer({ path, sizeBytes }: Walked): void {
    if (sizeBytes > largestBytes) return;
    this.#best.push({ path, sizeBytes, rank: Bun.hash(path) });
    if (this.#best.length >= 2 * sampleFiles) this.#cut();
  }

  #cut(): void {
    this.#best.sort((a, b) => (a.rank < b.rank ? -1 : 1));
    this.#best.length = Math.min(this.#best.length, sampleFiles);
  }

  /** After all were offered. */
  has(path: string): boolean {
    if (this.#paths === null) {
      this.#cut();
      this.#paths = new Set(this.#best.map((one) => one.path));
    }
    return this.#paths.has(path);
  }

  total(): { files: number; bytes: number } {
    this.#cut();
    return { files: this.#best.length, bytes: this.#best.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
  }
}
