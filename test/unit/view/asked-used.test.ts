/** Asked against used: what is proposed when queueing, what is said at the end. */
import { expect, test } from "bun:test";
import type { Similar } from "../../../src/protocol/foresight.ts";
import { proposedFlags, similarLines, usedParts } from "../../../src/view/asked-used.ts";
import { detail, summary, text } from "./sample.ts";

const similar: Similar = {
  basis: "same",
  runs: 7,
  seconds: { low: 192, middle: 240, high: 301 },
  ram_gb: { typical: 4.8, most: 5.1 },
  gpu_memory_gb: null,
  proposed: { ram_gb: 6.4, gpu_memory_gb: null, max_runtime_hours: 0.17 },
};

test("a request is proposed where one lacks, is too small, or wasteful, and not where it is about right", () => {
  expect(proposedFlags(similar, {})).toBe("--ram 6.4G --max-runtime 11m");
  expect(proposedFlags(similar, { ram_gb: 4, max_runtime_hours: 0.2 })).toBe("--ram 6.4G");
  expect(proposedFlags(similar, { ram_gb: 64, max_runtime_hours: 0.2 })).toBe("--ram 6.4G");
  expect(proposedFlags(similar, { ram_gb: 8, max_runtime_hours: 0.2 })).toBe("");
});

test("what similar runs used is one line, and the flags another", () => {
  expect(text(similarLines(similar, {}))).toBe(
    "likely: 3m12s to 5m01s (about 4m00s), at most 5.1 GB of memory, by 7 runs with these arguments\nwould do: --ram 6.4G --max-runtime 11m\n",
  );
});

test("what was used stands beside what was asked, and what was not measured is left out", () => {
  const { manifest } = detail(
    summary({ status: "completed", started_at: "2026-11-23T20:00:00Z", ended_at: "2026-11-23T21:00:00Z" }),
  );
  expect(usedParts({ ...manifest, resources: { ...manifest.resources, actual: null } })).toEqual([]);
  const nothing = {
    gpu_utilization_avg: null,
    gpu_memory_peak_gb: null,
    cpu_time_seconds: null,
    energy_kwh: null,
    energy_from: [],
    energy_partial: null,
    energy_cost: null,
    energy_currency: null,
    gpu_power_avg_w: null,
    gpu_temperature_peak_c: null,
    gpu_throttled_seconds: null,
  };
  const actual = { ...nothing, cpu_utilization_avg: 90, ram_peak_gb: 4, disk_read_gb: null, disk_write_gb: null };
  const requested = { ...manifest.resources.requested, cpu_cores: 4, ram_gb: 16, max_runtime_hours: 4 };
  expect(usedParts({ ...manifest, resources: { ...manifest.resources, actual, requested } })).toEqual([
    "4.0 GB of 16 GB memory (25%)",
    "0.9 of 4 cores (23%)",
    "1h00m of 4h00m allowed time (25%)",
  ]);
});
