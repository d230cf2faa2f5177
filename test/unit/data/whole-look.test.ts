import { expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { type Compared, scanDataset } from "../../../src/data/scan.ts";
import { tempFolder } from "../../support/temp.ts";

test("what looks as it did is confirmed without its hashes, and the smallest change is found", async () => {
  const folder = tempFolder();
  const [root, cachePath, listPath] = [join(folder, "d"), join(folder, "cache.tsv"), join(folder, "list")];
  fs.mkdirSync(join(root, "in"), { recursive: true });
  for (const name of ["a", "b", "in/c"]) fs.writeFileSync(join(root, name), name);
  fs.symlinkSync("a", join(root, "to-a"));
  const scan = (list: string | null, compare: Compared | null) =>
    scanDataset({ kind: "scan", root, mode: "cached", cachePath, listPath: list, compare, hands: 1 }, () => {});
  const first = await scan(listPath, null);
  // As if the files had been known for long: then their hashes are to be trusted.
  const aged = fs.readFileSync(cachePath, "utf8").replaceAll(/^(\d+\t[\d.]+\t[\d.]+\t\w{64}\t)\d+/gm, "$10");
  fs.writeFileSync(cachePath, aged);
  expect(await scan(null, null)).toMatchObject({ readFiles: 0, checksum: first.checksum });
  expect(fs.existsSync(`${cachePath}.whole.json`)).toBe(true);
  // Nothing but the look of the whole can say so now.
  fs.rmSync(cachePath);
  fs.rmSync(listPath);
  const same = { listPath, checksum: first.checksum };
  expect(await scan(null, same)).toMatchObject({ files: 4, readFiles: 0, rememberedFiles: 3, changes: null });
  fs.writeFileSync(join(root, "in/c"), "C");
  expect((await scan(null, null)).checksum).not.toBe(first.checksum);
});
