import { describe, expect, test } from "bun:test";
import { maskUrl } from "../../../src/transfer/git-state.ts";
import { builtInIgnores, builtInPart, mlignoreMatcher } from "../../../src/transfer/ignore.ts";
import { checkLimits, defaultLimits } from "../../../src/transfer/tree-limits.ts";

const paths = [
  "train.py",
  "venv",
  "venv/",
  "venv/lib/x",
  "a/venv/x",
  "environment/venv.py",
  "x.pyc",
  "pkg/x.pyo",
  ".git/",
  ".git",
  "a/.git/config",
  "pkg.egg-info/",
  "pkg.egg-info/PKG-INFO",
  "notes.egg-info",
  ".DS_Store",
  "a/.DS_Store",
  ".mlx/",
  ".ml/",
  "node_modules2/x",
];

describe("what is left out by name", () => {
  test("the quick look at the built-in list agrees with gitignore's rules", async () => {
    const matcher = await mlignoreMatcher(new Map(), true);
    for (const path of paths) expect([path, builtInPart(path)]).toEqual([path, matcher(path)]);
    expect(
      builtInIgnores.every((name) => !name.slice(1, -1).includes("*") && !name.slice(0, -1).includes("/")),
    ).toBeTrue();
  });

  test("a deeper .mlignore decides over one further up, and nothing comes back out of an ignored folder", async () => {
    const texts = new Map([
      ["", "*.bin\nout/\n!out/keep.bin\n"],
      ["sub/", "!a.bin\n/b.txt\n"],
    ]);
    const matcher = await mlignoreMatcher(texts, false);
    expect(matcher("x.bin")).toBe("x.bin");
    expect(matcher("sub/a.bin")).toBeNull();
    expect(matcher("sub/c.bin")).toBe("sub/c.bin");
    expect(matcher("sub/b.txt")).toBe("sub/b.txt");
    expect(matcher("sub/deep/b.txt")).toBeNull();
    expect(matcher("out/keep.bin")).toBe("out/");
    expect(matcher("X.BIN")).toBeNull();
  });

  test("a file that begins with a byte order mark reads the same", async () => {
    expect((await mlignoreMatcher(new Map([["", "\ufeffa.txt\r\nb.txt\r\n"]]), false))("a.txt")).toBe("a.txt");
  });
});

describe("a remote's URL", () => {
  test.each([
    ["https://example.org/x.git", "https://example.org/x.git"],
    ["https://joe:pa@ss@example.org/x.git", "https://***@example.org/x.git"],
    ["https://ghp_token@example.org/x.git", "https://***@example.org/x.git"],
    ["ssh://git@example.org:22/x.git", "ssh://git@example.org:22/x.git"],
    ["ssh://git:secret@example.org/x.git", "ssh://***@example.org/x.git"],
    ["git@example.org:x.git", "git@example.org:x.git"],
    ["/srv/git/x.git", "/srv/git/x.git"],
    ["https://example.org/x.git?private_token=abc", "https://example.org/x.git?***"],
  ])("%s is recorded as %s", (url, shown) => {
    expect(maskUrl(url)).toBe(shown);
  });
});

test("a tree within its limits passes, one byte more does not", () => {
  const limits = { ...defaultLimits, totalBytes: 10 };
  expect(() => checkLimits([{ path: "a", size: 10 }], limits)).not.toThrow();
  expect(() => checkLimits([{ path: "a", size: 11 }], limits)).toThrow(expect.objectContaining({ code: "too_large" }));
});
