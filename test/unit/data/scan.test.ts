import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { runJob } from "../../../src/data/child.ts";
import { LineWriter, linesOf, Spool } from "../../../src/data/lines.ts";
import { readDataFile } from "../../../src/data/read-file.ts";
import { type ScanJob, scanDataset } from "../../../src/data/scan.ts";
import { isTrusted, StatCache, StatCacheWriter } from "../../../src/data/stat-cache.ts";
import { tempFolder, until } from "../../support/temp.ts";

let root = "";
let listPath = "";
let cachePath = "";
const job = (more: Partial<ScanJob> = {}): ScanJob => ({
  ...{ kind: "scan", root, mode: "cached", cachePath, listPath: null, compare: null, hands: 2 },
  ...more,
});
const scan = (more: Partial<ScanJob> = {}) => scanDataset(job(more), () => {});

beforeEach(() => {
  const folder = tempFolder();
  [root, listPath, cachePath] = [join(folder, "data"), join(folder, "list.tsv"), join(folder, "cache.tsv")];
  for (let n = 0; n < 100; n += 1) {
    fs.mkdirSync(join(root, `d${n % 7}`), { recursive: true });
    fs.writeFileSync(join(root, `d${n % 7}`, `${n}.bin`), `content ${n}`);
  }
});

describe("a dataset is read", () => {
  test("to the same name alone and by several hands; a change is told by the file's name", async () => {
    const whole = await scan({ listPath });
    expect(whole).toMatchObject({ files: 100, readFiles: 100, rememberedFiles: 0, leftOut: [], unstable: [] });
    expect(whole.checksum).toStartWith("sha256:");
    fs.writeFileSync(join(root, "d0", "0.bin"), "CONTENT 0");
    fs.rmSync(join(root, "d1", "1.bin"));
    const changed = await scan({ compare: { listPath, checksum: null }, cachePath: null });
    expect(changed.changes).toEqual({ added: 0, removed: 1, changed: 1, files: ["~ d0/0.bin", "- d1/1.bin"] });
  });

  test("quickly: paths and sizes of all, the contents of a sample that stays the same", async () => {
    for (let n = 100; n < 400; n += 1) fs.writeFileSync(join(root, `${n}.bin`), "x");
    const [first, second] = [await scan({ mode: "quick" }), await scan({ mode: "quick" })];
    expect(first).toMatchObject({ files: 400, readFiles: 256 });
    expect(first.checksum).toStartWith("quick-sha256:");
    expect(second.checksum).toBe(first.checksum);
  });

  test("links that stay are links, one that leads out to a file is that file, one to a folder outside is left out", async () => {
    const outside = tempFolder();
    fs.writeFileSync(join(outside, "f"), "far");
    fs.symlinkSync("0.bin", join(root, "d0", "near"));
    fs.symlinkSync(join(outside, "f"), join(root, "far"));
    fs.symlinkSync(outside, join(root, "folder"));
    const found = await scan({ listPath });
    expect(found).toMatchObject({ files: 102, leftOut: [expect.stringContaining("folder: a link that leads out")] });
    const list = fs.readFileSync(listPath, "utf8");
    expect(list).toContain("link:0.bin\t0\td0/near\n");
    expect(list).toMatch(/^[0-9a-f]{64}\t3\tfar$/m);
  });

  test("[D14] a file that is written to while it is read is read again, and named where that does not help", () => {
    const path = join(root, "d0", "0.bin");
    const grow = () => fs.appendFileSync(path, "x");
    expect(readDataFile(path, { onBytes: grow }).changedWhileReading).toBe(true);
    let once = true;
    const growOnce = () => {
      if (once) fs.appendFileSync(path, "x");
      once = false;
    };
    const calm = readDataFile(path, { onBytes: growOnce });
    expect(calm.changedWhileReading).toBe(false);
    expect(calm.sha256).toBe(new Bun.CryptoHasher("sha256").update(fs.readFileSync(path)).digest("hex"));
  });
});

