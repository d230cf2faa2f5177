/**
 * Every named crash point between a submission and the seal, one test each: the real server is killed there, started
 * again, and the run must be there exactly once, started exactly once, complete, with its exact exit code, and sealed.
 * The list of points is read from the sources: a new one without a line in the table fails.
 */
import { afterEach, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { BlobBatch } from "../../src/run/blob-batch.ts";
import { loosePath } from "../../src/run/blobs.ts";
import { ObjectPacks } from "../../src/run/object-packs.ts";
import { readBlob, readSnapshot, storeBlob, storeSnapshot } from "../../src/run/objects.ts";
import { prepareBase } from "../../src/run/store.ts";
import { runMl } from "../support/binary.ts";
import { needs } from "../support/require.ts";
import { hasEnded, type Served, serveFrom, sumTrouble } from "../support/served.ts";
import { tempFolder, until } from "../support/temp.ts";

interface Case {
  rows: string;
  /** What ML_FAULTS says at each start, in order; after these the server runs without. Default: the point, killed. */
  starts?: string[];
  backend?: "sqlite" | "fs" | "redis";
  /** The queue's database is gone after the first crash. */
  loseQueue?: boolean;
  /** What is done besides submitting; `code` sends the folder with `ml queue`. Default: submit. */
  act?:
    | "code"
    | "much code"
    | "cancel"
    | "annotate"
    | "retry"
    | "notify"
    | "halve"
    | "update"
    | "prune"
    | "unused"
    | "unused pack";
}

const table: Record<string, Case | Case[]> = {
  // A submission, from the code to the answer.
  "objects/write": { rows: "N5 K2", act: "code" },
  "objects/before-publish": { rows: "N5 K2", act: "code" },
  "objects/published-one": { rows: "N5 K2", act: "code" },
  "objects/pack-written": { rows: "N5 K2", act: "much code" },
  "objects/pack-published": { rows: "N5 K2", act: "much code" },
  "objects/snapshot": { rows: "N5 K2", act: "code" },
  "server/after-intake": { rows: "K2 K8" },
  "server/after-folders": { rows: "K2 Q12" },
  "queue/before-add-commit": { rows: "K2" },
  "queue/before-add-sync": { rows: "K2", backend: "fs" },
  "queue/before-line-link": { rows: "K2", backend: "fs" },
  "queue/added": [{ rows: "K2" }, { rows: "K2", backend: "fs" }],
  "server/after-enqueue": { rows: "K2 Q12" },
  "server/before-reply": { rows: "K2 Q12" },
  "queue/rebuilding": { rows: "K2 D6", starts: ["server/after-folders", "queue/rebuilding"], loseQueue: true },
  "queue/merge-claimed": { rows: "Q3", backend: "redis" },
  "queue/merge-added": { rows: "Q3", backend: "redis" },
  // From the claim to the process.
  "queue/claimed": [{ rows: "K3" }, { rows: "K3", backend: "fs" }],
  "worker/after-claim": { rows: "K3" },
  "worker/after-claim-record": { rows: "K3" },
  "worker/after-starting": { rows: "K3" },
  "objects/laid-out": { rows: "K3" },
  "worker/after-checkout": { rows: "K3" },
  "execute/before-spawn": { rows: "K3" },
  "worker/after-requeue": { rows: "K3", starts: ["worker/after-starting", "worker/after-requeue"] },
  "worker/after-spawn": { rows: "K4" },
  "worker/before-running": { rows: "K4" },
  // While it runs.
  "worker/after-running": { rows: "K1 K5" },
  "queue/before-settle": [{ rows: "K1" }, { rows: "K1", backend: "fs" }],
  "queue/before-forgetting-id": { rows: "K1", backend: "fs" },
  "worker/after-settle": { rows: "K1" },
  // From its end to the seal.
  "worker/before-final": { rows: "K5" },
  "worker/after-final": { rows: "K5" },
  "run/mid-seal": { rows: "K5" },
  "run/before-sums": { rows: "K5" },
  "run/after-sums": { rows: "K5" },
  "worker/after-seal": { rows: "K5" },
  // The next attempt of a run that failed.
  "worker/before-retry": { rows: "K3 K5", act: "retry" },
  "worker/after-retry-folder": { rows: "K3 K5", act: "retry" },
  "worker/after-retry-queued": { rows: "K3 K5", act: "retry" },
  // Telling somebody of its end.
  "server/before-notify": { rows: "K2 K5", act: "notify" },
  "server/after-notify": { rows: "K2 K5", act: "notify" },
  // Making room.
  "keep/prune-written-down": { rows: "K2 D10", act: "prune" },
  "keep/tree-removed": { rows: "K2", act: "unused" },
  "keep/content-removed": { rows: "K2", act: "unused" },
  "keep/pack-rewritten": { rows: "K2", act: "unused pack" },
  "keep/pack-removed": { rows: "K2", act: "unused pack" },
  // Taking over what is new of a run of another tracker.
  "run/carried-on-written-down": { rows: "K2 D10", act: "update" },
  "run/carried-on-files": { rows: "K2 D10", act: "update" },
  "run/carried-on-sums": { rows: "K2 D10", act: "update" },
  // Stopping a run of a sweep that is behind.
  "server/after-halving": { rows: "K2", act: "halve" },
  // People's words.
  "server/after-history": [
    { rows: "K2", act: "annotate" },
    { rows: "K2 Q11", act: "cancel" },
  ],
};

const script = `echo "$ML_RUN_ID" >> "$WITNESS"
i=0
while [ $i -lt 50 ]; do echo "line $i"; i=$((i + 1)); done
echo 'ml:metric loss=0.5'
sleep 0.3
echo made > made.txt
echo end
exit 7
`;

let served: Served | null = null;
let redis: Bun.Subprocess | null = null;
afterEach(async () => {
  redis?.kill("SIGKILL");
  await redis?.exited;
  redis = null;
  await served?.end();
  served = null;
});

function startRedis(home: string): void {
  const cmd = ["redis-server", "--port", "0", "--unixsocket", join(home, "r.sock"), "--save", "", "--dir", home];
  redis = Bun.spawn({ cmd, env: { PATH: process.env.PATH ?? "" }, stdout: "ignore", stderr: "ignore" });
}

async function storeScript(at: Served): Promise<string> {
  prepareBase(at.base);
  const bytes = new TextEncoder().encode(script);
  const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  await storeBlob(at.base, bytes, hash);
  return storeSnapshot(at.base, { version: 1, files: [{ path: "run.sh", kind: "exec", size: bytes.length, hash }] });
}

/** Submits until it is acknowledged, starting the server again each time it has died; then once more. */
async function submitOnce(at: Served, next: () => Promise<unknown>, body: object): Promise<string> {
  const submit = async () => {
    const { runs } = await at.ask<{ runs: { run_id: string }[] }>("submit", { runs: [body] });
    return runs[0]?.run_id ?? "";
  };
  for (let attempt = 0; attempt < 5; attempt += 1) {
    try {
      const acknowledged = await submit();
      return acknowledged;
    } catch {
      await next();
    }
  }
  throw new Error(`never acknowledged\n${at.log()}`);
}

async function queueFolder(at: Served, next: () => Promise<unknown>, files: number): Promise<string> {
  const folder = join(at.home, "project");
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(join(folder, "run.sh"), script, { mode: 0o755 });
  for (let n = 0; n < files; n += 1) fs.writeFileSync(join(folder, `data-${n}.txt`), `some data ${n}\n`);
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const queued = runMl(["queue", "--json", "--env", `WITNESS=${join(at.home, "witness.txt")}`, "--", "./run.sh"], {
      home: at.home,
      env: at.env,
      cwd: folder,
    });
    await Promise.race([queued, next()]);
    const ran = await queued;
    if (ran.code === 0) return JSON.parse(ran.stdout).runs[0].run_id;
    if (attempt === 4) throw new Error(`ml queue: ${ran.code} ${ran.stdout}${ran.stderr}`);
  }
  return "";
}

