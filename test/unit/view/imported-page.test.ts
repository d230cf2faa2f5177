/** What is said of runs that came, were here, took over what is new there, or stay as they are. */
import { expect, test } from "bun:test";
import type { ImportedRun } from "../../../src/protocol/bundle.ts";
import { importedPage } from "../../../src/view/bundle-page.ts";
import { lineText } from "../../../src/view/face.ts";
import { type Foreseen, type ForeseenStanding, foreseenPage } from "../../../src/view/foreign-page.ts";

const face = { width: Infinity, unicode: true, nowMs: Date.UTC(2026, 0, 1) };
const run = (name: string, more: Partial<ImportedRun>): ImportedRun => ({
  ...{ run_id: `2025-01-02_${name}`, bundled_as: name, name, status: "completed", state: "imported" },
  ...more,
});
const page = (...runs: ImportedRun[]) => importedPage({ runs, files: 1, size_bytes: 1 }, face).map(lineText);

test("each run says what became of it, and those that stay what to type", () => {
  expect(
    page(
      run("a", {}),
      run("b", { state: "updated", new_points: 2, changes: ["2 new points", "ended\u001b later"] }),
      run("c", { state: "here_already" }),
      run("d", { state: "grown", new_points: 1 }),
    ),
  ).toEqual([
    "✓ a  2025-01-02_a  completed  was a there",
    "✓ b  2025-01-02_b  updated: 2 new points, ended\\e later  was b there",
    "– c  2025-01-02_c  here already  was c there",
    "! d  2025-01-02_d  grew since: 1 new point  was d there",
    "imported 1 run, updated 1, 1 was here already, 1 changed there since and stays here as imported",
    "the same again with `--update` takes over what is new there, and keeps what was said here",
  ]);
  const left = page(
    run("e", { state: "grown", new_points: 0, contradictions: ["it began otherwise", "so did it end"] }),
  );
  expect(left[0]).toBe("! e  2025-01-02_e  stays as imported: it began otherwise; so did it end  was e there");
  expect(left.at(-1)).toBe("to have it as it is there now: `ml delete 2025-01-02_e`, then import again");
});

test("before anything is kept, what is here already and what changed since is told; where nobody was asked nothing is", () => {
  const foreseen = (name: string, standing: ForeseenStanding | null): Foreseen => ({
    ...{ origin_id: name, name, experiment: null, user: null, status: "completed", started_at: null, ended_at: null },
    ...{ parameters: {}, files: 0, size_bytes: 0, remarks: [], standing },
  });
  const lines = (...runs: Foreseen[]) =>
    foreseenPage({ what: "r.csv", runs, left_out: [], columns: null }, face).map(lineText);
  expect(
    lines(
      foreseen("a", { run_id: null, state: "new" }),
      foreseen("b", { run_id: "x", state: "here_already" }),
      foreseen("c", { run_id: "y", state: "grown" }),
    ),
  ).toEqual([
    ...["a  completed", "b  completed  here already", "c  completed  changed since"],
    "1 run would be imported from r.csv, 1 is here already, 1 changed there since",
    "`--update` would take over what is new there, unless it contradicts what was imported",
  ]);
  expect(lines(foreseen("a", null))).toEqual(["a  completed", "1 run would be imported from r.csv"]);
});