describe("what is remembered of a file", () => {
  const look = { sizeBytes: 1, mtimeMs: 5, ctimeMs: 5 };
  const sha256 = "a".repeat(64);
  const find = (stamps = look) => {
    const known = new StatCache(cachePath).find("f", stamps);
    return known !== null && isTrusted(known) ? known.sha256 : null;
  };

  test("[D15] is believed by how long we know it to look so: no file's time is compared with our clock", () => {
    const save = (times: { seenMs: number; hashedMs: number }, stamps = look) => {
      const writer = new StatCacheWriter(cachePath);
      writer.add({ path: "f", ...stamps, sha256, ...times });
      writer.save();
      return find(stamps);
    };
    expect(save({ seenMs: 10_000, hashedMs: 10_500 })).toBeNull();
    expect(save({ seenMs: 10_000, hashedMs: 12_100 })).toBe(sha256);
    const future = { sizeBytes: 1, mtimeMs: 9e15, ctimeMs: 9e15 };
    expect(save({ seenMs: 20_000, hashedMs: 22_500 }, future)).toBe(sha256);
    expect(find({ ...future, mtimeMs: 1 })).toBeNull();
  });

  test("[D15] counts from the first time that the file was seen so, though it was read again since", async () => {
    await scan();
    const [before] = fs.readFileSync(cachePath, "utf8").split("\n").slice(1);
    const [, , , , seen] = (before ?? "").split("\t");
    expect(await scan()).toMatchObject({ readFiles: 100 });
    const [again] = fs.readFileSync(cachePath, "utf8").split("\n").slice(1);
    expect(again?.split("\t")[4]).toBe(seen ?? "");
  });

  test("and stays, of what was read before one that cannot be read", async () => {
    const last = join(root, "zz");
    fs.writeFileSync(last, "x");
    const goes = scanDataset(job(), ({ phase, files }) => {
      if (phase === "looking" && files === 101) fs.rmSync(last, { force: true });
    });
    expect(await goes.catch((cause) => cause.message)).toContain("`zz` cannot be read");
    expect(fs.readFileSync(cachePath, "utf8").match(/\.bin$/gm)).toHaveLength(100);
    expect(fs.readdirSync(dirname(cachePath)).sort()).toEqual(["cache.tsv", "data"]);
  });

  test("a damaged cache counts as none", () => {
    fs.writeFileSync(cachePath, "ml data cache 2\nnonsense\n\t\t\n");
    expect(find()).toBeNull();
  });

  test("more than memory is to hold goes to a file that no end leaves behind, and comes back as it was", () => {
    const folder = tempFolder();
    const spool = new Spool(folder);
    const line = (n: number) => `${n} ${"é".repeat(500)}`;
    const writer = new LineWriter((bytes) => spool.write(bytes));
    for (let n = 0; n < 12_000; n += 1) writer.add(`${line(n)}\n`);
    writer.flush();
    expect(spool.sizeBytes).toBeGreaterThan(12_000_000);
    expect(fs.readdirSync(folder)).toEqual([]);
    let n = 0;
    for (const one of linesOf(spool.read)) {
      if (one !== line(n)) throw new Error(`line ${n} is otherwise`);
      n += 1;
    }
    expect(n).toBe(12_000);
    spool.close();
  });
});

describe("a child that reads data", () => {
  const pids: number[] = [];
  afterEach(() => {
    for (const pid of pids.splice(0)) {
      try {
        process.kill(-pid, "SIGKILL");
      } catch {}
    }
  });

  test("[D8 K15] that gives no sign is given up, and nobody waits for its end", async () => {
    const reading = runJob(job(), {
      stallMs: 300,
      onPid: (pid) => {
        pids.push(pid);
        process.kill(-pid, "SIGSTOP");
      },
    });
    expect(await reading.catch((cause) => cause.code)).toBe("try_later");
    await until("the group to be gone", () => {
      try {
        return process.kill(-(pids[0] ?? 0), 0) === undefined;
      } catch {
        return true;
      }
    });
  });

  test("says what is missing or not allowed, as errors with a code", async () => {
    const missing = await runJob({ kind: "probe", path: join(root, "nope"), toList: true }, { stallMs: 20_000 }).catch(
      (cause) => cause,
    );
    expect(missing).toMatchObject({ code: "not_found", message: `\`${join(root, "nope")}\` is not there` });
    const found = await runJob({ kind: "probe", path: root, toList: true }, { stallMs: 20_000 });
    expect(found).toMatchObject({ isFolder: true, network: null });
    expect(found.totalBytes).toBeGreaterThan(0);
  });
});