/** A pack of which only what the run needs is needed, being written anew as the server died. */
async function pruneUnusedPack(at: Served): Promise<() => Promise<void>> {
  const texts = [script, ...Array.from({ length: 70 }, (_, n) => `unused ${n}`)];
  const batch = new BlobBatch(at.base);
  const hashes = texts.map((text) => {
    const hash = new Bun.CryptoHasher("sha256").update(text).digest("hex");
    const writer = batch.begin(hash, Buffer.byteLength(text));
    writer.write(Buffer.from(text));
    writer.end();
    return hash;
  });
  await batch.publish();
  batch.discard();
  await at.ask("code.prune", { older_than_seconds: 0, dry_run: false }).catch(() => {});
  return async () => {
    await at.insist("code.prune", { older_than_seconds: 0, dry_run: false });
    const packs = new ObjectPacks(at.base);
    expect(packs.all()).toHaveLength(1);
    expect(hashes.filter((hash) => packs.find(hash) !== null)).toEqual(hashes.slice(0, 1));
    expect(readBlob(at.base, hashes[0] ?? "").length).toBe(Buffer.byteLength(script));
  };
}

/** Trees and contents of two deleted runs and of one that stays, half of which the server was removing as it died. */
async function pruneUnused(at: Served): Promise<() => Promise<void>> {
  const store = async (text: string) => {
    const bytes = new TextEncoder().encode(text);
    const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    await storeBlob(at.base, bytes, hash);
    return { hash, size: bytes.length };
  };
  const shared = await store(script);
  const lost = await Promise.all(["one", "two", "three"].map(store));
  for (const { hash, size } of lost)
    storeSnapshot(at.base, {
      version: 1,
      files: [
        { path: "a", kind: "file", size, hash },
        { path: "run.sh", kind: "exec", ...shared },
      ],
    });
  const ask = () => at.insist<{ files: number }>("code.prune", { older_than_seconds: 0, dry_run: false });
  await at.ask("code.prune", { older_than_seconds: 0, dry_run: false }).catch(() => {});
  return async () => {
    // Whatever was half done: no tree stands without its contents.
    for (const name of fs.readdirSync(at.base.snapshots))
      for (const { hash } of readSnapshot(at.base, name.slice(0, 64)).files)
        expect(fs.existsSync(loosePath(at.base, hash))).toBeTrue();
    await ask();
    expect(fs.readdirSync(at.base.snapshots)).toHaveLength(1);
    expect(lost.filter(({ hash }) => fs.existsSync(loosePath(at.base, hash)))).toEqual([]);
    expect(fs.existsSync(loosePath(at.base, shared.hash))).toBeTrue();
  };
}

