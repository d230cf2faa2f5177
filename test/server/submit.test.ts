/** Submission: durable, idempotent, all or none, and refused with the right words. */
import { expect, test } from "bun:test";
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { basePaths } from "../../src/run/paths.ts";
import { readManifest } from "../../src/run/store.ts";
import { readDisk } from "../../src/server/disk.ts";
import { until } from "../support/temp.ts";
import { queued, serve, spec } from "./harness.ts";

const runsOf = (base: string) => readdirSync(join(base, "runs"));

test("a submitted run has its folder, its manifest and its place in the line", async () => {
  const server = await serve();
  const { runs } = await server.ask("submit", {
    runs: [spec({ argv: ["python3", "train.py", "--name", "a b"], note: "why", tags: ["x"], priority: 7 }), spec()],
  });
  expect(runs.map((run) => run.position)).toEqual([1, 2]);
  const [first] = runs;
  expect(first?.name).toBe("train");
  expect(first?.command).toBe("python3 train.py --name 'a b'");
  const read = readManifest(basePaths(server.base).run(first?.run_id ?? "").manifest);
  if (read.kind !== "ok") throw new Error(JSON.stringify(read));
  expect(read.manifest.argv).toEqual(["python3", "train.py", "--name", "a b"]);
  expect(read.manifest.metadata.note).toBe("why");
  expect(read.manifest.narrative.tags).toEqual(["x"]);
  const waiting = await server.services.queue.waiting(10, true);
  expect(waiting.map((entry) => entry.runId)).toEqual(runs.map((run) => run.run_id));
});

test("[K2 Q12] a repeated submission gives the same run, at once, at the same time and after a restart", async () => {
  const server = await serve();
  const one = spec({ name: "once" });
  const answers = await Promise.all(Array.from({ length: 8 }, () => server.ask("submit", { runs: [one] })));
  const ids = new Set(answers.map((answer) => answer.runs[0]?.run_id));
  expect(ids.size).toBe(1);
  expect(answers.filter((answer) => answer.runs[0]?.duplicate === false).length).toBe(1);
  await server.close();
  rmSync(join(server.base, "index.db"));
  const again = await serve({ base: server.base });
  const { runs } = await again.ask("submit", { runs: [one, spec()] });
  expect(ids.has(runs[0]?.run_id)).toBe(true);
  expect(runs.map((run) => run.duplicate)).toEqual([true, false]);
  expect(runsOf(server.base).length).toBe(2);
});

test("[P16] a credential given as an environment variable is refused before anything reaches the disk", async () => {
  const server = await serve();
  for (const env of [{ WANDB_API_KEY: "x" }, { HF_TOKEN: "x" }, { MODE: "sk-abcdefghijklmnop" }]) {
    const refused = await server.try("submit", { runs: [spec({ env })] });
    expect(refused.error?.code).toBe("refused");
    expect(refused.error?.hint).toContain("environment of the worker");
  }
  expect(runsOf(server.base)).toEqual([]);
  await server.ask("submit", { runs: [spec({ env: { AUTHOR: "ana", MONKEY: "1" } })] });
});

test("[Q12] the same submit_id twice in one request, or from another user, is refused", async () => {
  const server = await serve();
  const one = spec();
  expect((await server.try("submit", { runs: [one, one] })).error?.code).toBe("usage");
  await server.ask("submit", { runs: [one] });
  const { key } = await server.ask("key.add", { user: "other" });
  expect((await server.as(key, "submit", { runs: [one] })).error?.code).toBe("conflict");
});

test("[I7] equal names get a suffix among the user's live runs, and ids differ whatever the file system", async () => {
  const server = await serve();
  const { runs } = await server.ask("submit", { runs: [spec({ name: "train" }), spec({ name: "train" })] });
  const third = await server.ask("submit", { runs: [spec({ name: "train" })] });
  expect([...runs, ...third.runs].map((run) => run.name)).toEqual(["train", "train-2", "train-3"]);
  await server.ask("run.cancel", { runs: [runs[0]?.run_id ?? ""] });
  const fourth = await server.ask("submit", { runs: [spec({ name: "train" })] });
  expect(fourth.runs[0]?.name).toBe("train");
  const ids = [...runs, ...third.runs].map((run) => run.run_id);
  expect(ids).toEqual(ids.map((runId) => runId.toLowerCase()));
});

test("a batch is taken whole or not at all", async () => {
  const server = await serve();
  const { error } = await server.try("submit", { runs: [spec(), spec({ name: "@last" })] });
  expect(error?.code).toBe("usage");
  const missing = "0".repeat(64);
  const lacking = await server.try("submit", { runs: [spec(), spec({ snapshot: missing })] });
  expect(lacking.error?.code).toBe("snapshot_missing");
  expect(lacking.error?.data).toEqual({ snapshots: [missing], blobs: [] });
  expect(runsOf(server.base)).toEqual([]);
  expect((await server.ask("status", {})).totals.queued).toBe(0);
});

