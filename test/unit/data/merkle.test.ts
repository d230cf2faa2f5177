import { describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { escaped, type ListedFile, readList } from "../../../src/data/file-list.ts";
import { MerkleTree } from "../../../src/data/merkle.ts";
import { type ScanJob, scanDataset } from "../../../src/data/scan.ts";
import { seeded } from "../../support/seeded.ts";
import { tempFolder } from "../../support/temp.ts";

const sum = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");
const file = (path: string, text: string | null = path): ListedFile => ({
  ...{ path, sizeBytes: (text ?? path).length, sha256: text === null ? null : sum(text), link: null },
});
const checksum = (files: readonly ListedFile[]) => {
  const tree = new MerkleTree();
  for (const one of files) tree.add(one);
  return tree.checksum();
};

interface Folder {
  [name: string]: ListedFile | Folder;
}

/** The hash of a folder by its definition, all of it in memory. */
function byDefinition(folder: Folder): string {
  const lines = Object.entries(folder).map(([name, one]) => {
    if (typeof one.path !== "string")
      return [escaped(name), `folder ${byDefinition(one as Folder)} ${escaped(name)}\n`];
    const { sizeBytes, sha256, link } = one as ListedFile;
    return link === null
      ? [escaped(name), `file ${sizeBytes} ${sha256} ${escaped(name)}\n`]
      : [escaped(name), `link ${escaped(link)} -> ${escaped(name)}\n`];
  });
  lines.sort(([a = ""], [b = ""]) => (a < b ? -1 : 1));
  return sum(lines.map(([, line]) => line).join(""));
}

describe("the name of a dataset", () => {
  test("is the sha256 of the sorted lines of its folders, as documented", () => {
    const inner = sum(`file 3 ${sum("b/x")} x\n`);
    const root = sum(`file 1 ${sum("a")} a\nfolder ${inner} b\nlink a -> c\n`);
    expect(checksum([file("a"), file("b/x"), { path: "c", sizeBytes: 0, sha256: null, link: "a" }])).toBe(
      `sha256:${root}`,
    );
  });

  test("changes with a path, a size or a content, and a sample never equals a whole", () => {
    const name = checksum([file("a"), file("b")]);
    expect(checksum([file("a"), file("c", "b")])).not.toBe(name);
    expect(checksum([file("a"), file("b", "B")])).not.toBe(name);
    expect(checksum([file("a"), file("b", null)])).toStartWith("quick-sha256:");
  });

  test("is the same from files in the order of a walk, whatever they are called", async () => {
    const random = seeded(7);
    const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T;
    // What sorts before a slash, and what is written otherwise than it is called.
    const words = ["a", "a-b", "a.b", "a!", "a0", "b", "b\\", "b\tc", "b\nc", "ab", "é", "A", " ", "a b"];
    for (let round = 0; round < 5; round += 1) {
      const root = tempFolder();
      for (let n = 0; n < 40; n += 1) {
        const path = join(root, ...Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(words)));
        try {
          fs.mkdirSync(dirname(path), { recursive: true });
          const kind = random();
          if (kind < 0.1) fs.symlinkSync("nowhere", path);
          else if (kind < 0.2) fs.mkdirSync(path);
          else fs.writeFileSync(path, path);
        } catch {
          // That name is taken by one of the other kind.
        }
      }
      const tree: Folder = {};
      const count = { files: 0 };
      const gather = (folder: Folder, at: string) => {
        for (const name of fs.readdirSync(join(root, at))) {
          const stat = fs.lstatSync(join(root, at, name));
          if (stat.isDirectory()) {
            const inner: Folder = {};
            gather(inner, join(at, name));
            if (Object.keys(inner).length > 0) folder[name] = inner;
            continue;
          }
          count.files += 1;
          const text = stat.isSymbolicLink() ? null : fs.readFileSync(join(root, at, name), "utf8");
          folder[name] = { ...file(name, text), sizeBytes: stat.size, link: text === null ? "nowhere" : null };
        }
      };
      gather(tree, "");
      const listPath = join(tempFolder(), "list");
      const job: ScanJob = {
        ...{ kind: "scan", root, mode: "full", cachePath: null, listPath, compare: null, hands: 1 },
      };
      const found = await scanDataset(job, () => {});
      expect(found).toMatchObject({ checksum: `sha256:${byDefinition(tree)}`, files: count.files });
      // And its list is in order: readList says so where it is not.
      expect([...readList(listPath)]).toHaveLength(count.files);
      expect(
        await scanDataset({ ...job, listPath: null, compare: { listPath, checksum: null } }, () => {}),
      ).toMatchObject({
        changes: null,
      });
    }
  });
});