/** What was written down before the crash counts as pruned, whether it is gone yet or not; pruning again finishes it. */
async function prunedAgain(at: Served, runId: string): Promise<void> {
  const { folder } = at.base.run(runId);
  expect(fs.readFileSync(join(folder, "history.jsonl"), "utf8")).toContain('"artifacts.pruned"');
  expect(fs.existsSync(join(folder, "work/made.txt"))).toBeTrue();
  expect(await at.insist<{ valid: boolean }>("run.validate", { run: runId })).toMatchObject({ valid: true });
  await at.insist("run.prune", { runs: [runId], patterns: ["made.txt"], dry_run: false });
  expect(fs.existsSync(join(folder, "work/made.txt"))).toBeFalse();
  expect(await at.insist<{ valid: boolean }>("run.validate", { run: runId })).toMatchObject({ valid: true });
}

/** Two runs, each started once: the one that was queued and the one that tried it again. */
async function checkRetried(at: Served, runId: string): Promise<void> {
  const first = (await at.sealed(runId)).manifest;
  const next = first.lineage.retried_as ?? "";
  const second = (await at.sealed(next)).manifest;
  expect(second.lineage).toMatchObject({ kind: "requeue", source_run: runId, retried_as: null });
  expect(at.runIds().sort()).toEqual([runId, next].sort());
  const started = fs.readFileSync(join(at.home, "witness.txt"), "utf8").trim().split("\n");
  expect(started).toEqual([runId, next]);
}

