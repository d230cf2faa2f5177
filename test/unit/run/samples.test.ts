/** samples.tsv: rows there and back, sums by time, and a week that stays small. */
import { expect, test } from "bun:test";
import * as fs from "node:fs";
import { runPaths } from "../../../src/run/paths.ts";
import { appendSample, readSamples, type Sample, spanSeconds, sumSamples } from "../../../src/run/samples.ts";
import { tempFolder } from "../../support/temp.ts";

const row = (given: Partial<Sample>): Sample => ({
  t: 1,
  seconds: 1,
  cpuCores: null,
  ramGb: null,
  readGb: null,
  writtenGb: null,
  gpuUtilization: null,
  gpuMemoryGb: null,
  gpuTemperatureC: null,
  gpuPowerW: null,
  gpuEnergyWh: null,
  cpuEnergyWh: null,
  throttled: null,
  ...given,
});

test("rows come back as they were; a torn last line and foreign columns do no harm", () => {
  const paths = runPaths(tempFolder("ml-samples-"), "r");
  expect(readSamples(paths)).toEqual([]);
  const rows = [row({ ramGb: 1.5, throttled: "power,heat" }), row({ t: 2, seconds: 5, gpuPowerW: 301.5 })];
  for (const one of rows) appendSample(paths, one);
  expect(readSamples(paths)).toEqual(rows);
  fs.appendFileSync(paths.samples, "3\t1\t0.5");
  expect(readSamples(paths)).toEqual(rows);
  const [header = "", ...lines] = fs.readFileSync(paths.samples, "utf8").split("\n");
  const later = [`${header}\tnew_column`, ...lines.slice(0, 2).map((line) => `${line}\t7`), ""];
  fs.writeFileSync(paths.samples, later.join("\n"));
  expect(readSamples(paths)).toEqual(rows);
});

test("averages are by time, memory is the peak, energy is a sum, and what nobody saw is unknown", () => {
  const sums = sumSamples([
    row({ seconds: 1, gpuUtilization: 1, ramGb: 2, gpuEnergyWh: 0.1, gpuTemperatureC: 60 }),
    row({ seconds: 3, gpuUtilization: 0, ramGb: 1, gpuEnergyWh: 0.2, gpuTemperatureC: 70, throttled: "heat" }),
    row({ seconds: 10 }),
  ]);
  expect(sums).toMatchObject({ gpuUtilizationAvg: 0.25, ramPeakGb: 2, gpuTemperaturePeakC: 70, throttledSeconds: 3 });
  expect(sums.gpuEnergyWh).toBeCloseTo(0.3);
  expect(sums).toMatchObject({ meteredSeconds: 4, cpuEnergyWh: null, readGb: null });
});

test("a week of a run stays below ten thousand rows", () => {
  let rows = 0;
  for (let seconds = 0; seconds < 7 * 86_400; seconds += spanSeconds(seconds)) rows += 1;
  expect(rows).toBeLessThan(10_000);
});
