import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basePaths } from "../../src/run/paths.ts";
import { listRunIds, requireManifest } from "../../src/run/store.ts";
import { ownerName } from "../../src/server/admission.ts";
import { museum } from "../support/museum.ts";
import { until } from "../support/temp.ts";
import { queued, serve, spec } from "./harness.ts";

/** The museum's runs, as if the owner of this server had queued them; and the one that completed. */
function ownMuseum(): { base: string; completed: string } {
  const base = museum("format-1");
  for (const runId of listRunIds(base)) {
    const { manifest } = base.run(runId);
    writeFileSync(manifest, readFileSync(manifest, "utf8").replace(/"user": ".*"/, `"user": "${ownerName()}"`));
  }
  const completed = listRunIds(base).find((id) => requireManifest(base.run(id)).status === "completed") ?? "";
  return { base: base.base, completed };
}

describe("validate", () => {
  test("an ended run is checked at its own level; one that waits is refused with what to type", async () => {
    const { base, completed } = ownMuseum();
    const server = await serve({ base });
    expect(await server.ask("run.validate", { run: completed })).toMatchObject({ valid: true, level: "basic" });
    const waiting = await queued(server, { held: true });
    const { error } = await server.try("run.validate", { run: waiting });
    expect(error).toMatchObject({ code: "conflict", hint: `wait for it: \`ml wait ${waiting}\`` });
  });
});

describe("strict submissions", () => {
  test("are refused with everything that is missing, and nothing is queued", async () => {
    const server = await serve();
    const { error } = await server.try("submit", { runs: [spec({ repro_level: "strict" })] });
    expect(error?.code).toBe("refused");
    expect(error?.data).toMatchObject({ gaps: [{ name: "code" }, { name: "commit" }] });
    expect(error?.hint).toContain("git init");
    expect((await server.ask("status", {})).totals.queued).toBe(0);
  });
});

describe("pruning", () => {
  test("without a filter or a run it is refused; a dry run removes nothing; then it frees", async () => {
    const { base, completed } = ownMuseum();
    const server = await serve({ base });
    const weights = `${basePaths(base).run(completed).work}/out/weights.json`;
    expect((await server.try("run.prune", { dry_run: false })).error?.code).toBe("usage");
    const wish = { runs: [completed], patterns: ["*.json"] };
    expect(await server.ask("run.prune", wish)).toMatchObject({ dry_run: true, files: 1, size_bytes: 13 });
    expect(existsSync(weights)).toBeTrue();
    expect(await server.ask("run.prune", { ...wish, dry_run: false })).toMatchObject({
      files: 1,
      runs: [{ run_id: completed }],
    });
    expect(existsSync(weights)).toBeFalse();
    expect(await server.ask("run.validate", { run: completed })).toMatchObject({ valid: true });
  });

  test("[S12] of another's run it is refused, and of everybody's for all but administrators", async () => {
    const { base, completed } = ownMuseum();
    const server = await serve({ base });
    const { key } = await server.ask("key.add", { user: "eve", role: "user" });
    const wish = { dry_run: false, patterns: ["*"] };
    expect((await server.as(key, "run.prune", { ...wish, runs: [completed] })).error?.code).toBe("not_allowed");
    expect((await server.as(key, "run.prune", { ...wish, all_users: true })).error?.code).toBe("not_allowed");
    expect((await server.as(key, "run.prune", wish)).reply?.files).toBe(0);
  });
});

describe("quotas and warnings", () => {
  test("whoever is over the quota is refused with the cure, and may queue again after pruning", async () => {
    const { base } = ownMuseum();
    const server = await serve({ base, settings: { user_quota_gb: 10e-9 } });
    const { error } = await server.try("submit", { runs: [spec()] });
    expect(error?.code).toBe("refused");
    expect(error?.message).toContain("more than the 10 B that `user_quota_gb` allows");
    expect(error?.hint).toContain("ml prune");
    await server.ask("run.prune", { patterns: ["*"], dry_run: false });
    expect((await server.try("submit", { runs: [spec()] })).error).toBeUndefined();
  });

  test("a disk that is nearly full is told before it is full", async () => {
    const disk = { freeBytes: 4e9, totalBytes: 100e9, freeInodes: 1e6, unwritable: null };
    const server = await serve({ diskSource: () => disk });
    const { problems } = await server.ask("server.status", {});
    expect(problems.join()).toContain("is nearly full: 4.0 GB (4.0 %) are free");
    disk.freeBytes = 6e9;
    await Bun.sleep(1100);
    await until("the warning to go", async () => (await server.ask("server.status", {})).problems.length === 0);
  });
});

test("found metrics come after the logged ones, and never twice to who does not know them", async () => {
  const server = await serve();
  const run = await queued(server, { held: true });
  const { metrics, passiveMetrics } = basePaths(server.base).run(run);
  writeFileSync(metrics, '{"name":"loss","value":1,"t":1}\n');
  writeFileSync(passiveMetrics, '{"name":"acc","value":2,"step":1,"t":2,"source":"work/a.csv"}\n');
  const first = await server.ask("metrics.read", { run });
  expect(first.points.map((point) => point.name)).toEqual(["loss", "acc"]);
  expect((await server.ask("metrics.read", { run, after: first.next })).points).toEqual([]);
  const next = { after: first.next, passive_after: first.passive_next };
  writeFileSync(passiveMetrics, `${readFileSync(passiveMetrics, "utf8")}{"name":"acc","value":3,"t":3}\n`);
  expect((await server.ask("metrics.read", { run, ...next })).points.map((point) => point.value)).toEqual([3]);
});

test("a pattern can be tried out on a run's output; one that makes no sense is refused", async () => {
  const { base, completed } = ownMuseum();
  const server = await serve({ base });
  const found = await server.ask("metrics.try", { run: completed, pattern: "weight={w} step={step}" });
  expect(found).toMatchObject({ lines: 5, matched: 5, metrics: [{ name: "w", count: 5, last: 1.6384 }] });
  expect((await server.try("metrics.try", { run: completed, pattern: "loss" })).error?.code).toBe("usage");
});
