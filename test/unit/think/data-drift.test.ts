/** Whether compared runs read the same data. */
import { expect, test } from "bun:test";
import { newManifest } from "../../../src/run/manifest.ts";
import { dataSeen, dataWarnings } from "../../../src/think/data-drift.ts";
import { differencesOf, type Side } from "../../../src/think/difference.ts";

const at = "2026-11-23T20:00:00Z";
const given = { run_id: "2026-11-23_aaaaaa", name: "a", user: "ana", command: "x", argv: ["x"], queued_at: at };
const drift = { seen: "start", added: 0, removed: 1, changed: 1, files: ["~ b", "- c"] };

function run(version: string, seen: string | null, registered = "sha256:one") {
  const changed = seen !== null && seen !== registered;
  const start_check = seen === null ? null : { at, checksum: seen, problem: null };
  const use = { name: "set", version, checksum: registered, start_check, drift: changed ? drift : null };
  return newManifest({ ...given, datasets: [use] } as never);
}
const titled = (title: string, manifest: ReturnType<typeof run>) => ({ title, data: dataSeen(manifest) });

test("a dataset that changed between two runs is a warning with the files, though both were queued with the same version", () => {
  const runs = [titled("a", run("1", "sha256:one")), titled("b", run("1", "sha256:two"))];
  expect(dataWarnings(runs)).toEqual([
    "dataset set was not as registered when b read it: ~ b, - c; the other read other data",
  ]);
});

test("what changed alike under both, or was never seen otherwise, is none", () => {
  expect(dataWarnings([titled("a", run("1", "sha256:two")), titled("b", run("1", "sha256:two"))])).toEqual([]);
  expect(dataWarnings([titled("a", run("1", "sha256:one")), titled("b", run("1", null))])).toEqual([]);
  expect(dataWarnings([titled("a", run("1", "sha256:one"))])).toEqual([]);
});

test("other versions are told with the files in which they differ, where that is known", () => {
  const runs = [titled("a", run("1", null)), titled("b", run("2", null, "sha256:two"))];
  expect(dataWarnings(runs)).toEqual(["they read other versions of dataset set: 1, 2"]);
  const changes = () => ["+ new"];
  expect(dataWarnings(runs, changes)).toEqual(["they read other versions of dataset set: 1, 2 (+ new)"]);
});

test("the difference of two runs has what each of them read, not what was registered", () => {
  const side = (manifest: ReturnType<typeof run>): Side => ({ manifest, script: "x", parameters: {} });
  const facets = differencesOf(side(run("1", "sha256:one")), side(run("1", "sha256:two")), []);
  expect(facets).toMatchObject([{ facet: "data", rows: [{ key: "set", a: "sha256:one", b: "sha256:two" }] }]);
});
