import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ListedFile, listChanges, listLine, readList } from "../../../src/data/file-list.ts";
import { tempFolder } from "../../support/temp.ts";

const sum = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");
const file = (path: string, text: string | null = path): ListedFile => ({
  ...{ path, sizeBytes: (text ?? path).length, sha256: text === null ? null : sum(text), link: null },
});

describe("a list", () => {
  test("comes back from its lines, names with tabs, line ends and backslashes too", () => {
    const files = [
      file("a\tb\\n\nc"),
      { ...file("l", null), link: "x\ty", sizeBytes: 0 },
      file("plain"),
      file("unread", null),
    ];
    const path = join(tempFolder(), "list.tsv");
    writeFileSync(path, files.map(listLine).join(""));
    expect([...readList(path)]).toEqual(files);
    writeFileSync(path, files.toReversed().map(listLine).join(""));
    expect(() => [...readList(path)]).toThrow("is not in order at `plain`");
  });

  test("[D9] says what is new, gone and changed, and believes what one of the two did not read", () => {
    const before = [file("changed", "one"), file("gone"), file("same"), file("unread", null)];
    const now = [file("changed", "two"), file("new"), file("same"), file("unread", "unread")];
    expect(listChanges(before, now)).toEqual({
      ...{ added: 1, removed: 1, changed: 1 },
      files: ["~ changed", "- gone", "+ new"],
    });
    expect(listChanges(before, before)).toBeNull();
  });
});
