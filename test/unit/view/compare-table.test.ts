/** Runs side by side where room is short. */
import { expect, test } from "bun:test";
import type { Comparison } from "../../../src/think/comparison.ts";
import { compareTable } from "../../../src/view/compare-table.ts";
import * as sample from "./sample.ts";

const comparison: Comparison = {
  runs: [
    { run_id: "2026-11-23_aaaaaa", name: "warmup-study-1", user: "ana", status: "completed" },
    { run_id: "2026-11-23_bbbbbb", name: "warmup-study-2", user: "ana", status: "completed" },
  ],
  columns: [
    { kind: "parameter", name: "learning_rate", values: [0.1, 0.2], better: null },
    { kind: "fact", name: "host", values: ["gpu01.lab.example", "gpu02.lab.example"], better: null },
    { kind: "metric", name: "loss", values: [0.52, 0.61], better: "min" },
    { kind: "metric", name: "val_acc", values: [0.91, 0.88], better: "max" },
    { kind: "fact", name: "verdict", values: ["validates", null], better: null },
  ],
  same: [],
  warnings: [],
};

test("a wide table has every column, a narrow one keeps verdict and metrics and names what it lacks", () => {
  const wide = sample.text(compareTable(comparison, sample.face(120)));
  expect(wide).toContain("learning_rate  host");
  expect(wide).not.toContain("no room");
  const narrow = sample
    .text(compareTable(comparison, sample.face(62)))
    .trimEnd()
    .split("\n");
  expect(narrow[0]).toMatch(/^run +learning_rate +val_acc +verdict$/);
  expect(narrow.at(-1)).toBe("no room here for host, loss");
});
