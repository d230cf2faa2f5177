import { describe, expect, test } from "bun:test";
import {
  badLink,
  badPath,
  changedSnapshot,
  checkedText,
  checkSnapshot,
  linkHash,
  type SnapshotFile,
  shownPath,
  snapshotHash,
  snapshotIndex,
  snapshotText,
} from "../../../src/run/snapshot.ts";

const file = (path: string, kind: "file" | "exec" = "file"): SnapshotFile => ({
  path,
  kind,
  size: 1,
  hash: "a".repeat(64),
});
const link = (path: string, target: string): SnapshotFile => ({
  path,
  kind: "link",
  size: Buffer.byteLength(target),
  hash: linkHash(target),
  target,
});
const check = (...files: unknown[]) => checkSnapshot({ version: 1, files });

describe("a path in a snapshot", () => {
  test.each(["", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/", "a/.", "..", "nul\0byte", "lone\ud800half"])(
    "%j is refused",
    (path) => {
      expect(badPath(path)).toBeString();
      expect(() => check(file(path))).toThrow(expect.objectContaining({ code: "bad_path" }));
    },
  );

  test.each([
    "a",
    "a b/c d",
    "new\nline",
    "-rf",
    "--upload-pack=x",
    "…/ü/日本",
    "a/..b/c..",
    "%2e%2e/x",
    "x\\y",
    ".env",
  ])("%j is fine", (path) => {
    expect(badPath(path)).toBeNull();
    expect(check(file(path)).files).toHaveLength(1);
  });

  test("names longer than the file system takes are refused", () => {
    expect(badPath("x".repeat(255))).toBeNull();
    expect(badPath("x".repeat(256))).toContain("255 bytes");
    expect(badPath("ü".repeat(128))).toContain("255 bytes");
    expect(badPath(`${"d/".repeat(1600)}x`)).toContain("3072 bytes");
  });

  test("[S6] a shown path cannot draw on a terminal", () => {
    expect(shownPath("a\u001b[31m\nb")).toBe("a\\u001b[31m\\nb");
  });
});

describe("a link in a snapshot", () => {
  const links = new Map([
    ["a/b/up", "../.."],
    ["loop1", "loop2"],
    ["loop2", "loop1"],
  ]);
  test.each([
    ["x", "/etc/passwd"],
    ["x", ".."],
    ["x", "../y"],
    ["a/x", "../../y"],
    ["x", "a/../../y"],
    ["x", "a/b/up/.."],
    ["x", "a/b/up/../y"],
    ["x", ""],
    ["x", "n\0l"],
  ])("%s → %j leaves the tree", (path, target) => {
    expect(badLink(path, target, links)).toBeString();
  });
  test.each([
    ["x", "y"],
    ["a/x", "../y"],
    ["x", "."],
    ["x", "a/b/up/y"],
    ["x", "missing/../y"],
    ["x", "loop1"],
    ["a/b/x", "../../y/z/../w"],
  ])("%s → %j stays", (path, target) => {
    expect(badLink(path, target, links)).toBeNull();
  });

  test("a link that leaves only through another link of the same snapshot is refused", () => {
    expect(() => check(link("a/b/up", "../.."), link("out", "a/b/up/.."))).toThrow("points out of the tree");
  });
});

describe("a whole snapshot", () => {
  test("a file beneath a link or a file is refused", () => {
    expect(() => check(link("d", "e"), file("d/x"))).toThrow("lies beneath `d`");
    expect(() => check(file("d"), file("d/e/x"))).toThrow("lies beneath `d`");
  });
  test("a path that is there twice is refused", () => {
    expect(() => check(file("a"), file("a"))).toThrow("there twice");
  });
  test("names that differ only in case are different names", () => {
    expect(check(file("A"), file("a")).files).toHaveLength(2);
  });
  test.each([
    [null],
    [{}],
    [{ version: 2, files: [] }],
    [{ version: 1, files: "x" }],
    [{ version: 1, files: [null] }],
    [{ version: 1, files: [{ ...file("a"), kind: "device" }] }],
    [{ version: 1, files: [{ ...file("a"), size: -1 }] }],
    [{ version: 1, files: [{ ...file("a"), size: 1.5 }] }],
    [{ version: 1, files: [{ ...file("a"), hash: "../../x" }] }],
    [{ version: 1, files: [{ ...file("a"), target: "b" }] }],
    [{ version: 1, files: [{ ...link("a", "b"), target: "c" }] }],
    [{ version: 1, files: [{ path: "a", kind: "link", size: 1, hash: linkHash("b") }] }],
  ])("%j is refused", (given) => {
    expect(() => checkSnapshot(given)).toThrow();
  });
  test("order and foreign keys do not change its name", () => {
    const one = check(file("b"), { ...file("a"), extra: 1 });
    const two = check(file("a"), file("b"));
    expect(snapshotHash(one)).toBe(snapshotHash(two));
    expect(snapshotIndex(two).get("b")?.path).toBe("b");
  });
});

describe("a change of a checked snapshot", () => {
  /** The same numbers each time. */
  function dice(seed: number): (sides: number) => number {
    let state = seed;
    return (sides) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      return (state >>> 8) % sides;
    };
  }
  const names = ["a", "b", "a/b", "a/c", "a/b/d", "a.b", "b/a", "b/c/d"];
  const targets = ["a", "a/c", "../a", "..", "../..", "b/../..", "b/../../b", "/etc"];

  function entry(roll: (sides: number) => number): SnapshotFile {
    const path = names[roll(names.length)] as string;
    if (roll(4) === 0) return link(path, targets[roll(targets.length)] as string);
    const kind = roll(4) === 0 ? "exec" : "file";
    return { ...file(roll(40) === 0 ? `../${path}` : path, kind), hash: String(roll(9)).repeat(64) };
  }

  const outcome = (act: () => unknown) => {
    try {
      return act();
    } catch (cause) {
      return (cause as { code: string }).code;
    }
  };

  test("is taken or refused exactly as the whole tree would be", () => {
    const roll = dice(7);
    const seen = { taken: 0, refused: 0 };
    for (let round = 0; round < 8000; round += 1) {
      const base = outcome(() => check(...Array.from({ length: roll(5) }, () => entry(roll))));
      if (typeof base === "string") continue;
      const { files } = base as ReturnType<typeof check>;
      const removed = files.map(({ path }) => path).filter(() => roll(3) === 0);
      const set = Array.from({ length: roll(4) }, () => entry(roll));
      const all = new Map(files.filter(({ path }) => !removed.includes(path)).map((one) => [one.path, one]));
      for (const one of set) all.set(one.path, one);
      const whole = outcome(() => check(...all.values()));
      const changed = outcome(() => changedSnapshot({ version: 1, files }, removed, set));
      expect(JSON.stringify(changed)).toBe(JSON.stringify(whole));
      seen[typeof whole === "string" ? "refused" : "taken"] += 1;
      if (typeof whole !== "string")
        expect(checkedText(changed as ReturnType<typeof check>)).toBe(
          snapshotText({ version: 1, files: [...all.values()] }),
        );
    }
    expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(500);
  });

  test("a link that stayed inside because of another one is refused when that goes or becomes a file", () => {
    const base = check(link("b", "a/c"), link("x", "b/../.."));
    for (const change of [
      { removed: ["b"], set: [] },
      { removed: [], set: [file("b")] },
    ])
      expect(() => changedSnapshot(base, change.removed, change.set)).toThrow("points out of the tree");
  });

  test("what it removes must be there, and what it sets an entry", () => {
    const base = check(file("a"));
    expect(() => changedSnapshot(base, ["b"], [])).toThrow(expect.objectContaining({ code: "refused" }));
    for (const given of [null, 7, {}, { ...file("a"), size: -1 }])
      expect(() => changedSnapshot(base, [], [given as never])).toThrow(expect.objectContaining({ code: "bad_path" }));
    expect(() => changedSnapshot(base, [7 as never], [])).toThrow(expect.objectContaining({ code: "refused" }));
  });
});
