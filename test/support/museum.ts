/** Copies of the run folders that earlier versions have written and that are kept, byte for byte, in test/data. */
import { appendFileSync, chmodSync, cpSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BasePaths, basePaths } from "../../src/run/paths.ts";
import { listRunIds, requireManifest } from "../../src/run/store.ts";
import { sumLine } from "../../src/run/sum-line.ts";
import { tempFolder } from "./temp.ts";

const data = join(import.meta.dir, "../data");

/** `format-1` and so on, oldest first. */
export const formats = readdirSync(data).filter((name) => name.startsWith("format-"));

/** A base of its own with everything of one format. */
export function museum(format: string): BasePaths {
  const base = tempFolder("ml-museum-");
  cpSync(join(data, format), base, { recursive: true });
  return basePaths(base);
}

/** An ended run of the museum, given an artifact of random bytes that its seal covers. */
export function withArtifact(
  base: BasePaths,
  sizeBytes: number,
  name = "work/big.bin",
): { runId: string; hash: string } {
  const runId = listRunIds(base).find((id) => requireManifest(base.run(id)).status === "completed") ?? "";
  const { folder, sums } = base.run(runId);
  const bytes = crypto.getRandomValues(new Uint8Array(sizeBytes));
  const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  chmodSync(join(folder, "work"), 0o755);
  writeFileSync(join(folder, name), bytes, { mode: 0o444 });
  chmodSync(sums, 0o644);
  appendFileSync(sums, sumLine(name, hash));
  return { runId, hash };
}
