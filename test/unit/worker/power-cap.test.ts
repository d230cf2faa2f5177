/** The opt-in power limit of GPUs: set, restored, and restored by the next worker where this one was killed. */
import { expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { NvidiaMeter } from "../../../src/measure/nvidia.ts";
import { PowerCap } from "../../../src/worker/power-cap.ts";
import { tempFolder } from "../../support/temp.ts";

/** An nvidia-smi that keeps power limits in files, refuses watts above 400, and is denied everything where a file `denied` is. */
function smi() {
  const folder = tempFolder("ml-cap-");
  const limits = () => [0, 1].map((index) => Number(fs.readFileSync(join(folder, `limit${index}`), "utf8")));
  for (const index of [0, 1]) fs.writeFileSync(join(folder, `limit${index}`), "350");
  const program = join(folder, "nvidia-smi");
  fs.writeFileSync(
    program,
    `#!/bin/sh
cd ${folder}
case "$*" in
-i*) [ -e denied ] && { echo "Insufficient Permissions"; exit 4; }
     echo "$4" > "limit\${2#GPU-}" ;;
*--query-gpu*) for i in 0 1; do echo "$i, GPU-$i, X, 0000:0$i:00.0, [N/A], 24576, 3, 0, 30, 20, $(cat limit$i), 0x0"; done ;;
esac
`,
    { mode: 0o755 },
  );
  const cap = new PowerCap({ program, env: process.env, stateDir: folder, worker: "w" });
  const readings = async () => {
    const meter = new NvidiaMeter({ program, env: process.env });
    await meter.begin();
    meter.end();
    return meter.last()?.readings ?? [];
  };
  return { folder, cap, limits, readings };
}

test("a limit is set and what was there before comes back", async () => {
  const { cap, limits, readings } = smi();
  expect(await cap.apply(await readings(), 250)).toBeNull();
  expect(limits()).toEqual([250, 250]);
  await cap.restore(null);
  expect(limits()).toEqual([350, 350]);
});

test("a limit that a killed worker left is taken back by the next; one that somebody changed meanwhile is left alone", async () => {
  const { folder, cap, limits, readings } = smi();
  await cap.apply(await readings(), 250);
  fs.writeFileSync(join(folder, "limit1"), "300");
  await cap.restore(await readings());
  expect(limits()).toEqual([350, 300]);
  fs.writeFileSync(join(folder, "limit0"), "200");
  await cap.restore(await readings());
  expect(limits()).toEqual([200, 300]);
});

test("where the driver does not allow it, it says so and changes nothing", async () => {
  const { folder, cap, limits, readings } = smi();
  fs.writeFileSync(join(folder, "denied"), "");
  expect(await cap.apply(await readings(), 250)).toBe(
    "the GPUs' power limit cannot be set to 250 W (`gpu_power_cap_watts`): Insufficient Permissions",
  );
  expect(limits()).toEqual([350, 350]);
});
