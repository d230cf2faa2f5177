import { describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { validateRun } from "../../../src/keep/validate.ts";
import type { ReproLevel } from "../../../src/protocol/keep.ts";
import { appendHistory } from "../../../src/run/history.ts";
import type { Manifest } from "../../../src/run/manifest.ts";
import type { BasePaths, RunPaths } from "../../../src/run/paths.ts";
import { prunedField } from "../../../src/run/pruned.ts";
import { changeManifest, listRunIds, requireManifest } from "../../../src/run/store.ts";
import { museum } from "../../support/museum.ts";

/** The run of the museum that completed. */
function completed(): { base: BasePaths; paths: RunPaths } {
  const base = museum("format-1");
  const runId = listRunIds(base).find((id) => requireManifest(base.run(id)).status === "completed") ?? "";
  return { base, paths: base.run(runId) };
}

function overwrite(path: string, text: string): void {
  chmodSync(path, 0o644);
  writeFileSync(path, text);
}

async function look({ base, paths }: { base: BasePaths; paths: RunPaths }, level: ReproLevel = "basic") {
  const found = await validateRun(paths, requireManifest(paths), { base, level, nowMs: Date.now() });
  return {
    ...found,
    failed: found.checks.filter((check) => check.state === "failed").map((check) => check.name),
    of: (name: string) => found.checks.find((check) => check.name === name),
  };
}

const artifact = "work/out/weights.json";
const changed = (paths: RunPaths, change: (manifest: Manifest) => void) => changeManifest(paths, change);

describe("a run against its own record", () => {
  test("[D10] a changed, a missing and an added file are each named with what was expected", async () => {
    const run = completed();
    overwrite(`${run.paths.folder}/${artifact}`, "{}");
    rmSync(run.paths.metrics);
    writeFileSync(`${run.paths.work}/new.txt`, "later");
    const found = await look(run);
    expect(found.failed).toEqual(["sums"]);
    const { evidence = [], actual } = found.of("sums") ?? {};
    expect(actual).toContain("1 changed, 1 missing, 1 added");
    expect(evidence[0]).toBe(`metrics.jsonl: missing; it had ${sumOf(run.paths, "metrics.jsonl").slice(0, 12)}…`);
    expect(evidence[1]).toBe(`${artifact}: expected ${sumOf(run.paths, artifact).slice(0, 12)}…, found 44136fa355b3…`);
    expect(evidence[2]).toBe("work/new.txt: was added after the seal");
  });

  test("a file that was changed together with its sum is still found out by the manifest", async () => {
    const run = completed();
    overwrite(`${run.paths.folder}/${artifact}`, "{}");
    const hash = new Bun.CryptoHasher("sha256").update("{}").digest("hex");
    overwrite(run.paths.sums, readFileSync(run.paths.sums, "utf8").replace(sumOf(run.paths, artifact), hash));
    expect((await look(run)).failed).toEqual(["artifacts"]);
  });

  test("what was pruned on purpose is counted, not called missing", async () => {
    const run = completed();
    const file = { path: artifact, size_bytes: 13, sha256: sumOf(run.paths, artifact) };
    appendHistory(run.paths, {
      at: "2026-11-27T00:00:00Z",
      by: "ana",
      field: prunedField,
      value: { files: [file], reason: "x" },
    });
    rmSync(`${run.paths.folder}/${artifact}`);
    const found = await look(run);
    expect(found.valid).toBeTrue();
    expect(found.of("sums")?.actual).toContain("1 pruned");
  });

  test("a name in SHA256SUMS that leads out of the folder is missing, never read", async () => {
    const run = completed();
    rmSync(`${run.paths.work}/out`, { recursive: true });
    symlinkSync("/etc", `${run.paths.work}/out`);
    const hash = "0".repeat(64);
    overwrite(run.paths.sums, `${hash}  work/out/hostname\n${hash}  ../../../etc/hostname\n`);
    const evidence = (await look(run)).of("sums")?.evidence ?? [];
    expect(evidence).toContain("work/out/hostname: missing; it had 000000000000…");
    expect(evidence).toContain("../../../etc/hostname: missing; it had 000000000000…");
  });

  test("a blob of the code that is damaged or gone is named by its path", async () => {
    const run = completed();
    const { snapshot } = requireManifest(run.paths).environment;
    const tree = JSON.parse(readFileSync(`${run.base.snapshots}/${snapshot}.json`, "utf8"));
    const hash: string = tree.files.find((file: { path: string }) => file.path === "train.py").hash;
    rmSync(`${run.base.objects}/${hash.slice(0, 2)}/${hash.slice(2)}`);
    const found = await look(run);
    expect(found.failed).toEqual(["snapshot"]);
    expect(found.of("snapshot")?.evidence).toEqual(["train.py: its content is missing"]);
  });

  test("times out of order, an exit code that nobody saw, and a note without history are told", async () => {
    const run = completed();
    changed(run.paths, (manifest) => {
      manifest.started_at = "2020-01-01T00:00:00Z";
      manifest.exit_code = 3;
      manifest.annotations.push({ timestamp: "2026-01-01T00:00:00Z", author: "eve", note: "it never failed" });
    });
    const found = await look(run);
    expect(found.failed).toEqual(["times", "history"]);
    expect(found.of("times")?.evidence).toEqual([
      "started before it was queued",
      "it is completed with exit code 3",
      "exit code 3, but .run/exit.json has 0",
    ]);
  });

  test("strict asks for more and says how to have it; none reads the manifest alone", async () => {
    const run = completed();
    const strict = await look(run, "strict");
    expect(strict.failed).toEqual(["commit", "seed"]);
    expect(strict.of("commit")?.evidence).toEqual(["there was uncommitted work; it is kept in env/git.diff"]);
    expect(strict.of("seed")?.cure).toContain("--seed");
    expect(strict.of("pinned")?.actual).toBe("env/requirements.txt");
    expect((await look(run, "none")).checks.map((check) => check.name)).toEqual(["manifest"]);
  });
});

function sumOf(paths: RunPaths, path: string): string {
  const line = readFileSync(paths.sums, "utf8")
    .split("\n")
    .find((text) => text.endsWith(`  ${path}`));
  return line?.slice(0, 64) ?? "";
}
