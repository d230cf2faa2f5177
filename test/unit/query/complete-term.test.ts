/** Completion of a query's term, with an index that is played. */
import { expect, test } from "bun:test";
import { completeTerm, type Known } from "../../../src/query/complete-term.ts";

const known: Known = {
  valuesOf: (field, prefix) =>
    field === "tag"
      ? ["ablation", "baseline"].filter((tag) => tag.startsWith(prefix)).map((word) => ({ word, about: null }))
      : [],
  metrics: (prefix) => ["val_acc", "val_loss"].filter((name) => name.startsWith(prefix)),
  saved: () => ({ good: "val_acc>0.9" }),
};
const words = (typed: string) => completeTerm(typed, known).map(({ word }) => word);

test("names of fields and metrics, each with what follows it", () => {
  expect(words("stat")).toEqual(["status:"]);
  expect(words("run")).toEqual(["run:", "runtime>="]);
  expect(words("hyp")).toEqual(["hypothesis~"]);
  expect(words("-sta")).toEqual(["-status:", "-started:"]);
  expect(words("val")).toEqual(["val_acc>=", "val_loss>="]);
  expect(words("")).toContain("sort:");
});

test("what a field can be: of a few, of times, of what the index knows; after a comma too", () => {
  expect(words("status:c")).toEqual(["status:completed", "status:cancelled"]);
  expect(words("status:failed,canc")).toEqual(["status:failed,cancelled"]);
  expect(words("-tag:")).toEqual(["-tag:ablation", "-tag:baseline"]);
  expect(words("since:y")).toEqual(["since:yesterday"]);
  expect(words("has:verd")).toEqual(["has:verdict"]);
  expect(words("sort:best:")).toEqual(["sort:best:val_acc", "sort:best:val_loss"]);
});

test("saved searches; and nothing where no term can be", () => {
  expect(words("@")).toEqual(["@good"]);
  expect(words("lr>=")).toEqual([]);
  expect(words("nosuchfield:")).toEqual([]);
});
