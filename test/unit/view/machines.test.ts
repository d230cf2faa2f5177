/** The pages of `ml gpus` and `ml workers`: who has what, what stands against it, and nothing wider than the terminal. */
import { describe, expect, test } from "bun:test";
import { lineWidth } from "../../../src/view/face.ts";
import { gpusPage, type Machines } from "../../../src/view/gpus-page.ts";
import { energyText, machineFacts } from "../../../src/view/machine-facts.ts";
import { workersPage } from "../../../src/view/workers-page.ts";
import * as sample from "./sample.ts";

const { face, text } = sample;

function machines(change: (worker: Machines["workers"][number]) => object = () => ({})): Machines {
  const { workers, running, server } = sample.status();
  return { now: server.now, workers: workers.map((worker) => ({ ...worker, ...change(worker) })), runs: running };
}
const crowded = machines((worker) => ({
  gpus: worker.gpus.map((gpu) =>
    gpu.index === 0
      ? { ...gpu, throttled: ["heat"], free_memory_gb: 5.9 }
      : { ...gpu, blocked: "process 4711 (python3) of user bob, 18 GB, uses it" },
  ),
  problems: ["the GPUs draw 612 W and `max_power_watts` is 600: no run starts"],
}));

describe("pages of machines", () => {
  test("GPUs, wide", () => expect(text(gpusPage(crowded, face(110)))).toMatchSnapshot());
  test("GPUs, 80 columns", () => expect(text(gpusPage(crowded, face(80)))).toMatchSnapshot());
  test("workers, 80 columns", () => expect(text(workersPage(crowded, face(80)))).toMatchSnapshot());
  test("where nobody knows the cards the page says why, and what to do", () => {
    const unknown = machines(() => ({ gpus: [], gpu_problem: "GPUs are unknown: reboot, or reload the driver" }));
    expect(text(gpusPage(unknown, face(80)))).toContain("GPUs are unknown: reboot");
  });
  test("no worker", () => {
    expect(text(workersPage({ ...machines(), workers: [] }, face(80)))).toContain("ml worker starts one");
  });
  test("no line is wider than the terminal, at any width", () => {
    for (let width = 30; width <= 140; width += 11)
      for (const page of [gpusPage, workersPage])
        for (const line of page(crowded, face(width))) expect(lineWidth(line)).toBeLessThanOrEqual(width);
  });
});

test("energy is told in a unit that reads well, with its price, and as a lower bound where a part was not metered", () => {
  const actual = { energy_kwh: 0.0312, energy_partial: false, energy_cost: null, energy_currency: null } as never;
  expect(energyText(actual)).toBe("31 Wh");
  const dear = { energy_kwh: 2.345, energy_partial: true, energy_cost: 0.75, energy_currency: "EUR" } as never;
  expect(energyText(dear)).toBe("at least 2.35 kWh (0.75 EUR)");
  expect(machineFacts(null)).toEqual([]);
});
