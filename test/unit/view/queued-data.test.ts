/** What is said of datasets to somebody who just queued a run with them. */
import { expect, test } from "bun:test";
import { lineText } from "../../../src/view/face.ts";
import { queuedDataLines } from "../../../src/view/queued-data.ts";

const look = { name: "letters", version: "v1", path: "/nas/my set", going_on: false, check: null };
const check = { at: "2026-11-23T10:00:00Z", checksum: "sha256:1", drift: null, problem: null };
const said = (given: Partial<Parameters<typeof queuedDataLines>[0][number]>) =>
  queuedDataLines([{ ...look, ...given }]).map(lineText);

test("nothing is said of data that is as it was registered, or was never looked at since", () => {
  expect(said({})).toEqual([]);
  expect(said({ check })).toEqual([]);
});

test("data that has changed is one line: how many files, which, and what to type", () => {
  const drift = { added: 1, removed: 0, changed: 3, files: ["~ a", "~ b", "~ c\u001b[2J", "+ d"] };
  const [line, ...rest] = said({ check: { ...check, drift } });
  expect(rest).toEqual([]);
  expect(line).toStartWith(
    "! dataset letters (version v1) has changed since it was registered: 3 files changed, 1 file",
  );
  expect(line).toContain("new: ~ a, ~ b, ~ c");
  expect(line).toEndWith(
    "and more; if that is meant, `ml dataset add letters '/nas/my set'` makes a version of it as it is now",
  );
  expect(line).not.toContain("\u001b");
});

test("a look that goes on is said to, whatever an older one found; so is data that could not be read", () => {
  const drift = { added: 0, removed: 1, changed: 0, files: ["- a"] };
  expect(said({ going_on: true, check: { ...check, drift } })).toEqual([
    "dataset letters (version v1) is still being looked at: what comes of it is put into the run; `ml dataset show letters` has it too",
  ]);
  expect(said({ check: { ...check, checksum: null, problem: "`/nas` gives no answer" } })).toEqual([
    "! dataset letters (version v1) could not be read: `/nas` gives no answer; `ml doctor` looks at its folder",
  ]);
});