/** Three runs of a sweep, of which one goes on: each decision is carried out, once, by whichever server is up then. */
async function crashInHalving(point: string, home: string): Promise<void> {
  const at = serveFrom(home, { ML_SLOTS: "3" });
  served = at;
  const server = await at.start({ faults: `${point}:1:kill` });
  const script = 'printf \'{"name":"acc","value":%s,"step":1}\\n\' "$2" >> "$ML_METRICS_FILE"; exec sleep 600';
  const run = { argv: ["sh", "-c", script, "run"], snapshot: null };
  const plan = { grid: ["acc=1,2,3"] };
  const goal = { metric: "acc", direction: "max" };
  await at.ask("sweep.create", { create_id: "crash-halving", run, plan, goal, halving: { min: 1, factor: 3 } });
  await until(`the crash at ${point}\n${at.log()}`, () => hasEnded(server));
  expect(server.signalCode).toBe("SIGKILL");
  await at.start();
  const statuses = () => at.runIds().map((runId) => at.manifest(runId).status);
  await until(
    `one to be left\n${at.log()}`,
    () => statuses().filter((each) => each === "cancelled").length === 2,
    120_000,
  );
  const left = at.runIds().filter((runId) => at.manifest(runId).status === "running");
  expect(left.map((runId) => at.manifest(runId).lineage.sweep_point)).toEqual([{ acc: "3" }]);
  const { definition } = await at.insist<{ definition: { sweep_id: string; halved: object } }>("sweep.get", {
    sweep: "@last",
  });
  expect(Object.keys(definition.halved).sort()).toEqual(
    at
      .runIds()
      .filter((runId) => !left.includes(runId))
      .sort(),
  );
  const history = fs.readFileSync(join(at.base.sweeps, `${definition.sweep_id}.history.jsonl`), "utf8");
  expect(history.match(/"halve"/g)).toHaveLength(2);
}

/** What an imported run had taken over half when the server died is completed by taking it over again; every word of a person stays. */
async function crashInUpdate(point: string, home: string): Promise<void> {
  const at = serveFrom(home, {});
  served = at;
  const server = await at.start({ faults: `${point}:1:kill` });
  const table = join(home, "past.csv");
  const ml = (...args: string[]) => runMl(args, { home, env: at.env, cwd: home });
  const bring = (...more: string[]) => ml("import", "--csv", table, "--date", "2024-05-01", "--yes", "--json", ...more);
  fs.writeFileSync(table, "id,val_acc\na,0.91\n");
  const runId = JSON.parse((await bring()).stdout).runs[0].run_id;
  await ml("annotate", runId, "seen");
  fs.writeFileSync(table, "id,val_acc,loss,status\na,0.91,0.2,failed\n");
  expect((await bring("--update")).code).not.toBe(0);
  await until(`the crash at ${point}\n${at.log()}`, () => hasEnded(server));
  expect(server.signalCode).toBe("SIGKILL");
  await at.start();
  expect(JSON.parse((await bring("--update")).stdout).runs).toMatchObject([{ run_id: runId, state: "updated" }]);
  expect(await at.insist<{ valid: boolean }>("run.validate", { run: runId })).toMatchObject({ valid: true });
  const { status, metrics, annotations } = at.manifest(runId);
  expect([status, metrics, annotations]).toMatchObject(["failed", { val_acc: 0.91, loss: 0.2 }, [{ note: "seen" }]]);
  expect(JSON.parse((await bring("--update")).stdout).runs).toMatchObject([{ state: "here_already" }]);
}

