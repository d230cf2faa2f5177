/** Names of runs: what may be one, and what a run is called that was given none. */
import { expect, test } from "bun:test";
import { badName, defaultName, freeName, parseReference } from "../../../src/run/name.ts";

test("a run without a name is called after its script, else after its program", () => {
  expect(defaultName(["python3", "src/train.py", "--lr", "1"])).toBe("train");
  expect(defaultName(["./run.sh"])).toBe("run");
  expect(defaultName(["/usr/bin/make", "-j", "all"])).toBe("make");
  expect(defaultName(["@last"])).toBe("run");
  expect(defaultName([])).toBe("run");
});

test("names that would be mistaken for something else are refused", () => {
  for (const name of ["", " ", "..", "@last", "-rf", "a\nb", "a\u001b[31m", "2026-11-23_k3f9ab", "x".repeat(129)]) {
    expect(badName(name)).not.toBeNull();
  }
  for (const name of ["train", "très bien", "a/b", "実験", "1"]) expect(badName(name)).toBeNull();
});

test("the first free suffix is taken; far out the search goes on where it was", () => {
  const taken = new Set(["a", "a-2"]);
  expect(freeName("b", (name) => taken.has(name)).name).toBe("b");
  expect(freeName("a", (name) => taken.has(name)).name).toBe("a-3");
  let asked = 0;
  const all = (name: string) => {
    asked += 1;
    return name !== "a-5001";
  };
  expect(freeName("a", all, { hint: 5000 }).name).toBe("a-5001");
  expect(asked).toBeLessThan(30);
});

test("references by their kind", () => {
  expect(parseReference("2026-11-23_k3f9ab")).toEqual({ kind: "id", runId: "2026-11-23_k3f9ab" });
  expect(parseReference("@last~12")).toEqual({ kind: "last", back: 12 });
  expect(parseReference("@running")).toEqual({ kind: "running" });
  expect(parseReference("train")).toEqual({ kind: "word", word: "train" });
  expect(() => parseReference("@lost")).toThrow("names no run");
});