test("[I1] a time limit that is none is refused over the wire too, when queueing and when editing", async () => {
  const server = await serve();
  const asked = (hours: number) => ({ ...spec().requested, max_runtime_hours: hours });
  for (const hours of [-1, 0]) {
    const { error } = await server.try("submit", { runs: [spec({ requested: asked(hours) })] });
    expect([error?.code, error?.message]).toEqual(["refused", expect.stringContaining("stop it before it starts")]);
  }
  expect(runsOf(server.base)).toEqual([]);
  const { runs } = await server.ask("submit", { runs: [spec({ held: true })] });
  const edit = { run: runs[0]?.run_id ?? "", change: { requested: asked(-1) } };
  expect((await server.try("run.edit", edit)).error?.code).toBe("refused");
});

test("a dry run names what would be made and makes nothing", async () => {
  const server = await serve();
  const { runs } = await server.ask("submit", { runs: [spec({ name: "dry" })], dry_run: true });
  expect(runs[0]).toMatchObject({ name: "dry", position: 1, status: "queued" });
  expect(runsOf(server.base)).toEqual([]);
});

test("what no worker could ever hold is refused with what there is", async () => {
  const server = await serve();
  const capacity = { slots: 2, cpu_cores: 2, gpus: 0, ram_gb: 8 };
  const beat = { worker: "w", host: "elsewhere", pid: 1, running: [], capacity, free: capacity, changes: [] };
  writeFileSync(join(server.base, "workers", "w.json"), JSON.stringify(beat));
  const { error } = await server.try("submit", { runs: [spec({ requested: { gpus: 8 } })] });
  expect(error?.code).toBe("refused");
  expect(error?.message).toContain("8 GPUs");
  expect(error?.message).toMatch(/the machine has (0|none)/);
});

test("[D1] a full disk refuses before anything is written, and leaves nothing half-written", async () => {
  let freeBytes = 10e9;
  const server = await serve({
    diskSource: (folder) => ({ ...readDisk(folder), freeBytes }),
    settings: { disk_floor_mb: 256 },
  });
  const first = await queued(server);
  freeBytes = 1000;
  const { error } = await until("the disk to be looked at again", async () => {
    const answer = await server.try("submit", { runs: [spec()] });
    return answer.error ? answer : null;
  });
  expect(error?.code).toBe("no_space");
  const { server: state } = await server.ask("status", {});
  expect(state.problems.join()).toContain("free");
  expect(runsOf(server.base)).toContain(first);
});

test("[D1] a disk that fills up in the middle of a batch takes none of it", async () => {
  const server = await serve();
  await queued(server);
  const before = runsOf(server.base);
  const { intake } = server.services;
  const original = intake.take.bind(intake);
  // The folders' parent vanishes between journal and folders: the nearest to ENOSPC that needs no small disk.
  intake.take = (manifests, also) => {
    const broken = manifests.map((manifest, index) =>
      index === 1 ? { ...manifest, run_id: "y".repeat(300) } : manifest,
    );
    original(broken, also);
  };
  const { error } = await server.try("submit", { runs: [spec(), spec(), spec()] });
  expect(error).toBeDefined();
  intake.take = original;
  expect(runsOf(server.base)).toEqual(before);
  await server.close();
  const again = await serve({ base: server.base });
  expect(runsOf(again.base)).toEqual(before);
});

test("[D4] without inodes the words are about inodes", async () => {
  const server = await serve({ diskSource: (folder) => ({ ...readDisk(folder), freeInodes: 0 }) });
  const { error } = await server.try("submit", { runs: [spec()] });
  expect(error?.code).toBe("no_space");
  expect(error?.message).toContain("inodes");
});

test("[D5] on a read-only disk status and logs go on, queueing is refused, and a banner says why", async () => {
  let unwritable: string | null = null;
  const server = await serve({ diskSource: (folder) => ({ ...readDisk(folder), unwritable }) });
  const runId = await queued(server);
  writeFileSync(join(server.base, "runs", runId, "output.log"), "hello\n");
  unwritable = "EROFS";
  const { error } = await until("the disk to be looked at again", async () => {
    const answer = await server.try("submit", { runs: [spec()] });
    return answer.error ? answer : null;
  });
  expect(error?.code).toBe("try_later");
  expect(error?.message).toContain("read-only");
  expect((await server.ask("status", {})).server.problems.join()).toContain("read-only");
  expect((await server.ask("log.read", { run: runId })).data).toBe("hello\n");
});

