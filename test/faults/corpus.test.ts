/**
 * Every file that we keep, cut off and flipped at many places. For the files of a run: one base with a clone of a run in
 * each state for each damage, one start of the real executable. For the files of the base: a copy of the base for each
 * damage. Whatever is damaged, the server starts, answers, says what it cannot read, and everything else goes on.
 */
import { afterEach, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { newRunId } from "../../src/core/ids.ts";
import type { Manifest } from "../../src/run/manifest.ts";
import { readManifest } from "../../src/run/store.ts";
import { serve } from "../server/harness.ts";
import { runMl } from "../support/binary.ts";
import { type Served, serveFrom, sumTrouble } from "../support/served.ts";
import { tempFolder, until } from "../support/temp.ts";

const opened: Served[] = [];
afterEach(async () => {
  for (const served of opened.splice(0)) {
    await served.end();
  }
});

interface Damage {
  name: string;
  apply(bytes: Buffer): Buffer;
}

const cut = (name: string, at: (size: number) => number): Damage => ({
  name: `cut at ${name}`,
  apply: (bytes) => bytes.subarray(0, Math.max(0, Math.floor(at(bytes.length)))),
});
const flip = (part: number): Damage => ({
  name: `flipped at ${part * 100} %`,
  apply: (bytes) => {
    const copy = Buffer.from(bytes);
    const at = Math.min(copy.length - 1, Math.floor(copy.length * part));
    if (at >= 0) copy[at] = (copy[at] ?? 0) ^ 0xff;
    return copy;
  },
});
const damages: Damage[] = [
  cut("0", () => 0),
  cut("1", () => 1),
  cut("a third", (size) => size / 3),
  cut("two from the end", (size) => size - 2),
  ...[0, 0.1, 0.35, 0.6, 0.9, 1].map(flip),
  { name: "zeroes", apply: (bytes) => Buffer.alloc(bytes.length) },
  { name: "another kind of JSON", apply: () => Buffer.from('[1, {"version": "x"}]\n') },
];

type State = "queued" | "running" | "ended" | "completed" | "failed" | "cancelled";

interface Runs {
  runs: { run_id: string }[];
}

/** A base with one run in each state, as a killed server left it. `ended` ended after the server had died. */
async function makeBase(): Promise<{ at: Served; ids: Record<State, string>; witness: string }> {
  const home = tempFolder("ml-corpus-");
  const at = serveFrom(home, { ML_SLOTS: "8" });
  opened.push(at);
  const witness = join(home, "witness.txt");
  await at.start();
  const began = `echo "$ML_RUN_ID" >> "${witness}"; echo "ml:metric loss=0.5"; echo out > made.txt`;
  const submit = async (name: string, script: string, more: object = {}) => {
    const run = { submit_id: `corpus-${name}`, name, argv: ["sh", "-c", script], snapshot: null, ...more };
    return (await at.ask<Runs>("submit", { runs: [{ requested: { cpu_cores: 0 }, ...run }] })).runs[0]?.run_id ?? "";
  };
  const ids: Record<State, string> = {
    queued: await submit("queued", `${began}; exit 3`, { held: true }),
    cancelled: await submit("cancelled", "true", { held: true }),
    completed: await submit("completed", began),
    failed: await submit("failed", `${began}; exit 5`),
    running: await submit("running", `${began}; while [ ! -e "${home}/go" ]; do sleep 0.2; done; exit 6`),
    ended: await submit("ended", `${began}; while [ ! -e "${home}/end" ]; do sleep 0.05; done; exit 7`),
  };
  await at.ask("run.cancel", { runs: [ids.cancelled] });
  for (const runId of [ids.completed, ids.failed, ids.cancelled]) await at.sealed(runId);
  for (const runId of Object.values(ids)) await at.ask("run.annotate", { run: runId, note: `about ${runId}` });
  await at.ask("run.cancel", { runs: [ids.cancelled] }).catch(() => {});
  for (const runId of [ids.running, ids.ended]) await until("it to run", () => at.manifest(runId).status === "running");
  await at.killAll();
  fs.writeFileSync(join(home, "end"), "");
  await until("the end", () => fs.existsSync(at.base.run(ids.ended).exitRecord));
  return { at, ids, witness };
}

/** A copy of a run folder under another id, whatever its files say about it. */
function cloneRun(at: Served, runId: string): string {
  const clone = newRunId(Date.now());
  const [from, to] = [at.base.run(runId), at.base.run(clone)];
  Bun.spawnSync(["cp", "-a", from.folder, to.folder]);
  for (const path of [to.manifest, to.processRecord, to.exitRecord, to.events, to.launchScript, to.history]) {
    if (!fs.existsSync(path)) continue;
    fs.writeFileSync(path, fs.readFileSync(path, "utf8").replaceAll(runId, clone).replaceAll("corpus-", `${clone}-`));
  }
  return clone;
}

/** The files of a run that are damaged, by the state in which they matter. */
const filesOf: Record<State, string[]> = {
  queued: ["run_manifest.json", "history.jsonl", "stop.json"],
  running: ["run_manifest.json", "started", "process.json", "claim.json", "events.jsonl", "launch.sh", "reserve"],
  ended: [
    "run_manifest.json",
    "started",
    "process.json",
    "exit.json",
    "claim.json",
    "events.jsonl",
    "output-metrics.json",
  ],
  completed: ["run_manifest.json", "history.jsonl", "metrics.jsonl", "SHA256SUMS", "exit.json"],
  failed: ["run_manifest.json", "events.jsonl"],
  cancelled: ["run_manifest.json", "history.jsonl"],
};

interface Damaged {
  runId: string;
  state: State;
  file: string;
  damage: string;
}

function damageRun(at: Served, runId: string, { file, damage }: { file: string; damage: Damage }): boolean {
  const paths = at.base.run(runId);
  const path = [join(paths.folder, file), join(paths.private, file)].find((each) => fs.existsSync(each));
  const missing: Record<string, string> = {
    "stop.json": '{"by":"ana","at":"2026-11-23T18:30:59.123Z","now":true}',
    "output-metrics.json": '{"from":0}',
    "events.jsonl": '{"t":1795462730.1,"by":"worker","event":"something"}\n',
  };
  if (path === undefined && missing[file] === undefined) return false;
  const target = path ?? join(paths.private, file);
  const bytes = path === undefined ? Buffer.from(missing[file] ?? "") : fs.readFileSync(path);
  fs.rmSync(target, { force: true });
  fs.writeFileSync(target, damage.apply(bytes), { mode: 0o644 });
  return true;
}

test("[K9] every file of a run, damaged at many places, in every state: named where it matters, and nothing else suffers", async () => {
  const { at, ids, witness } = await makeBase();
  const damaged: Damaged[] = [];
  for (const [state, files] of Object.entries(filesOf) as [State, string[]][]) {
    for (const file of files) {
      for (const damage of damages) {
        const runId = cloneRun(at, ids[state]);
        if (state === "queued") {
          const manifest = at.manifest(runId);
          manifest.launch.held = false;
          fs.writeFileSync(at.base.run(runId).manifest, JSON.stringify(manifest, null, 2));
        }
        expect({ file, made: damageRun(at, runId, { file, damage }) }).toEqual({ file, made: true });
        damaged.push({ runId, state, file, damage: damage.name });
      }
    }
  }
  // What reads as damaged before the start must be told after it.
  const unreadable = damaged.filter(({ runId }) => readManifest(at.base.run(runId).manifest).kind !== "ok");
  expect(unreadable.length).toBeGreaterThan(20);

  await at.start();
  const { totals } = await at.ask<{ totals: Record<string, number> }>("status", {});
  expect(Object.values(totals).reduce((sum, count) => sum + count, 0)).toBe(damaged.length + 6);
  const listed = await runMl(["status", "--json", "--limit", "1000"], { home: at.home, env: at.env });
  expect({ code: listed.code, stderr: listed.stderr }).toMatchObject({ code: 0 });
  const reindexed = await at.ask<{ damaged: { run_id: string; reason: string }[] }>("reindex", {});
  const named = new Set(reindexed.damaged.map((each) => each.run_id));
  expect(unreadable.filter(({ runId }) => !named.has(runId))).toEqual([]);

  // The runs that nobody touched go on.
  expect((await at.sealed(ids.ended)).manifest).toMatchObject({ status: "failed", exit_code: 7 });
  for (const runId of [ids.completed, ids.failed, ids.cancelled]) expect(sumTrouble(at.base.run(runId))).toBe("");
  expect(at.manifest(ids.running).status).toBe("running");
  fs.writeFileSync(join(at.home, "go"), "");
  expect((await at.sealed(ids.running)).manifest).toMatchObject({ status: "failed", exit_code: 6 });
  await at.ask("run.hold", { runs: [ids.queued], held: false });
  expect((await at.sealed(ids.queued)).manifest).toMatchObject({ status: "failed", exit_code: 3 });

  // Of the damaged ones everything ends that has a manifest, no success is made up, and nothing is started twice.
  const readable = damaged.filter(({ runId }) => readManifest(at.base.run(runId).manifest).kind === "ok");
  const open = () => readable.filter(({ runId }) => !fs.existsSync(at.base.run(runId).sums));
  await until("all that can be read to be sealed", () => open().length === 0).catch((cause) => {
    throw new Error(`${cause}: ${JSON.stringify(open().slice(0, 20), null, 1)}\n${at.log().slice(-3000)}`);
  });
  const made = readable.filter(
    ({ runId, state }) => state !== "completed" && at.manifest(runId).status === "completed",
  );
  expect(made).toEqual([]);
  const starts = fs.readFileSync(witness, "utf8").trim().split("\n");
  expect(starts.filter((runId, at) => starts.indexOf(runId) !== at)).toEqual([]);
  const mayStart = new Set([
    ...Object.values(ids),
    ...damaged.filter((each) => each.state === "queued").map((each) => each.runId),
  ]);
  expect(starts.filter((runId) => !mayStart.has(runId))).toEqual([]);
}, 180_000);

const baseFiles = [
  "queue.db",
  "queue.db-wal",
  "index.db",
  "index.db-wal",
  "server.json",
  "users.toml",
  "intake.jsonl",
  "worker",
  "snapshot",
];

test("[K9 D6] every file of the base, damaged at many places or gone: the server starts and knows every run", async () => {
  const { at, ids } = await makeBase();
  const statuses = new Map<string, Manifest["status"]>(
    Object.values(ids).map((runId) => [runId, at.manifest(runId).status]),
  );
  fs.writeFileSync(join(at.base.base, "users.toml"), '[[keys]]\nid = "k1"\nname = "ana"\nrole = "user"\nhash = "00"\n');
  const journal = { run: { ...at.manifest(ids.queued) } };
  fs.writeFileSync(join(at.base.base, "intake.jsonl"), `${JSON.stringify(journal)}\n`);
  const snapshot = join(at.base.snapshots, `${"ab".repeat(32)}.json`);
  fs.writeFileSync(snapshot, '{"version":1,"files":[]}');
  const pathOf = (base: string, file: string) =>
    file === "worker"
      ? join(base, "workers", fs.readdirSync(join(base, "workers"))[0] ?? "none.json")
      : file === "snapshot"
        ? join(base, "snapshots", `${"ab".repeat(32)}.json`)
        : join(base, file);
  const gone: Damage = { name: "gone", apply: () => Buffer.alloc(0) };
  for (const file of baseFiles) {
    for (const damage of [...damages, gone]) {
      const told = `${file} ${damage.name}`;
      const base = join(tempFolder("ml-damaged-"), "base");
      Bun.spawnSync(["cp", "-a", at.base.base, base]);
      const path = pathOf(base, file);
      if (!fs.existsSync(path)) continue;
      const bytes = damage.apply(fs.readFileSync(path));
      if (damage === gone) fs.rmSync(path);
      else fs.writeFileSync(path, bytes);
      const server = await serve({ base });
      const { runs } = await server.ask("runs.list", {});
      const found = Object.fromEntries(runs.map((run) => [run.run_id, run.status]));
      expect({ told, ...found }).toEqual({ told, ...Object.fromEntries(statuses) });
      const { waiting } = await server.ask("status", {});
      expect({ told, waiting: waiting.map((run) => run.run_id) }).toEqual({ told, waiting: [ids.queued] });
      // Others may be in the line again: whoever claims them sees by their manifests that they have started.
      expect((await server.services.queue.waiting(10, true)).map((entry) => entry.runId)).toContain(ids.queued);
      const more = { submit_id: "one-more-run", argv: ["true"], snapshot: null };
      expect((await server.ask("submit", { runs: [more] })).runs).toHaveLength(1);
      await server.close();
      fs.rmSync(base, { recursive: true, force: true });
    }
  }
}, 180_000);
