/** Reports: repeats taken together, digits that mean something, and people's words that stay words in every form. */
import { expect, test } from "bun:test";
import { composeReport, type ReportParts } from "../../../src/report/compose.ts";
import { reportHtml } from "../../../src/report/html.ts";
import { reportLatex } from "../../../src/report/latex.ts";
import { reportMarkdown } from "../../../src/report/markdown.ts";
import { spreadText } from "../../../src/report/spread-text.ts";
import { resultsTable } from "../../../src/report/tables.ts";
import { newManifest } from "../../../src/run/manifest.ts";
import { bestFirst, setUpsOf } from "../../../src/think/repeats.ts";
import { facts } from "../think/facts.ts";

const run = (lr: number, seed: number, acc: number, given = {}) =>
  facts({ parameters: { lr, seed }, metrics: { val_acc: acc, loss: 1 - acc }, name: `r${seed}`, ...given });

test("a deviation has two significant digits, and the mean ends where it does", () => {
  const spread = (mean: number, deviation: number | null) => spreadText({ mean, deviation, n: 3 });
  expect(spread(0.93614, 0.001234)).toBe("0.9361 ± 0.0012");
  expect(spread(1523.4, 34.2)).toBe("1523 ± 34");
  expect(spread(15234, 342)).toBe("15230 ± 340");
  expect(spread(0.5, 0)).toBe("0.5 ± 0");
  expect(spread(3.21e-5, 4.4e-7)).toBe("(3.210 ± 0.044)e-5");
  expect(spread(-2.5e-9, 1e-9)).toBe("(-2.5 ± 1.0)e-9");
  expect(spread(0.93614, null)).toBe("0.9361");
});

test("runs that differ in the seed alone are one row, with n; what failed is counted and not averaged", () => {
  const runs = [
    run(0.1, 0, 0.8),
    run(0.1, 1, 0.82),
    run(0.1, 2, 0.1, { status: "failed", failure: "oom" }),
    run(0.4, 0, 0.9),
  ];
  const setUps = bestFirst(setUpsOf(runs), "val_acc");
  const table = resultsTable(setUps, ["val_acc", "loss"]);
  expect(table.columns.map(({ title }) => title)).toEqual(["set-up", "lr", "n", "val_acc ↑", "loss ↓", "time"]);
  expect(table.rows.map((row) => row.slice(1, 5).map(({ text, best }) => (best ? `*${text}` : text)))).toEqual([
    ["0.4", "1", "*0.9", "*0.1"],
    ["0.1", "2 of 3", "0.810 ± 0.014", "0.190 ± 0.014"],
  ]);
});

test("a metric whose name tells no direction has no best value", () => {
  const runs = [run(0.1, 0, 0.8), run(0.2, 0, 0.9)].map((one, at) => ({ ...one, metrics: { temperature: at } }));
  const { rows } = resultsTable(setUpsOf(runs), ["temperature"]);
  expect(rows.flat().some(({ best }) => best)).toBe(false);
});

const evil = "<script>alert(1)</script> \\input{/etc/passwd} $x^2$ 50% a_b {c} #1 & ~ | \u001b[31m";

function parts(): ReportParts {
  const manifest = newManifest({
    ...{ run_id: "2026-11-23_k3f9ab", name: "r0", user: "ana", queued_at: "2026-11-23T20:00:00Z" },
    ...{ command: "python train.py --lr 0.1", argv: ["python", "train.py", "--lr", "0.1"] },
  });
  return {
    ...{ title: evil, about: "Written by a test.", metrics: ["val_acc"], moreMetrics: 2, exportWords: "--where 'a'" },
    facts: { runs: [run(0.1, 0, 0.8, { hypothesis: evil, verdict: "refutes" })], groups: [], more: false, query: null },
    manifests: [manifest],
    deadEnds: [
      { kind: "refuted", what: evil, because: evil, failure: null, runs: [], group: "g", parameters: {}, at: "2026" },
    ],
    figures: [{ kind: "figure", id: "curve-val-acc", caption: evil, svg: "<svg></svg>" }],
  };
}

test("[S6] what people wrote is neither tag, command nor escape sequence in any form", () => {
  const document = composeReport(parts());
  const html = reportHtml(document);
  expect(html).not.toContain("<script");
  expect(html.match(/\b(?:src|href)=|@import|url\(/g)).toBeNull();
  const markdown = reportMarkdown(document, "figures");
  expect(markdown).not.toContain("<script");
  const latex = reportLatex(document, "figures");
  expect(latex).not.toMatch(/\\input\b/);
  expect(latex).toContain("\\$x\\textasciicircum{}2\\$ 50\\% a\\_b \\{c\\} \\#1 \\&");
  for (const text of [html, markdown, latex]) expect(text).not.toContain("\u001b");
});

test("what is not known is said to be unknown, and what was not asked for is no gap", () => {
  const markdown = reportMarkdown(composeReport(parts()), null);
  expect(markdown).toContain("- **Energy:** unknown");
  expect(markdown).toContain("- **Python:** unknown");
  expect(markdown).toContain("- **GPU:** none was asked for");
  expect(markdown).toContain("Not in the table: 2 more metrics.");
  expect(markdown).not.toContain("figures/");
});
