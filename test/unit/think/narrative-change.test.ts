/** A change of a narrative says exactly what becomes different, and a change that changes nothing is none. */
import { expect, test } from "bun:test";
import { narrativeSchema } from "../../../src/run/manifest.ts";
import { changesOf, isEmptyChange, toldOf } from "../../../src/think/narrative-change.ts";

const told = toldOf({ note: null }, narrativeSchema.parse({ hypothesis: "a", tags: ["x"], learnings: ["one"] }));

test("fields that stay are not named; lists keep their order and hold each entry once", () => {
  const change = {
    set: { hypothesis: "a", outcome: " good " },
    add: { tags: ["y", "x", " "] },
    remove: { tags: ["x"] },
  };
  expect(changesOf(told, change)).toEqual([
    { key: "tags", was: ["x"], value: ["y"] },
    { key: "outcome", was: null, value: "good" },
  ]);
});

test("an empty text takes a field away", () => {
  expect(changesOf(told, { set: { hypothesis: "  " } })).toEqual([{ key: "hypothesis", was: "a", value: null }]);
  expect(changesOf(told, { set: { learnings: [] } })).toEqual([{ key: "learnings", was: ["one"], value: [] }]);
});

test("a change without a key is empty", () => {
  expect(isEmptyChange({ set: {}, add: {} })).toBe(true);
  expect(isEmptyChange({ remove: { tags: ["x"] } })).toBe(false);
});
