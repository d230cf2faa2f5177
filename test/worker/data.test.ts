/** Runs with datasets: where they find them, what is said of a change, and of a folder that is not there or does not answer. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { copyDataset } from "../../src/data/copy.ts";
import { datasetList } from "../../src/run/dataset-record.ts";
import { type Bench, openBench } from "../support/queued-run.ts";
import { registerFolder } from "../support/registered.ts";
import { tempFolder, until } from "../support/temp.ts";

const oneSlot = { slots: 1, cpuCores: 64, ramGb: 64, diskGb: null, cards: [] };

let bench: Bench;
let nas = "";
beforeEach(() => {
  bench = openBench();
  nas = tempFolder();
  for (const name of ["a", "b", "c"]) fs.writeFileSync(join(nas, name), name);
});
afterEach(() => bench.close());

const registered = (name: string) => registerFolder(bench.base, name, nas);

describe("a run with a dataset", () => {
  test("[D9] finds it by its arguments and its variable; a change while it runs is a remark with the files' names", async () => {
    await bench.work();
    const use = await registered("tiny-set");
    const paths = await bench.submit({
      argv: ["sh", "-c", 'echo "$1 $ML_DATA_TINY_SET"; echo changed > "$1/b"; rm "$1/c"', "sh", "{data:tiny-set}"],
      manifest: { datasets: [use] },
    });
    // The look at the start must be over before the script changes what it looks at.
    const { datasets, remarks, status } = await bench.sealed(paths);
    expect(status).toBe("completed");
    expect(fs.readFileSync(paths.outputLog, "utf8")).toBe(`${nas} ${nas}\n`);
    const [found] = datasets;
    expect(found).toMatchObject({ fetched_via: "direct", local_path: null, checksum: use.checksum });
    expect(found?.end_check?.checksum).not.toBe(use.checksum);
    expect(found?.drift).toMatchObject({ added: 0, removed: 1, changed: 1, files: ["~ b", "- c"] });
    expect(remarks.join()).toContain("dataset tiny-set was not what was registered");
  });

  test("[D8] whose folder is gone fails as data_error before its script starts, naming it", async () => {
    await bench.work();
    const use = await registered("tiny-set");
    fs.rmSync(nas, { recursive: true });
    const paths = await bench.submit({ argv: ["echo", "never"], manifest: { datasets: [use] } });
    const { failure } = await bench.sealed(paths);
    expect(failure).toMatchObject({ kind: "data_error", hint: expect.stringContaining("ml dataset verify tiny-set") });
    expect(failure?.message).toBe(`its dataset \`tiny-set\` is not to be had: \`${nas}\` is not there`);
    expect(fs.readFileSync(paths.outputLog, "utf8")).toBe("");
  });

  test("that stays as it was says so three times", async () => {
    await bench.work();
    const use = await registered("tiny-set");
    const go = join(tempFolder(), "go");
    const paths = await bench.submit({
      argv: ["sh", "-c", `until [ -e ${go} ]; do sleep 0.02; done`],
      manifest: { datasets: [use] },
    });
    await until("the look at the start", () => bench.manifest(paths).datasets[0]?.start_check);
    fs.writeFileSync(go, "");
    const { datasets, remarks } = await bench.sealed(paths);
    const same = { checksum: use.checksum, problem: null };
    expect(datasets[0]).toMatchObject({ start_check: same, end_check: same, drift: null });
    expect(remarks).toEqual([]);
  });
});

describe("a dataset is brought to the local disk", () => {
  const copies = () => ({
    ...{ folder: join(bench.base.base, "cache"), mode: "all" as const, limitBytes: 1000, bytesPerSecond: null },
    ...{ hands: 2, stallMs: 20_000 },
  });
  const show = ["sh", "-c", 'cat "$1/a"; echo " $1"', "sh", "{data:set}"];

  test("while its run waits; the run gets the copy, verified, and says that it was a hit", async () => {
    const worker = await bench.work({ prewarm: copies(), capacity: { ...oneSlot } });
    const use = await registered("set");
    const go = join(tempFolder(), "go");
    const first = await bench.submit({ argv: ["sh", "-c", `until [ -e ${go} ]; do sleep 0.02; done`] });
    const second = await bench.submit({ argv: show, manifest: { datasets: [use] } });
    worker.poke();
    await until("the copy", () => worker.state().data?.copies.length === 1);
    expect(worker.state().data).toMatchObject({
      needed: 1,
      warm: 1,
      copies: [{ name: "set", next_run: second.runId }],
    });
    fs.writeFileSync(go, "");
    await bench.sealed(first);
    const { datasets } = await bench.sealed(second);
    const [found] = datasets;
    expect(found).toMatchObject({ fetched_via: "prewarm", fetched_why: "hit", drift: null, waited_seconds: 0 });
    // It did not wait for what took so long.
    expect(found?.time_saved_seconds).toBe(found?.fetch_time_seconds ?? Number.NaN);
    expect(found?.time_saved_seconds).toBeGreaterThan(0);
    expect(fs.readFileSync(second.outputLog, "utf8")).toBe(`a ${datasets[0]?.local_path}\n`);
    expect(datasets[0]?.end_check?.checksum).toBe(use.checksum);
  });

  test("before the start where it is cold; a second run shares the copy; a run that reads it in place says why", async () => {
    await bench.work({ prewarm: copies() });
    const use = await registered("set");
    const cold = await bench.sealed(await bench.submit({ argv: show, manifest: { datasets: [use] } }));
    expect(["on_demand", "prewarm"]).toContain(cold.datasets[0]?.fetched_via ?? "");
    const warm = await bench.sealed(await bench.submit({ argv: show, manifest: { datasets: [use] } }));
    expect(warm.datasets[0]).toMatchObject({ fetched_via: "prewarm", local_path: cold.datasets[0]?.local_path });
  });

  test("[D9] but not where it has changed since: the run reads the folder, and the record says what differs", async () => {
    await bench.work({ prewarm: copies() });
    const use = await registered("set");
    fs.writeFileSync(join(nas, "b"), "B");
    const { datasets } = await bench.sealed(await bench.submit({ argv: show, manifest: { datasets: [use] } }));
    expect(datasets[0]).toMatchObject({ fetched_via: "direct", local_path: null, drift: { files: ["~ b"] } });
    expect(datasets[0]?.fetched_why).toContain("it has changed since it was registered: b");
  });

  test("[D8] and a run that asked to wait for it waits, while others go on, until it can be had", async () => {
    const worker = await bench.work({ prewarm: copies() });
    const use = await registered("set");
    const away = `${nas}-away`;
    fs.renameSync(nas, away);
    const waits = await bench.submit({ argv: show, manifest: { datasets: [use], launch: { data_policy: "wait" } } });
    await until("the reason", () => worker.state().data?.failed[0]?.reason.includes("is not there"));
    const other = await bench.submit({ argv: ["true"] });
    expect((await bench.sealed(other)).status).toBe("completed");
    expect(bench.manifest(waits).status).toBe("queued");
    fs.renameSync(away, nas);
  });
});

describe("a copy", () => {
  test("sweeps what was left half removed; one that was cut goes on where it was, and links to what another version has", async () => {
    const use = await registered("set");
    const folder = tempFolder();
    const job = {
      ...{
        kind: "copy" as const,
        root: nas,
        target: join(folder, "one"),
        listPath: datasetList(bench.base, use.name, "1"),
      },
      ...{ twins: [], hands: 1, bytesPerSecond: null, courtesy: null },
    };
    const leftOver = join(folder, "sha256-0.gone-abc123");
    fs.mkdirSync(join(leftOver, "half"), { recursive: true });
    fs.renameSync(join(nas, "c"), join(nas, "d"));
    expect(await copyDataset(job, () => {})).toMatchObject({
      resumedFiles: 0,
      unreadable: [expect.stringContaining("c")],
    });
    expect(fs.existsSync(leftOver)).toBe(false);
    fs.renameSync(join(nas, "d"), join(nas, "c"));
    expect(await copyDataset(job, () => {})).toEqual({
      files: 3,
      sizeBytes: 3,
      resumedFiles: 2,
      differing: [],
      unreadable: [],
    });
    const twins = [{ listPath: job.listPath, folder: job.target }];
    await copyDataset({ ...job, target: join(folder, "two"), twins }, () => {});
    expect(fs.statSync(join(folder, "two", "a")).ino).toBe(fs.statSync(join(folder, "one", "a")).ino);
  });
});
