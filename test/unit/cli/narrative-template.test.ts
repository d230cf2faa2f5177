/** The editor's template: what is not touched changes nothing, what is typed comes back as typed, troubles name their line. */
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { changeOf, templateOf } from "../../../src/cli/narrative-template.ts";
import { changeFromWords } from "../../../src/cli/narrative-words.ts";
import type { MlError } from "../../../src/core/error.ts";
import { narrativeFields } from "../../../src/think/narrative-field.ts";

const told = { hypothesis: "warmup helps\n\nnot: a field", tags: ["a", "b"], learnings: ["one", "two\nlines"] };
const before = templateOf(narrativeFields, told, ["about a run"]);
const change = (after: string) => changeOf(before, after, narrativeFields);
const trouble = (act: () => unknown) => {
  try {
    act();
  } catch (cause) {
    return `${(cause as MlError).message} ${(cause as MlError).detail.hint ?? ""}`;
  }
  throw new Error("it was taken");
};

test("unchanged, empty, or with nothing but other comments: nothing is changed", () => {
  expect(change(before)).toBeNull();
  expect(change("  \n")).toBeNull();
  expect(change(`# mine\n${before}`)).toBeNull();
});

test("texts keep their lines, lists their items", () => {
  const after = before
    .replace("outcome:\n", "outcome: better\n")
    .replace("next:\n", "next:\n- try 96\n  - then 128\n    with accumulation\n")
    .replace("  - one\n", "");
  expect(change(after)?.set).toEqual({
    outcome: "better",
    next_steps: ["try 96", "then 128\nwith accumulation"],
    learnings: ["two\nlines"],
  });
});

test("a heading that was deleted leaves its field alone; an emptied one empties it", () => {
  expect(change(before.replace("tags: a, b\n", ""))).toBeNull();
  expect(change(before.replace("tags: a, b", "tags:"))?.set).toEqual({ tags: [] });
});

test("what cannot be read names its line and the nearest field", () => {
  expect(trouble(() => change(before.replace("outcome:", "outcom:")))).toContain("`outcome:`");
  expect(trouble(() => change(before.replace("verdict:", "verdict: refuted")))).toMatch(/line \d+.*refutes/);
  expect(trouble(() => change(`stray words\n${before}`))).toContain("line 1");
  expect(trouble(() => change(`${before}\ntags: again\n`))).toContain("twice");
});

test("whatever text is typed comes back", () => {
  const line = fc.string({ maxLength: 40 }).map((text) => `x${text}`.replaceAll(/[\r\n]/g, " ").trimEnd());
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 5 }), (lines) => {
      const text = lines.join("\n");
      const filled = templateOf(narrativeFields, { ...told, outcome: text }, []);
      expect(change(filled)?.set).toEqual({ outcome: text });
    }),
  );
});

test("assignments: set, add, take away; a wrong field suggests", () => {
  expect(
    changeFromWords(["hypothesis=a=b", "tags+=x,y", "tags-=z", "learned+=one", "verdict=refutes", "note="]),
  ).toEqual({
    set: { hypothesis: "a=b", validation_status: "refutes", note: null },
    add: { tags: ["x", "y"], learnings: ["one"] },
    remove: { tags: ["z"] },
  });
  expect(trouble(() => changeFromWords(["hypotesis=x"]))).toContain("hypothesis");
  expect(trouble(() => changeFromWords(["outcome+=x"]))).toContain("one text");
});
