/** NVIDIA cards as nvidia-smi tells of them, with a stub that plays it: what is read, what is missing, what fails and hangs. */
import { afterEach, expect, test } from "bun:test";
import { NvidiaMeter } from "../../../src/measure/nvidia.ts";
import { gpuFields, parseGpuRow } from "../../../src/measure/nvidia-rows.ts";
import { type FakeGpus, fakeGpus, uuids } from "../../support/fake-gpus.ts";
import { until } from "../../support/temp.ts";

const open: NvidiaMeter[] = [];
afterEach(() => {
  for (const meter of open.splice(0)) meter.end();
});

function meterOf(scenario: string, given: { patienceMs?: number; retryMs?: number } = {}) {
  const fake: FakeGpus = fakeGpus(scenario);
  const options = { program: fake.program, env: { PATH: fake.path }, everyMs: 50, patienceMs: 2000, ...given };
  const meter = new NvidiaMeter(options);
  open.push(meter);
  return { fake, meter };
}
const readings = (meter: NvidiaMeter) => meter.last()?.readings ?? [];

test("two cards: by UUID, in units of ours, and why the first is slower than it could be", async () => {
  const { meter } = meterOf("two");
  await meter.begin();
  expect(meter.trouble()).toBeNull();
  const [first, second] = readings(meter);
  expect(first).toMatchObject({ id: uuids[0], index: 0, model: "NVIDIA GeForce RTX 3090", utilization: 0.97 });
  expect(first).toMatchObject({ temperatureC: 71, powerW: 342.1, powerLimitW: 350, throttled: ["power"], fault: null });
  expect(first?.memoryGb).toBeCloseTo(25.77, 2);
  expect(second).toMatchObject({ id: uuids[1], throttled: [] });
});

test("looks go on by themselves for as long as somebody needs them, and stop after it", async () => {
  const { fake, meter } = meterOf("one");
  await meter.begin();
  fake.put("gpus.csv", fake.read("gpus.csv").replace(" 34,", " 77,"));
  fake.put("apps.csv", `4711, ${uuids[0]}, 2048\n`);
  await until(
    "a look with what changed",
    () => readings(meter)[0]?.temperatureC === 77 && meter.last()?.uses?.length === 1,
  );
  fake.put("apps.csv", null);
  await until("the process to be forgotten", () => meter.last()?.uses?.length === 0);
  meter.end();
  const seen = meter.last();
  await Bun.sleep(200);
  expect(meter.last()).toBe(seen);
});

test("[G1] fields that an older driver does not know are dropped, and odd values are unknown", async () => {
  const { meter } = meterOf("old");
  await meter.begin();
  expect(readings(meter)[0]).toMatchObject({
    model: "Tesla K80",
    powerW: null,
    powerLimitW: null,
    throttled: ["hardware"],
  });
});

test("[G1] exit 18 is named as what it is, with the cure, and looked at again", async () => {
  const { fake, meter } = meterOf("mismatch", { retryMs: 50 });
  await meter.begin();
  expect(meter.trouble()).toContain("driver and library versions differ");
  expect(meter.trouble()).toContain("reboot");
  fake.put("fail", null);
  await until("the cards", () => readings(meter).length === 1);
  expect(meter.trouble()).toBeNull();
});

test("[G2] a hang is given up, its cards are unknown, and no second one is started beside it", async () => {
  const { fake, meter } = meterOf("one", { patienceMs: 300, retryMs: 50 });
  await meter.begin();
  fake.put("hang", "");
  await until("the hang to be noticed", () => meter.trouble() !== null);
  expect(meter.trouble()).toContain("said nothing for 0.3 s");
  expect(readings(meter).length).toBe(1);
  fake.put("hang", null);
  await until("it to answer again", () => meter.trouble() === null);
});

test("[G2] a program that hangs from the beginning is given up after its patience", async () => {
  const { fake, meter } = meterOf("one", { patienceMs: 200 });
  fake.put("hang", "");
  await meter.begin();
  expect(meter.trouble()).toBe("GPUs are unknown: nvidia-smi gave no answer in 0.2 s");
});

test("[G3] a lost card is named and the others go on", async () => {
  const { fake, meter } = meterOf("lost");
  const fail = "15\nUnable to determine the device handle for GPU0000:02:00.0: GPU is lost.  Reboot the system\n";
  fake.put("fail", null);
  await meter.begin();
  expect(readings(meter).map((one) => one.fault)).toEqual([null, null, null, null]);
  fake.put("fail", fail);
  await until("the loss", () => readings(meter)[1]?.fault !== null);
  expect(readings(meter)[1]?.fault).toContain("GPU is lost");
  const before = meter.last();
  await until("a later look at the others", () => meter.last() !== before);
  expect(readings(meter).map((one) => one.fault === null)).toEqual([true, false, true, true]);
  expect(meter.trouble()).toBeNull();
});

test("[G3] a row whose every value is an error is a card that is gone", () => {
  const row = parseGpuRow(
    `1, ${uuids[1]}, [GPU is lost], 0000:02:00.0, ${"[GPU is lost], ".repeat(7)}[GPU is lost]`,
    gpuFields,
  );
  expect(row?.fault).toContain("the driver has lost it");
});

test("[G5] MIG devices stand in place of their card, and a card that is split anew is seen", async () => {
  const { fake, meter } = meterOf("mig");
  await meter.begin();
  expect(readings(meter).map(({ id, index, memoryGb }) => [id.slice(0, 8), index, Math.round(memoryGb ?? 0)])).toEqual([
    ["MIG-2b1c", 0, 20],
    ["MIG-7f0e", 1, 10],
    ["GPU-8f6d", 2, 43],
  ]);
  expect(readings(meter)[0]).toMatchObject({ cardId: uuids[0], utilization: null });
  meter.end();
  fake.put("list.txt", `GPU 0: NVIDIA A100 (UUID: ${uuids[0]})\n  MIG 7g.40gb     Device  0: (UUID: MIG-aa)\n`);
  await meter.begin();
  expect(readings(meter).map(({ id }) => id)).toEqual(["MIG-aa", uuids[1]]);
});
