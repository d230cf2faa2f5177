/** Limits that are really kept: runs that take too much memory, disk or time, and are named so; and a 137 that proves nothing. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import * as fs from "node:fs";
import { readProcessRecord } from "../../src/execute/records.ts";
import { readSamples } from "../../src/run/samples.ts";
import { type Bench, openBench } from "../support/queued-run.ts";
import { until } from "../support/temp.ts";

let bench: Bench;
beforeEach(() => {
  bench = openBench();
});
afterEach(() => bench.close());

const asking = (requested: Record<string, number>) => ({ resources: { requested }, launch: { grace_seconds: 1 } });
/** Takes memory in steps of 20 MB, touching it, so that the watchdog sees it grow; keeps it until it is ended. */
const greedy =
  "import time\nkept = []\nfor _ in range(30):\n    kept.append(bytearray(20_000_000))\n    time.sleep(0.05)\ntime.sleep(100)\n";

test("[P8] a run beyond its memory is ended and called oom, with what was measured", async () => {
  await bench.work({ cgroups: null });
  const paths = await bench.submit({ argv: ["python3", "-c", greedy], manifest: asking({ ram_gb: 0.2 }) });
  const { status, failure, signal, resources } = await bench.sealed(paths);
  expect([status, failure?.kind, signal]).toEqual(["failed", "oom", "SIGKILL"]);
  expect(failure?.message).toMatch(/^it used 0\.\d\d GB of RAM and had asked for 0\.20 GB, so it was stopped$/);
  expect(failure?.hint).toContain(`\`ml requeue ${paths.runId} --ram 1G\``);
  expect(failure?.evidence).toHaveLength(1);
  expect(resources.actual?.ram_peak_gb).toBeGreaterThan(0.2);
});

test("memory that forked processes share counts once", async () => {
  const shared = `import os, time
kept = bytearray(150_000_000)
children = [os.fork() for _ in range(1)]
if 0 not in children:
    children += [pid for pid in [os.fork()] if True]
time.sleep(2)
os._exit(0)
`;
  await bench.work({ cgroups: null });
  const paths = await bench.submit({ argv: ["python3", "-c", shared], manifest: asking({ ram_gb: 0.3 }) });
  expect((await bench.sealed(paths)).status).toBe("completed");
});

test("a run beyond its disk is stopped and called disk_full; what it wrote is kept", async () => {
  await bench.work();
  const script = "i=0; while :; do head -c 1000000 /dev/zero > $i.bin; i=$((i+1)); sleep 0.02; done";
  const paths = await bench.submit({ argv: ["sh", "-c", script], manifest: asking({ disk_gb: 0.01 }) });
  const { failure, artifacts } = await bench.sealed(paths);
  expect(failure?.kind).toBe("disk_full");
  expect(failure?.message).toMatch(
    /^its folder took [\d.]+ [MG]B of disk and it had asked for 10 MB, so it was stopped$/,
  );
  // The folder has a little besides.
  expect(artifacts?.total_size_bytes).toBeGreaterThan(9_900_000);
  const sizes = fs.readdirSync(paths.work).map((name) => fs.statSync(`${paths.work}/${name}`).size);
  expect(artifacts?.total_size_bytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
});

test("[P14] a run beyond its time is stopped and called timeout", async () => {
  await bench.work();
  const paths = await bench.submit({ argv: ["sleep", "60"], manifest: asking({ max_runtime_hours: 0.3 / 3600 }) });
  expect((await bench.sealed(paths)).failure?.kind).toBe("timeout");
});

test("[P9] a kill by somebody else is no want of memory", async () => {
  await bench.work();
  const paths = await bench.submit({ argv: ["sleep", "60"], manifest: asking({ ram_gb: 1 }) });
  await until("it to run", () => bench.manifest(paths).status === "running");
  const record = readProcessRecord(paths);
  if (record.kind === "ok") process.kill(record.record.script.pid, "SIGKILL");
  const { failure } = await bench.sealed(paths);
  expect(failure).toMatchObject({ kind: "signal", message: expect.stringContaining("not by ml") });
});

test("what a run used is in samples.tsv, sealed, and summed up; bytes written are the supervisor's count", async () => {
  await bench.work();
  const script =
    "import os, time\nkept = bytearray(60_000_000)\nwith open('out.bin', 'wb') as out:\n    out.write(os.urandom(4_000_000))\n    os.fsync(out.fileno())\nend = time.time() + 2.2\nwhile time.time() < end or time.process_time() < 1.5: pass\n";
  const paths = await bench.submit({ argv: ["python3", "-c", script] });
  const { resources } = await bench.sealed(paths);
  const samples = readSamples(paths);
  expect(samples.length).toBeGreaterThanOrEqual(1);
  expect(samples.reduce((sum, row) => sum + row.seconds, 0)).toBeGreaterThan(0.9);
  expect(samples.reduce((sum, row) => sum + row.seconds * (row.cpuCores ?? 0), 0)).toBeGreaterThan(0.3);
  expect(resources.actual?.ram_peak_gb).toBeGreaterThan(0.06);
  expect(resources.actual?.disk_write_gb).toBeGreaterThanOrEqual(0.004);
  expect(resources.actual?.gpu_utilization_avg).toBeNull();
  expect(fs.readFileSync(paths.sums, "utf8")).toContain("samples.tsv");
});
