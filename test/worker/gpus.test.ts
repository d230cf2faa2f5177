/** A worker with cards on paper: handed out by UUID and in parts, kept from those that others use, and metered. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import * as fs from "node:fs";
import { NvidiaMeter } from "../../src/measure/nvidia.ts";
import { readSamples } from "../../src/run/samples.ts";
import { Door } from "../../src/worker/door.ts";
import { Gpus } from "../../src/worker/gpus.ts";
import { afterTest } from "../support/after-test.ts";
import { type FakeGpus, fakeGpus, uuids } from "../support/fake-gpus.ts";
import { type Bench, openBench } from "../support/queued-run.ts";
import { until } from "../support/temp.ts";

let bench: Bench;
beforeEach(() => {
  bench = openBench();
});
afterEach(() => bench.close());

function cards(
  scenario: string,
  given: { retryMs?: number; patienceMs?: number } = {},
): { fake: FakeGpus; gpus: Gpus } {
  const fake = fakeGpus(scenario);
  const options = { program: fake.program, env: { PATH: fake.path }, everyMs: 100, patienceMs: 3000, ...given };
  return { fake, gpus: new Gpus(new NvidiaMeter(options), { freshMs: 500 }) };
}
const capacity = { slots: 8, cpuCores: 64, ramGb: 64, diskGb: null, cards: [] };
const asking = (requested: Record<string, number>) => ({ resources: { requested } });
/** Writes what it sees and stays until its folder has a file `go`. */
const seeing = 'printf "%s\\n" "$CUDA_VISIBLE_DEVICES" > seen; while [ ! -e go ]; do sleep 0.05; done';

async function started(requested: Record<string, number>) {
  const paths = await bench.submit({ argv: ["sh", "-c", seeing], manifest: asking(requested) });
  const path = `${paths.work}/seen`;
  const text = () => (fs.existsSync(path) ? fs.readFileSync(path, "utf8") : "");
  await until(`${paths.runId} to run`, () => text().endsWith("\n"));
  const go = () => fs.writeFileSync(`${paths.work}/go`, "");
  return { paths, go, seen: text().trimEnd() };
}

test("[G5] cards are handed out by UUID, whole and in parts, and the record says what the run sees", async () => {
  const { gpus } = cards("four");
  const worker = await bench.work({ capacity, gpus });
  const whole = await started({ gpus: 2 });
  expect(whole.seen).toBe(`${uuids[0]},${uuids[1]}`);
  const a = await started({ gpus: 1, gpu_memory_gb: 8 });
  const b = await started({ gpus: 1, gpu_memory_gb: 8 });
  expect([a.seen, b.seen]).toEqual([uuids[2], uuids[2]]);
  const none = await started({ gpus: 0 });
  expect(none.seen).toBe("");
  expect(bench.manifest(a.paths).resources.assigned).toMatchObject({ gpu_ids: [uuids[2]], gpu_memory_gb: 8 });
  expect(worker.state().gpus[2]).toMatchObject({ runs: [a.paths.runId, b.paths.runId], id: uuids[2] });
  for (const { go } of [whole, a, b, none]) go();
});

test("[G4] a card that a process of somebody else uses is not free, and says whose", async () => {
  const { fake, gpus } = cards("two");
  const stranger = Bun.spawn(["sleep", "60"], { stdout: "ignore" });
  afterTest(() => stranger.kill("SIGKILL"));
  fake.put("apps.csv", `${stranger.pid}, ${uuids[0]}, 20480\n`);
  const worker = await bench.work({ capacity, gpus });
  const { seen, go } = await started({ gpus: 1 });
  expect(seen).toBe(uuids[1]);
  expect(worker.state().gpus[0]?.blocked).toMatch(
    new RegExp(`^process ${stranger.pid} \\(sleep\\) of user \\w+, 21 GB, uses it$`),
  );
  const waiting = await bench.submit({ argv: ["true"], manifest: asking({ gpus: 2 }) });
  await Bun.sleep(300);
  expect(bench.manifest(waiting).status).toBe("queued");
  go();
  fake.put("apps.csv", null);
  fake.put("gpus.csv", fake.read("gpus.csv").replace("20480", "3"));
  expect((await bench.sealed(waiting)).status).toBe("completed");
});

test("memory that no process is told to hold counts as somebody's", async () => {
  const { gpus } = cards("two");
  const worker = await bench.work({ capacity, gpus });
  const { seen, go } = await started({ gpus: 1 });
  expect(seen).toBe(uuids[1]);
  expect(worker.state().gpus[0]?.blocked).toContain("in use by no process that the driver tells of");
  go();
});

