/** People's words: history first, then the manifest; what a crash leaves between the two is folded later, once. */
import { expect, test } from "bun:test";
import * as fs from "node:fs";
import { appendHistory, foldLateHistory, readHistory, recordChange } from "../../../src/run/history.ts";
import { type Manifest, manifestText, newManifest } from "../../../src/run/manifest.ts";
import { basePaths } from "../../../src/run/paths.ts";
import { changeManifest, prepareBase, requireManifest } from "../../../src/run/store.ts";
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
  return { paths };
}

const note = (text: string) => ({
  at,
  by: "ana",
  field: "annotations",
  value: { timestamp: at, author: "ana", note: text },
});

test("[K2 K9] what a crash left in history alone is folded into the manifest, once", () => {
  const { paths } = makeRun();
  recordChange(paths, note("first"));
  appendHistory(paths, note("second"));
  appendHistory(paths, { at, by: "ana", field: "priority", value: 8 });
  fs.appendFileSync(paths.history, '{"at":"torn');
  for (const _ of [1, 2]) {
    foldLateHistory(paths);
    const manifest = requireManifest(paths);
    expect(manifest.annotations.map((one) => one.note)).toEqual(["first", "second"]);
    expect(manifest.priority).toBe(8);
  }
});

test("a change of a waiting run that comes too late is not folded into one that ended", () => {
  const { paths } = makeRun((manifest) => {
    manifest.status = "completed";
  });
  appendHistory(paths, { at, by: "ana", field: "priority", value: 8 });
  appendHistory(paths, { at, by: "ana", field: "launch.held", value: true });
  appendHistory(paths, { at, by: "ana", field: "from_the_future", value: 1 });
  foldLateHistory(paths);
  expect(requireManifest(paths)).toMatchObject({ priority: 5, launch: { held: false } });
});

test("of several priorities the last one counts", () => {
  const { paths } = makeRun();
  for (const value of [8, 2, 6]) appendHistory(paths, { at, by: "ana", field: "priority", value });
  foldLateHistory(paths);
  expect(requireManifest(paths).priority).toBe(6);
});

test("a run whose manifest is damaged is named", () => {
  const { paths } = makeRun();
  appendHistory(paths, note("kept"));
  fs.truncateSync(paths.manifest, 10);
  expect(() => foldLateHistory(paths)).toThrow("damaged");
});

test("[K1 K2 T1] a change that a crash left in history counts, however often the record was written since, and whatever the clock did", () => {
  const { paths } = makeRun();
  recordChange(paths, note("first"));
  appendHistory(paths, note("second"));
  changeManifest(paths, (manifest) => {
    manifest.metrics = { loss: 0.5 };
  });
  const later = new Date(Date.now() + 60_000);
  fs.utimesSync(paths.manifest, later, later);
  foldLateHistory(paths);
  expect(requireManifest(paths).annotations.map((one) => one.note)).toEqual(["first", "second"]);
  expect(requireManifest(paths).metrics).toEqual({ loss: 0.5 });
});

test("[K2] the next change brings what a crash left before it, in their order", () => {
  const { paths } = makeRun();
  appendHistory(paths, { at, by: "ana", field: "metadata.note", value: "lost" });
  appendHistory(paths, { at, by: "ana", field: "priority", value: 8 });
  recordChange(paths, { at, by: "ana", field: "metadata.note", value: "kept" });
  expect(requireManifest(paths)).toMatchObject({ metadata: { note: "kept" }, priority: 8 });
});

test("[Q11] a change that is refused leaves no trace that could count later", () => {
  const { paths } = makeRun();
  const refused = () =>
    recordChange(paths, { at, by: "ana", field: "name", value: "other" }, () => {
      throw new Error("too late");
    });
  expect(refused).toThrow("too late");
  foldLateHistory(paths);
  expect(requireManifest(paths).name).toBe("train");
  expect(readHistory(paths)).toEqual([]);
});