async function crashAt(point: string, each: Case): Promise<void> {
  const { starts = [point], backend = "sqlite", act, loseQueue = false } = each;
  const home = tempFolder("ml-crash-");
  if (act === "halve") {
    await crashInHalving(point, home);
    return;
  }
  if (act === "update") {
    await crashInUpdate(point, home);
    return;
  }
  const witness = join(home, "witness.txt");
  const at = serveFrom(home, {
    ML_QUEUE_BACKEND: backend,
    ML_REDIS_URL: `redis+unix://${join(home, "r.sock")}`,
    ...(act === "notify" ? { ML_NOTIFY_COMMAND: `sh -c 'echo $ML_RUN_ID >> ${join(home, "told.txt")}'` } : {}),
  });
  served = at;
  const snapshot = await storeScript(at);
  const plan = starts.map((name) => `${name}:1:kill`);
  let server = await at.start({ faults: plan.shift() });
  let deaths = 0;
  /** Once the running server was killed, starts the next. */
  const next = async () => {
    await until(`the crash at ${point}\n${at.log()}`, () => hasEnded(server));
    expect(server.signalCode).toBe("SIGKILL");
    deaths += 1;
    if (loseQueue && deaths === 1) {
      for (const suffix of ["", "-wal", "-shm"]) fs.rmSync(join(at.base.base, `queue.db${suffix}`), { force: true });
    }
    server = await at.start({ faults: plan.shift() });
  };
  const body = {
    submit_id: `crash-${point.replaceAll("/", "-")}`,
    argv: ["./run.sh"],
    snapshot,
    env: { WITNESS: witness },
    held: act === "cancel",
    ...(act === "retry" ? { retries: 1, retry_backoff_seconds: 0 } : {}),
  };
  const isCode = act === "code" || act === "much code";
  const runId = isCode ? await queueFolder(at, next, act === "code" ? 1 : 70) : await submitOnce(at, next, body);
  if (backend === "redis") startRedis(home);
  if (act === "annotate") await at.ask("run.annotate", { run: runId, note: "seen" }).catch(() => {});
  if (act === "cancel") await at.ask("run.cancel", { runs: [runId] }).catch(() => {});
  const checkCode = act === "unused" ? await pruneUnused(at) : act === "unused pack" ? await pruneUnusedPack(at) : null;
  if (act === "prune") {
    await at.sealed(runId);
    await at.ask("run.prune", { runs: [runId], patterns: ["made.txt"], dry_run: false }).catch(() => {});
  }
  while (deaths < starts.length) await next();
  if (act === "annotate") await at.insist("run.annotate", { run: runId, note: "seen" });
  if (act === "cancel") await at.insist("run.cancel", { runs: [runId] });
  if (!isCode) {
    const again = await at.insist<{ runs: { run_id: string }[] }>("submit", { runs: [body] });
    expect(again.runs[0]?.run_id).toBe(runId);
  }
  if (act === "retry") {
    await checkRetried(at, runId);
    return;
  }
  expect(at.runIds()).toEqual([runId]);
  const { manifest, paths } = await at.sealed(runId);
  expect(sumTrouble(paths)).toBe("");
  if (act === "cancel") {
    expect(manifest).toMatchObject({ status: "cancelled", exit_code: null });
    expect(fs.existsSync(witness)).toBe(false);
    return;
  }
  expect(manifest).toMatchObject({ status: "failed", exit_code: 7, failure: { kind: "code_error" } });
  expect(fs.readFileSync(witness, "utf8")).toBe(`${runId}\n`);
  if (act === "notify") {
    // At least once: what was told a moment before the crash is told again.
    const marked = join(paths.private, "notified.json");
    await until(`the end to be told\n${at.log()}`, () => fs.existsSync(marked));
    const told = fs.readFileSync(join(home, "told.txt"), "utf8").trim().split("\n");
    expect(new Set(told)).toEqual(new Set([runId]));
    expect(told.length).toBe(point === "server/after-notify" ? 2 : 1);
  }
  const lines = Array.from({ length: 50 }, (_, line) => `line ${line}\n`).join("");
  expect(fs.readFileSync(paths.outputLog, "utf8")).toBe(`${lines}ml:metric loss=0.5\nend\n`);
  expect(manifest.artifacts?.files.map((file) => file.path)).toEqual(["made.txt"]);
  expect(fs.readFileSync(paths.metrics, "utf8").trim().split("\n")).toHaveLength(1);
  if (act === "annotate") expect(manifest.annotations.map((each) => each.note)).toContain("seen");
  await checkCode?.();
  if (act === "prune") await prunedAgain(at, runId);
  await until("the line to be empty", async () => {
    const status = await at.insist<{ queue: { waiting: number } }>("server.status", {});
    return status.queue.waiting === 0;
  });
}

