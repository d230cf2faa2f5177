/** People's words: history first, then the manifest; what a crash leaves between the two is folded later, once. */
import { expect, test } from "bun:test";
import * as fs from "node:fs";
import { appendHistory, foldLateHistories, recordChange } from "../../../src/run/history.ts";
import { type Manifest, manifestText, newManifest } from "../../../src/run/manifest.ts";
import { basePaths } from "../../../src/run/paths.ts";
import { prepareBase, requireManifest } from "../../../src/run/store.ts";
import { tempFolder } from "../../support/temp.ts";

const at = "2026-11-23T18:00:00.000Z";

function makeRun(change: (manifest: Manifest) => void = () => {}) {
  const base = basePaths(tempFolder());
  prepareBase(base);
  const paths = base.run("2026-11-23_k3f9ab");
  fs.mkdirSync(paths.private, { recursive: true });
  const given = { run_id: paths.runId, name: "train", user: "ana", command: "true", argv: ["true"], queued_at: at };
  const manifest = newManifest(given);
  change(manifest);
  fs.writeFileSync(paths.manifest, manifestText(manifest));
  return { base, paths };
}

const note = (text: string) => ({
  at,
  by: "ana",
  field: "annotations",
  value: { timestamp: at, author: "ana", note: text },
});
const noProblem = (runId: string, cause: unknown) => {
  throw new Error(`${runId}: ${cause}`);
};

test("[K2 K9] what a crash left in history alone is folded into the manifest, once", () => {
  const { base, paths } = makeRun();
  recordChange(paths, note("first"));
  appendHistory(paths, note("second"));
  appendHistory(paths, { at, by: "ana", field: "priority", value: 8 });
  fs.appendFileSync(paths.history, '{"at":"torn');
  for (const _ of [1, 2]) {
    foldLateHistories(base, noProblem);
    const manifest = requireManifest(paths);
    expect(manifest.annotations.map((one) => one.note)).toEqual(["first", "second"]);
    expect(manifest.priority).toBe(8);
  }
});

test("a change of a waiting run that comes too late is not folded into one that ended", () => {
  const { base, paths } = makeRun((manifest) => {
    manifest.status = "completed";
  });
  appendHistory(paths, { at, by: "ana", field: "priority", value: 8 });
  appendHistory(paths, { at, by: "ana", field: "launch.held", value: true });
  appendHistory(paths, { at, by: "ana", field: "from_the_future", value: 1 });
  foldLateHistories(base, noProblem);
  expect(requireManifest(paths)).toMatchObject({ priority: 5, launch: { held: false } });
});

test("of several priorities the last one counts", () => {
  const { base, paths } = makeRun();
  for (const value of [8, 2, 6]) appendHistory(paths, { at, by: "ana", field: "priority", value });
  foldLateHistories(base, noProblem);
  expect(requireManifest(paths).priority).toBe(6);
});

test("a run whose manifest is damaged is reported and stops nobody", () => {
  const { base, paths } = makeRun();
  appendHistory(paths, note("kept"));
  fs.truncateSync(paths.manifest, 10);
  fs.utimesSync(paths.manifest, new Date(0), new Date(0));
  const problems: string[] = [];
  foldLateHistories(base, (runId) => problems.push(runId));
  expect(problems).toEqual([paths.runId]);
});