test("[G1] where nobody knows the cards, runs without them go on, and the worker says why", async () => {
  const { gpus } = cards("mismatch");
  const worker = await bench.work({ capacity, gpus });
  const paths = await bench.submit({ argv: ["true"] });
  expect((await bench.sealed(paths)).status).toBe("completed");
  await until("the problem", () =>
    worker.state().problems.some((one) => one.includes("driver and library versions differ")),
  );
  expect(worker.state().gpu_problem).toContain("reboot");
});

test("[G2] a driver that hangs keeps cards from new runs, and nothing else", async () => {
  const { fake, gpus } = cards("one", { patienceMs: 400, retryMs: 200 });
  await bench.work({ capacity, gpus });
  gpus.need();
  fake.put("hang", "");
  await until("the hang to be noticed", () => gpus.trouble() !== null);
  const card = await bench.submit({ argv: ["true"], manifest: asking({ gpus: 1 }) });
  const cpu = await bench.submit({ argv: ["true"] });
  expect((await bench.sealed(cpu)).status).toBe("completed");
  expect(bench.manifest(card).status).toBe("queued");
  fake.put("hang", null);
  expect((await bench.sealed(card)).status).toBe("completed");
}, 120_000);

test("utilisation, memory, temperature, energy and what it cost are a run's own", async () => {
  const { fake, gpus } = cards("one");
  await bench.work({ capacity, gpus, price: () => 10_000, currency: "EUR" });
  const { paths, go } = await started({ gpus: 1 });
  const { pid } = JSON.parse(fs.readFileSync(paths.processRecord, "utf8")).script;
  fake.put("gpus.csv", fake.read("gpus.csv").replace(", 3, 0, 34, 21.48,", ", 9000, 80, 66, 300.00,"));
  fake.put("apps.csv", `${pid}, ${uuids[0]}, 8000\n`);
  await until("some samples", () => readSamples(paths).filter((row) => row.gpuPowerW === 300).length >= 2);
  go();
  const { resources } = await bench.sealed(paths);
  expect(resources.actual).toMatchObject({ gpu_temperature_peak_c: 66, energy_from: ["gpu"], energy_partial: false });
  expect(resources.actual?.gpu_memory_peak_gb).toBeCloseTo(8.389, 2);
  expect(resources.actual?.gpu_utilization_avg).toBeGreaterThan(20);
  const { energy_kwh: energy = null, energy_cost: cost = null, energy_currency: currency } = resources.actual ?? {};
  expect(energy).toBeGreaterThan(0);
  expect(cost).toBeCloseTo((energy ?? 0) * 10_000, 1);
  expect(currency).toBe("EUR");
}, 120_000);

test("a card that a run holds and does not use is reported, and taken back only where that was agreed", async () => {
  const { gpus } = cards("one");
  const settings = { gpuIdleMinutes: 0.01, gpuIdleStopMinutes: 0.04 };
  const worker = await bench.work({ capacity, gpus, settings });
  const { paths } = await started({ gpus: 1 });
  await until("the report", () => worker.state().problems.some((one) => one.includes("has not used")));
  const { status, failure, cancelled } = await bench.sealed(paths);
  expect([status, failure, cancelled?.by]).toEqual(["cancelled", null, "ml"]);
  expect(cancelled?.reason).toContain("it had not used its GPU for");
  expect(fs.readFileSync(bench.base.audit, "utf8")).toContain("gpu_idle_stop_minutes");
  const events = fs.readFileSync(paths.events, "utf8");
  expect(events).toContain("it holds a GPU and has not used it");
  expect(events).toContain("gpu_idle_stop_minutes");
  await until("the report to go", () => !worker.state().problems.some((one) => one.includes("has not used")));
}, 120_000);

test("heat closes the door for new runs, says so, and opens it again", async () => {
  const { fake, gpus } = cards("one");
  fake.put("gpus.csv", fake.read("gpus.csv").replace(", 34,", ", 91,"));
  const worker = await bench.work({ capacity, gpus, door: new Door({ maxTemperatureC: 80 }) });
  gpus.need();
  const paths = await bench.submit({ argv: ["true"], manifest: asking({ gpus: 1 }) });
  await until("the door", () => worker.state().door.length > 0);
  expect(worker.state().door[0]?.why).toBe("GPU 0 is at 91 °C and `max_temperature_c` is 80");
  expect(bench.manifest(paths).status).toBe("queued");
  fake.put("gpus.csv", fake.read("gpus.csv").replace(", 91,", ", 40,"));
  expect((await bench.sealed(paths)).status).toBe("completed");
}, 120_000);
