/** What the disk does to us: damaged manifests, a damaged or missing index, the future, network mounts. */
import { expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { basePaths } from "../../src/run/paths.ts";
import { runChecks } from "../../src/server/checks.ts";
import { until } from "../support/temp.ts";
import { queued, serve, spec } from "./harness.ts";

test("[K9] damaged manifests stop nothing: they are named, copied aside, and everything else goes on", async () => {
  const server = await serve();
  const ids: string[] = [];
  for (let n = 0; n < 5; n++) ids.push(await queued(server, { name: `run-${n}` }));
  const good = ids[4] ?? "";
  await server.close();
  const paths = basePaths(server.base);
  truncateSync(paths.run(ids[0] ?? "").manifest, 0);
  truncateSync(paths.run(ids[1] ?? "").manifest, 300);
  writeFileSync(paths.run(ids[2] ?? "").manifest, '{"schema_version": "one"}');
  rmSync(paths.run(ids[3] ?? "").manifest);
  const again = await serve({ base: server.base });
  const rows = (await again.ask("runs.list", {})).runs;
  expect(rows.length).toBe(5);
  expect(
    rows
      .filter((row) => row.problem !== null)
      .map((row) => row.run_id)
      .sort(),
  ).toEqual(ids.slice(0, 4).sort());
  expect(rows.find((row) => row.run_id === ids[1])).toMatchObject({ name: "run-1", status: "queued" });
  expect(rows.some((row) => row.status === "completed")).toBe(false);
  expect((await again.ask("status", {})).server.problems.join()).toContain(ids[0] ?? "");
  const { error } = await again.try("run.get", { run: ids[0] ?? "" });
  expect(error?.message).toContain("damaged");
  expect(error?.hint).toContain("no end of it is known");
  mkdirSync(dirname(paths.run(ids[0] ?? "").exitRecord), { recursive: true });
  writeFileSync(paths.run(ids[0] ?? "").exitRecord, '{"rc": 3}\n');
  const known = await again.try("run.get", { run: ids[0] ?? "" });
  expect(known.error?.hint).toMatch(/; it ended with status 3, says .*\/\.run\/exit\.json$/);
  expect(readdirSync(paths.quarantine).length).toBe(3);
  expect((await again.services.queue.waiting(10, true)).map((entry) => entry.runId)).toContain(good);
  expect((await again.ask("run.cancel", { runs: [good] })).runs[0]?.status).toBe("cancelled");
  const reindexed = await again.ask("reindex", {});
  const cure = async () => (await runChecks(again.services)).find((check) => check.name === "runs")?.cure;
  expect(await cure()).toContain(`copies are in ${paths.quarantine}`);
  rmSync(paths.quarantine, { recursive: true });
  expect(await cure()).toContain("`ml reindex` names them all, and keeps copies");
  expect(reindexed.damaged.map((run) => run.run_id).sort()).toEqual(ids.slice(0, 4).sort());
});

test("[K9] a sealed run whose manifest was made to say that it runs is named as damaged, and can be deleted", async () => {
  const server = await serve({ worker: true });
  const runId = await queued(server, { argv: ["true"] });
  await server.ask("run.wait", { runs: [runId], timeout_ms: 20_000 });
  const paths = basePaths(server.base).run(runId);
  await until("the seal", () => existsSync(paths.sums));
  writeFileSync(paths.manifest, readFileSync(paths.manifest, "utf8").replace('"completed"', '"running"'));
  server.services.catalog.apply(runId);
  const [row] = (await server.ask("runs.list", {})).runs;
  expect(row).toMatchObject({
    status: "failed",
    problem: expect.stringContaining("says `running`, but the run ended"),
  });
  expect((await server.ask("status", {})).running).toEqual([]);
  expect((await server.ask("run.delete", { runs: [runId] })).runs).toHaveLength(1);
}, 60_000);

test("[K9] a manifest cut at any length never stops a start nor a listing", async () => {
  const server = await serve();
  const runId = await queued(server);
  const { manifest } = basePaths(server.base).run(runId);
  const text = readFileSync(manifest);
  for (let size = 0; size < text.length; size += 37) {
    writeFileSync(manifest, text.subarray(0, size));
    server.services.catalog.apply(runId);
    const { runs } = await server.ask("runs.list", {});
    expect(runs[0]?.run_id).toBe(runId);
    expect(runs[0]?.problem).not.toBeNull();
  }
  writeFileSync(manifest, text);
  server.services.catalog.apply(runId);
  expect((await server.ask("runs.list", {})).runs[0]?.problem).toBeNull();
});

test("[D6] a damaged index is kept aside and made anew; a missing one just made anew; answers are the same", async () => {
  const server = await serve();
  for (let n = 0; n < 30; n++) await queued(server, { tags: [`t${n % 3}`], group: "g" });
  const before = await server.ask("runs.list", { limit: 100 });
  await server.close();
  const index = join(server.base, "index.db");
  const damages: (() => void)[] = [
    () => rmSync(index),
    () => truncateSync(index, 5000),
    () => writeFileSync(index, "this is no database, it is a poem about databases\n".repeat(200)),
    () =>
      writeFileSync(
        index,
        readFileSync(index).map((byte, at) => (at > 100 && at % 97 === 0 ? byte ^ 0xff : byte)),
      ),
    () => truncateSync(index, 0),
  ];
  for (const damage of damages) {
    for (const suffix of ["-wal", "-shm"]) rmSync(`${index}${suffix}`, { force: true });
    damage();
    const again = await serve({ base: server.base });
    expect(await again.ask("runs.list", { limit: 100 })).toEqual(before);
    expect((await again.ask("runs.list", { tag: "t1", limit: 100 })).runs.length).toBe(10);
    expect((await again.ask("status", {})).totals.queued).toBe(30);
    await again.close();
  }
  expect(existsSync(`${index}.damaged`)).toBe(true);
});

test("[I5] a run of a newer format is shown, and refused to be changed; unknown keys survive a change", async () => {
  const server = await serve();
  const [newer, extended] = [await queued(server), await queued(server)];
  const change = (runId: string, values: object) => {
    const { manifest } = basePaths(server.base).run(runId);
    writeFileSync(manifest, JSON.stringify({ ...JSON.parse(readFileSync(manifest, "utf8")), ...values }));
  };
  change(newer, { schema_version: 99, quantum: { flux: 1 } });
  change(extended, { quantum: { flux: 1 }, narrative: { hypothesis: "h", mood: "good" } });
  expect((await server.ask("run.get", { run: newer })).manifest).toMatchObject({
    schema_version: 99,
    quantum: { flux: 1 },
  });
  expect((await server.try("run.annotate", { run: newer, note: "x" })).error?.code).toBe("refused");
  await server.ask("run.annotate", { run: extended, note: "x" });
  const kept = JSON.parse(readFileSync(basePaths(server.base).run(extended).manifest, "utf8"));
  expect(kept).toMatchObject({ quantum: { flux: 1 }, narrative: { mood: "good" }, annotations: [{ note: "x" }] });
});

test("[D7] databases on a network mount are refused at the start, with the reason and the way out", async () => {
  await expect(serve({ networkOf: () => "NFS" })).rejects.toThrow(/on NFS: databases and locks are not safe there/);
});

test("what a crash left half-deleted is swept at the next start", async () => {
  const server = await serve();
  const runId = await queued(server);
  await server.ask("run.cancel", { runs: [runId] });
  await server.close();
  const paths = basePaths(server.base);
  const going = join(paths.staging, `deleted-${runId}-1234`);
  Bun.spawnSync(["mv", paths.run(runId).folder, going]);
  Bun.spawnSync(["chmod", "-R", "a-w", going]);
  const again = await serve({ base: server.base });
  expect((await again.ask("runs.list", {})).runs).toEqual([]);
  await Bun.sleep(0);
  for (let tries = 0; existsSync(going) && tries < 500; tries++) await Bun.sleep(10);
  expect(existsSync(going)).toBe(false);
});

test("the base stays closed to others even where its folder was open before", async () => {
  const server = await serve();
  expect(statSync(join(server.base, "runs")).mode & 0o777).toBe(0o700);
});

test("[K9 Q12] a submission repeated after its manifest was damaged still makes no second run", async () => {
  const server = await serve();
  const one = spec();
  const { runs } = await server.ask("submit", { runs: [one] });
  const { manifest } = basePaths(server.base).run(runs[0]?.run_id ?? "");
  truncateSync(manifest, 40);
  await server.close();
  const again = await serve({ base: server.base });
  const repeated = await again.ask("submit", { runs: [one] });
  expect(repeated.runs[0]).toMatchObject({ run_id: runs[0]?.run_id, duplicate: true });
  expect(readdirSync(join(server.base, "runs")).length).toBe(1);
});
