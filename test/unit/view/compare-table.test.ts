/** Runs side by side where room is short. */
import { expect, test } from "bun:test";
import type { Comparison } from "../../../src/think/comparison.ts";
import { compareLatex, compareMarkdown, compareTable } from "../../../src/view/compare-table.ts";
import { markdownText } from "../../../src/view/markdown-text.ts";
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

test("what was typed as an argument is no markup of Markdown or LaTeX", () => {
  expect(markdownText("val_acc _x_ a|b <script> `c` *s* [l](u) $x$ C:\\t &lt; R&D 5 % #1")).toBe(
    "val_acc \\_x\\_ a\\|b \\<script> \\`c\\` \\*s\\* \\[l\\](u) \\$x\\$ C:\\\\t \\&lt; R&D 5 % #1",
  );
  const odd: Comparison = {
    ...comparison,
    columns: [{ kind: "parameter", name: "a_b", values: ["x|y <b>", "50 % & {β}"], better: null }],
  };
  expect(compareMarkdown(odd)).toContain("| x\\|y \\<b> |");
  const latex = compareLatex(odd);
  expect(latex).toContain("run & a\\_b \\\\");
  expect(latex).toContain("50 \\% \\& \\{β\\}");
  expect(latex).toContain("% letters beyond Latin");
  expect(compareLatex(comparison)).not.toContain("beyond Latin");
});

test("a metric that ended as no number is shown as what it is, and is never the best", () => {
  const ended: Comparison = {
    ...comparison,
    columns: [{ kind: "metric", name: "loss", values: ["NaN", 0.61], better: "min" }],
  };
  expect(compareMarkdown(ended)).toContain("| --- | ---: |");
  expect(compareMarkdown(ended)).toContain("| NaN |");
  expect(compareMarkdown(ended)).not.toContain("**");
});
