/** AMD cards from a sysfs on paper, and the JSON of their programs. */
import { expect, test } from "bun:test";
import { gpuVariables } from "../../../src/execute/launch.ts";
import { openAmd, parseAmdSmi, parseRocmSmi } from "../../../src/measure/amd.ts";
import { put } from "../../support/queued-run.ts";
import { tempFolder } from "../../support/temp.ts";

function sysfs(): string {
  const root = tempFolder("ml-amd-");
  const card = (index: number, files: Record<string, string>) => {
    for (const [name, text] of Object.entries(files))
      put(`${root}/sys/class/drm/card${index}/device/${name}`, `${text}\n`);
  };
  card(0, { vendor: "0x8086" });
  card(1, {
    vendor: "0x1002",
    unique_id: "8a3f5c1e2b4d6079",
    product_name: "AMD Radeon PRO W7900",
    uevent: "DRIVER=amdgpu\nPCI_SLOT_NAME=0000:03:00.0",
    gpu_busy_percent: "93",
    mem_info_vram_total: "48301604864",
    mem_info_vram_used: "12884901888",
    "hwmon/hwmon4/power1_average": "241000000",
    "hwmon/hwmon4/temp1_input": "68000",
    "hwmon/hwmon4/energy1_input": "123456789000",
  });
  return root;
}

test("a card is read from sysfs, in units of ours, and one of another maker is left alone", async () => {
  const meter = openAmd(sysfs(), { PATH: "" });
  await meter?.begin();
  meter?.end();
  expect(meter?.last()?.readings).toEqual([
    {
      id: "GPU-8a3f5c1e2b4d6079",
      index: 0,
      cardId: "GPU-8a3f5c1e2b4d6079",
      model: "AMD Radeon PRO W7900",
      busId: "0000:03:00.0",
      memoryGb: 48.301604864,
      usedGb: 12.884901888,
      utilization: 0.93,
      temperatureC: 68,
      powerW: 241,
      powerLimitW: null,
      throttled: [],
      energyJ: 123456.789,
      fault: null,
    },
  ]);
  expect(meter?.last()?.uses).toBeNull();
});

test("a machine without such a card has no meter", () => {
  expect(openAmd(tempFolder("ml-amd-"), {})).toBeNull();
});

test("processes are read from the JSON of either program, and what is not understood is unknown", () => {
  const amd = [
    {
      gpu: 0,
      process_list: [
        { process_info: { name: "python3", pid: 4711, memory_usage: { vram_mem: { value: 2048, unit: "MB" } } } },
      ],
    },
  ];
  expect(parseAmdSmi(JSON.stringify(amd), ["GPU-a"])).toEqual([{ pid: 4711, cardId: "GPU-a", usedGb: 2.048 }]);
  const rocm = { system: { PID4711: "python3, 1, 2147483648, 0, 0" } };
  expect(parseRocmSmi(JSON.stringify(rocm), ["GPU-a"])).toEqual([{ pid: 4711, cardId: "GPU-a", usedGb: 2.147483648 }]);
  expect(parseRocmSmi(JSON.stringify(rocm), ["GPU-a", "GPU-b"])).toBeNull();
  for (const parse of [parseAmdSmi, parseRocmSmi]) expect(parse("WARNING: no", ["GPU-a"])).toBeNull();
});

test("a run sees its AMD cards and no others; without cards, none", () => {
  expect(gpuVariables({ vendor: "amd", ids: ["GPU-a", "GPU-b"] })).toEqual({
    ROCR_VISIBLE_DEVICES: "GPU-a,GPU-b",
    HIP_VISIBLE_DEVICES: "0,1",
  });
  expect(gpuVariables({ vendor: "amd", ids: [] })).toEqual({ ROCR_VISIBLE_DEVICES: "", HIP_VISIBLE_DEVICES: "-1" });
});
