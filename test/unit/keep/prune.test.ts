import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { checkpointOf, type PruneFilter, planPrune, pruneFiles, supersededPaths } from "../../../src/keep/prune.ts";
import { validateRun } from "../../../src/keep/validate.ts";
import { readHistory } from "../../../src/run/history.ts";
import type { BasePaths, RunPaths } from "../../../src/run/paths.ts";
import { sealRun } from "../../../src/run/seal.ts";
import { listRunIds, requireManifest } from "../../../src/run/store.ts";
import { museum } from "../../support/museum.ts";

const all: PruneFilter = { olderThanMs: null, largerThanBytes: null, patterns: [], superseded: false };
const nowMs = Date.parse("2026-12-26T00:00:00Z");

/** The completed run of the museum, sealed anew with these files besides its own. */
async function withFiles(files: Record<string, string>): Promise<{ base: BasePaths; paths: RunPaths }> {
  const base = museum("format-1");
  const paths = base.run(listRunIds(base).find((id) => requireManifest(base.run(id)).status === "completed") ?? "");
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(`${paths.work}/${path}`), { recursive: true });
    writeFileSync(`${paths.work}/${path}`, text);
  }
  rmSync(paths.sums);
  await sealRun(paths);
  return { base, paths };
}

function plan({ base, paths }: { base: BasePaths; paths: RunPaths }, filter: Partial<PruneFilter> = {}): string[] {
  return planPrune(paths, requireManifest(paths), { base, filter: { ...all, ...filter }, nowMs }).map((file) =>
    file.path.slice(5),
  );
}

describe("superseded checkpoints", () => {
  test("are those with a higher number in the same series", () => {
    const paths = [
      ...["out/checkpoint-500/model.bin", "out/checkpoint-1000/model.bin", "out/checkpoint-1000/opt.pt"],
      ...["epoch=1-step=10-loss=0.9.ckpt", "epoch=2-step=20-loss=0.5.ckpt", "model_9.pt", "model_10.pt"],
      ...["model_9.json", "best_model_3.pt", "checkpoint-2-final.pt", "data-1.csv", "other/model_1.pt"],
    ];
    expect([...supersededPaths(paths)]).toEqual([
      "out/checkpoint-500/model.bin",
      "epoch=1-step=10-loss=0.9.ckpt",
      "model_9.pt",
    ]);
  });

  test("a name that counts nothing is no checkpoint", () => {
    for (const path of ["result-1.txt", "best/model_1.pt", "model.pt", "last_epoch_3.pt"])
      expect(checkpointOf(path)).toBeNull();
    expect(checkpointOf("a/ckpt_0007.pt")).toEqual({ series: "a/ckpt_#.pt", number: 7 });
  });
});

describe("pruning", () => {
  test("takes artifacts by pattern, size and age; all filters must fit; code is never taken", async () => {
    const run = await withFiles({ "a.ckpt": "x".repeat(100), "deep/b.ckpt": "x", "c.txt": "y".repeat(200) });
    expect(plan(run)).toEqual(["a.ckpt", "c.txt", "deep/b.ckpt", "out/weights.json", "pkg/notes.txt"]);
    expect(plan(run, { patterns: ["*.ckpt"] })).toEqual(["a.ckpt", "deep/b.ckpt"]);
    expect(plan(run, { patterns: ["deep/**"], largerThanBytes: 2 })).toEqual([]);
    expect(plan(run, { largerThanBytes: 100 })).toEqual(["a.ckpt", "c.txt"]);
    expect(plan(run, { olderThanMs: 40 * 86_400_000 })).toEqual([]);
    expect(plan(run, { olderThanMs: 20 * 86_400_000 })).toHaveLength(5);
  });

  test("is written down first; the record stays valid, and says what went", async () => {
    const run = await withFiles({ "ckpt/model_1.pt": "one", "ckpt/model_2.pt": "two" });
    const { base, paths } = run;
    const manifest = readFileSync(paths.manifest, "utf8");
    const files = planPrune(paths, requireManifest(paths), { base, filter: { ...all, patterns: ["ckpt/*"] }, nowMs });
    pruneFiles(paths, files, { by: "ana", at: "2026-12-26T00:00:00Z", reason: "test" });
    expect(existsSync(`${paths.work}/ckpt`)).toBeFalse();
    expect(existsSync(`${paths.work}/out/weights.json`)).toBeTrue();
    expect(readFileSync(paths.manifest, "utf8")).toBe(manifest);
    expect(readHistory(paths).at(-1)).toMatchObject({
      by: "ana",
      field: "artifacts.pruned",
      value: { reason: "test", files },
    });
    const found = await validateRun(paths, requireManifest(paths), { base, level: "basic", nowMs });
    expect(found.valid).toBeTrue();
    expect(found.checks.find((check) => check.name === "sums")?.actual).toEndWith("2 pruned (history.jsonl has them)");
    expect(plan(run, { patterns: ["ckpt/*"] })).toEqual([]);
  });

  test("leaves alone what has not ended, is not sealed, or came after the seal", async () => {
    const run = await withFiles({});
    writeFileSync(`${run.paths.work}/later.bin`, "x");
    expect(plan(run)).not.toContain("later.bin");
    rmSync(run.paths.sums);
    expect(plan(run)).toEqual([]);
    const code = readdirSync(run.base.snapshots);
    for (const name of code) chmodSync(`${run.base.snapshots}/${name}`, 0o644);
    await sealRun(run.paths);
    for (const name of code) rmSync(`${run.base.snapshots}/${name}`);
    expect(plan(run)).toEqual([]);
  });
});
