import { expect, test } from "bun:test";
import fc from "fast-check";
import { type MergeMode, mergeArguments, scriptWords } from "../../../src/core/argument-merge.ts";

const made = (before: string, words: string, mode: MergeMode) =>
  mergeArguments(before.split(" "), words.split(" ").filter(Boolean), mode).join(" ");

test("append puts the new words behind the old ones", () => {
  expect(made("python3 train.py --epochs 100", "--resume best.pt --epochs 200", "append")).toBe(
    "python3 train.py --epochs 100 --resume best.pt --epochs 200",
  );
});

test("replace keeps the program and its script only", () => {
  expect(made("python3 train.py --epochs 100 --seed 1", "--lr 3e-4", "replace")).toBe("python3 train.py --lr 3e-4");
  expect(made("torchrun --nproc 2 train.py --a 1", "--b 2", "replace")).toBe("torchrun --nproc 2 train.py --b 2");
  expect(made("./run.sh x", "y", "replace")).toBe("./run.sh y");
  expect(made("python3 -m pkg.train --a 1", "--b 2", "replace")).toBe("python3 -m pkg.train --b 2");
  expect(made("bash run.sh a", "b", "replace")).toBe("bash run.sh b");
});

test.each([
  ["--lr 1 --epochs 5", "--epochs 9", "--lr 1 --epochs 9"],
  ["--lr=1 --epochs 5", "--lr=2", "--lr=2 --epochs 5"],
  ["--lr=1 --epochs 5", "--lr 2", "--lr 2 --epochs 5"],
  ["--lr 1 --epochs 5", "--lr=2", "--lr=2 --epochs 5"],
  ["-n 4 -j8 x", "-n 5 -j2", "-n 5 -j2 x"],
  ["--bias -1 --x", "--bias -2", "--bias -2 --x"],
  ["--amp --lr 1", "--amp", "--amp --lr 1"],
  ["--amp --lr 1", "--no-amp", "--no-amp --lr 1"],
  ["--no-amp --lr 1", "--amp", "--amp --lr 1"],
  ["--tag a --lr 1 --tag b", "--tag c", "--tag c --lr 1"],
  ["--tag a --lr 1", "--tag b --tag c", "--tag b --tag c --lr 1"],
  ["--layers 1 2 3 --lr 1", "--layers 4 5", "--layers 4 5 --lr 1"],
  ["--epochs 5 data/", "--epochs 6", "--epochs 6 data/"],
  ["--verbose data/", "--verbose", "--verbose data/"],
  ["data/ --lr 1", "--seed 3", "data/ --lr 1 --seed 3"],
  ["--lr 1 -- rest --lr", "--lr 2 --seed 3", "--lr 2 --seed 3 -- rest --lr"],
  ["lr=1 model.depth=3", "model.depth=4", "lr=1 model.depth=4"],
  ["+lr=1 opt=sgd", "++lr=2", "++lr=2 opt=sgd"],
  ["--multirun lr=1", "lr=2 seed=1", "--multirun lr=2 seed=1"],
])("merge: `%s` with `%s` is `%s`", (before, words, after) => {
  expect(made(`python3 train.py ${before}`, words, "merge")).toBe(`python3 train.py ${after}`);
});

test("merging what is there already changes nothing, and merging twice is merging once", () => {
  const name = fc.constantFrom("--a", "--b", "-c", "--no-d");
  const option = fc
    .tuple(name, fc.option(fc.constantFrom("1", "x", "-2")))
    .map(([key, value]) => (value === null ? [key] : [key, value]));
  const distinct = fc.uniqueArray(option, { selector: (words) => words[0] }).map((units) => units.flat());
  fc.assert(
    fc.property(distinct, distinct, (before, words) => {
      const argv = ["python3", "train.py", ...before];
      expect(mergeArguments(argv, before, "merge")).toEqual(argv);
      const once = mergeArguments(argv, words, "merge");
      expect(mergeArguments(once, words, "merge")).toEqual(once);
    }),
  );
});

test("the script's own words begin behind the script", () => {
  expect(scriptWords(["python3", "train.py", "--a"])).toBe(2);
  expect(scriptWords(["./run.sh"])).toBe(1);
  expect(scriptWords([])).toBe(0);
});
