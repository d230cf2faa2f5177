import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { datasetChecksum, type ListedFile, listChanges, listLine, readList } from "../../../src/data/file-list.ts";
import { tempFolder } from "../../support/temp.ts";

const sum = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");
const file = (path: string, text: string | null = path): ListedFile => ({
  ...{ path, sizeBytes: (text ?? path).length, sha256: text === null ? null : sum(text), link: null },
});

describe("the name of a dataset", () => {
  test("is the sha256 of the sorted lines of its folders, as documented, whatever the order of the list", () => {
    const inner = sum(`file 3 ${sum("b/x")} x\n`);
    const root = sum(`file 1 ${sum("a")} a\nfolder ${inner} b\nlink a -> c\n`);
    const files = [file("b/x"), { path: "c", sizeBytes: 0, sha256: null, link: "a" }, file("a")];
    expect(datasetChecksum(files)).toBe(`sha256:${root}`);
  });

  test("changes with a path, a size or a content, and a sample never equals a whole", () => {
    const name = datasetChecksum([file("a"), file("b")]);
    expect(datasetChecksum([file("a"), file("c", "b")])).not.toBe(name);
    expect(datasetChecksum([file("a"), file("b", "B")])).not.toBe(name);
    expect(datasetChecksum([file("a"), file("b", null)])).toStartWith("quick-sha256:");
  });
});

describe("a list", () => {
  test("comes back from its lines, names with tabs, line ends and backslashes too", () => {
    const files = [
      file("plain"),
      file("a\tb\\n\nc"),
      file("unread", null),
      { ...file("l", null), link: "x\ty", sizeBytes: 0 },
    ];
    const path = join(tempFolder(), "list.tsv");
    writeFileSync(path, files.map(listLine).join(""));
    expect(readList(path)).toEqual(files);
  });

  test("[D9] says what is new, gone and changed, and believes what one of the two did not read", () => {
    const before = [file("same"), file("gone"), file("changed", "one"), file("unread", null)];
    const now = [file("same"), file("new"), file("changed", "two"), file("unread", "unread")];
    expect(listChanges(before, now)).toEqual({
      ...{ added: 1, removed: 1, changed: 1 },
      files: ["+ new", "~ changed", "- gone"],
    });
    expect(listChanges(before, before)).toBeNull();
  });
});