test("[K8 K9] what the journal holds comes back where its folder is missing or torn", async () => {
  const server = await serve();
  const kept = await queued(server, { name: "kept" });
  const lost = await queued(server, { name: "lost" });
  const torn = await queued(server, { name: "torn" });
  const journal = readFileSync(join(server.base, "intake.jsonl"), "utf8");
  await server.close();
  const paths = basePaths(server.base);
  writeFileSync(join(server.base, "intake.jsonl"), journal);
  rmSync(paths.run(lost).folder, { recursive: true });
  truncateSync(paths.run(torn).manifest, 100);
  appendFileSync(join(server.base, "intake.jsonl"), '{"run": {"run_id": "torn li');
  const again = await serve({ base: server.base });
  const { waiting } = await again.ask("status", {});
  expect(waiting.map((run) => [run.name, run.problem])).toEqual([
    ["kept", null],
    ["lost", null],
    ["torn", null],
  ]);
  expect((await again.services.queue.waiting(10, true)).length).toBe(3);
  await until("the journal to be emptied", () => readFileSync(join(again.base, "intake.jsonl"), "utf8") === "");
  expect(runsOf(again.base).sort()).toEqual([kept, lost, torn].sort());
});

test("a deleted run does not come back from the journal", async () => {
  const server = await serve();
  const runId = await queued(server);
  const other = await queued(server);
  await server.ask("run.cancel", { runs: [runId] });
  await server.ask("run.delete", { runs: [runId] });
  const journal = readFileSync(join(server.base, "intake.jsonl"), "utf8");
  expect(journal).toContain(runId);
  await server.close();
  writeFileSync(join(server.base, "intake.jsonl"), journal);
  const again = await serve({ base: server.base });
  expect(runsOf(again.base)).toEqual([other]);
});

test("[I1] arguments come back exactly; impossible ones are refused with their index", async () => {
  const server = await serve();
  const argv = ["prog", "", "a b", 'q"$\\', "new\nline", "🧪", "--", "-rf", "x".repeat(100_000)];
  const runId = await queued(server, { argv });
  const { manifest } = await server.ask("run.get", { run: runId });
  expect(manifest.argv).toEqual(argv);
  const many = Array.from({ length: 10_000 }, (_, index) => `a${index}`);
  expect((await server.ask("run.get", { run: await queued(server, { argv: many }) })).manifest.argv).toEqual(many);
  const refusal = async (bad: string[]) => (await server.try("submit", { runs: [spec({ argv: bad })] })).error;
  expect((await refusal(["a", "b\0c"]))?.data).toEqual({ index: 1 });
  expect((await refusal(["a", "b", "x".repeat(140_000)]))?.data).toEqual({ index: 2 });
  expect((await refusal([""]))?.code).toBe("usage");
  expect((await refusal([]))?.code).toBe("usage");
});

test("[I2] notes are kept as they are up to 64 KiB, and refused beyond", async () => {
  const server = await serve();
  const note = "é e\u0301 🧪 \u202eRTL \0 \u001b[31m";
  const runId = await queued(server, { note });
  expect((await server.ask("run.get", { run: runId })).manifest.metadata.note).toBe(note);
  const tooLong = await server.try("submit", { runs: [spec({ note: "é".repeat(40_000) })] });
  expect(tooLong.error?.code).toBe("too_large");
});

test("[T1 D15] after the clock jumps back a later run still comes later", async () => {
  let nowMs = Date.now();
  const server = await serve({ clock: { nowMs: () => nowMs, monotonicMs: () => performance.now() } });
  const ids = [await queued(server)];
  nowMs -= 3_600_000;
  ids.push(await queued(server));
  nowMs += 7_200_000;
  ids.push(await queued(server));
  const listed = await server.ask("runs.list", {});
  expect(listed.runs.map((run) => run.run_id)).toEqual([...ids].reverse());
  const { waiting } = await server.ask("status", {});
  expect(waiting.map((run) => run.run_id)).toEqual(ids);
});

test("[T3] days at the edges of calendars and of 32 bits are days like others", async () => {
  let nowMs = 0;
  const server = await serve({ clock: { nowMs: () => nowMs, monotonicMs: () => performance.now() } });
  const moments = ["2028-02-29T23:59:59.999Z", "2038-01-19T03:14:08.000Z", "2099-12-31T23:59:59.999Z"];
  for (const moment of moments) {
    nowMs = Date.parse(moment);
    const runId = await queued(server);
    expect(runId.slice(0, 10)).toBe(moment.slice(0, 10));
    expect((await server.ask("run.get", { run: runId })).manifest.queued_at).toBe(moment);
  }
  expect((await server.ask("runs.list", {})).runs.map((run) => run.queued_at)).toEqual([...moments].reverse());
});

test("the queue's loss of memory costs no run: it is filled from the folders", async () => {
  const server = await serve();
  const ids = [await queued(server), await queued(server)];
  await server.close();
  for (const suffix of ["", "-wal", "-shm"]) rmSync(join(server.base, `queue.db${suffix}`), { force: true });
  const again = await serve({ base: server.base });
  expect((await again.services.queue.waiting(10, true)).map((entry) => entry.runId)).toEqual(ids);
  expect(existsSync(join(server.base, "queue.db"))).toBe(true);
});
