/** That neither a mark nor a record of a copy speaks for bytes that a power cut took. */
import { beforeEach, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { bootId } from "../../../src/core/process-identity.ts";
import { partFolder, workOnCache } from "../../../src/data/cache-folder.ts";
import type { CopyJob } from "../../../src/data/copy.ts";
import { addMarks, dropOldMarks, readMarks } from "../../../src/data/copy-marks.ts";
import { CopyStore } from "../../../src/data/copy-store.ts";
import { scanDataset } from "../../../src/data/scan.ts";
import type { CopyRecord } from "../../../src/run/worker-facts.ts";
import { tempFolder } from "../../support/temp.ts";

let folder = "";
let marked = "";
beforeEach(() => {
  folder = tempFolder();
  marked = join(folder, "copy.done");
});

describe("the mark of a copied file", () => {
  test("holds for this boot of the machine, and half a name is nobody's", () => {
    addMarks(marked, ["a", "dir/file"]);
    fs.appendFileSync(marked, "dir/fi");
    expect([...readMarks(marked)]).toEqual(["a", "dir/file"]);
    fs.writeFileSync(marked, fs.readFileSync(marked, "utf8").replace(bootId(), "another boot"));
    expect(readMarks(marked).size).toBe(0);
    dropOldMarks(marked);
    addMarks(marked, ["b"]);
    expect([...readMarks(marked)]).toEqual(["b"]);
  });
});

describe("a copy that dies", () => {
  const root = () => join(folder, "data");
  const main = join(import.meta.dir, "../../../src/main.ts");

  async function jobOf(): Promise<CopyJob> {
    for (const name of ["a", "b", "c"]) {
      fs.mkdirSync(join(root(), name), { recursive: true });
      fs.writeFileSync(join(root(), name, "file"), `content of ${name}`);
    }
    const listPath = join(folder, "list.tsv");
    const scan = { kind: "scan", root: root(), mode: "cached", cachePath: null, listPath, compare: null, hands: 1 };
    await scanDataset(scan as never, () => {});
    const plain = { root: root(), listPath, twins: [], hands: 1, bytesPerSecond: null, courtesy: null };
    return { kind: "copy", target: partFolder(join(folder, "cache"), "sha256:0"), ...plain };
  }

  const copy = (job: CopyJob, faults: string) =>
    Bun.spawnSync([process.execPath, main, "__data", JSON.stringify(job)], {
      env: { ...process.env, ML_FAULTS: faults },
    });

  const cache = () => join(folder, "cache");
  const act = (what: "complete" | "read" | "settle", record = {} as CopyRecord) =>
    workOnCache({ kind: "cache", folder: cache(), act: { do: what, record } as never });

  test("before its record is written is no copy, and may be made again", async () => {
    const job = await jobOf();
    const record = { checksum: "sha256:0", name: "data", version: "1" } as CopyRecord;
    copy(job, "");
    const complete = { kind: "cache", folder: cache(), act: { do: "complete", record } };
    expect(copy(complete as never, "copy/before-record:1:kill").signalCode).toBe("SIGKILL");
    expect(fs.readdirSync(cache())).toContain("sha256-0");
    expect(act("read")).toEqual([]);
    copy(job, "");
    act("complete", record);
    expect(act("read")).toEqual([record]);
    expect(fs.readdirSync(cache()).sort()).toEqual(["sha256-0", "sha256-0.json"]);
  });

  test("holds after a power cut only if it was put on the disk; a worker that was killed puts it there later", async () => {
    const job = await jobOf();
    const record = { checksum: "sha256:0", name: "data", version: "1" } as CopyRecord;
    copy(job, "");
    act("complete", { ...record, unsettled_boot: "another boot of this machine" });
    expect(act("read")).toEqual([]);
    act("settle", { ...record, unsettled_boot: bootId() });
    const store = new CopyStore(cache(), { stallMs: 10_000, watchedSince: () => null });
    expect(store.has("sha256:0")).toBe(true);
    await store.settle(() => job.listPath);
    expect(act("read")).toEqual([record]);
  });

  test("a disk that refuses the bytes of a whole copy leaves its record to this boot", async () => {
    const job = await jobOf();
    copy(job, "");
    const settle = { kind: "settle", folder: job.target, listPath: job.listPath };
    const refused = copy(settle as never, "copy/before-settle:1:eio");
    expect(refused.stdout.toString()).toContain("EIO");
    expect(copy(settle as never, "").stdout.toString()).toContain('"done":null');
  });
});