for (const [point, cases] of Object.entries(table)) {
  for (const each of [cases].flat()) {
    const programs = each.backend === "redis" ? ["sha256sum", "redis-server"] : ["sha256sum"];
    const where = [
      each.backend === undefined ? "" : ` (${each.backend})`,
      each.act === undefined ? "" : ` (${each.act})`,
    ].join("");
    needs(...programs)(
      `[${each.rows}] a crash at ${point}${where}: one run, started once, whole`,
      () => crashAt(point, each),
      120_000,
    );
  }
}

test("[K1 K2] what a person said as the server died is in the record, though a worker has written that since", async () => {
  const home = tempFolder("ml-crash-");
  const at = serveFrom(home);
  served = at;
  const server = await at.start({
    args: ["server", "--listen", "127.0.0.1:0", "--no-worker"],
    faults: "server/after-history:1:kill",
  });
  await at.start({ args: ["worker"] });
  const wait = `while [ ! -e ${join(home, "go")} ]; do sleep 0.05; done; exit 3`;
  const run = { submit_id: "crash-said", argv: ["sh", "-c", wait], snapshot: null };
  const { runs } = await at.insist<{ runs: { run_id: string }[] }>("submit", { runs: [run] });
  const runId = runs[0]?.run_id ?? "";
  await until("the run to run", () => at.manifest(runId).status === "running");
  await at.ask("run.annotate", { run: runId, note: "looks odd" }).catch(() => {});
  await until("the crash", () => hasEnded(server));
  fs.writeFileSync(join(home, "go"), "");
  const { paths } = await at.sealed(runId);
  const written = at.manifest(runId);
  expect(written).toMatchObject({ status: "failed", exit_code: 3, annotations: [] });
  await at.start({ args: ["server", "--listen", "127.0.0.1:0", "--no-worker"] });
  await until("the note", () => at.manifest(runId).annotations.length > 0);
  const { annotations, ...rest } = at.manifest(runId);
  const { annotations: _none, ...before } = written;
  expect(annotations.map((each) => each.note)).toEqual(["looks odd"]);
  expect(rest).toEqual({ ...before, history_bytes: fs.statSync(paths.history).size });
  expect(sumTrouble(paths)).toBe("");
}, 120_000);

/** Those of the processes that copy data: test/unit/data/copy-marks.test.ts. */
const ofCopies = ["copy/before-record", "copy/before-settle"];

test("every fault point of the sources is in the table above, or a copy's", () => {
  const src = join(import.meta.dir, "../../src");
  const points = new Set<string>();
  for (const file of fs.readdirSync(src, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts") || file.endsWith("core/fault.ts")) continue;
    const text = fs.readFileSync(join(src, file), "utf8");
    for (const [, name = ""] of text.matchAll(/\bfault\(\s*["'`]([^"'`]+)["'`]/g)) points.add(name);
  }
  expect([...points].sort()).toEqual([...Object.keys(table), ...ofCopies].sort());
});
