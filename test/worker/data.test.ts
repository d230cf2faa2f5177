/** Runs with datasets: where they find them, what is said of a change, and of a folder that is not there or does not answer. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { scanDataset } from "../../src/data/scan.ts";
import { datasetList, writeDataset } from "../../src/run/dataset-record.ts";
import { type Bench, openBench } from "../support/queued-run.ts";
import { tempFolder, until } from "../support/temp.ts";

let bench: Bench;
let nas = "";
beforeEach(() => {
  bench = openBench();
  nas = tempFolder();
  for (const name of ["a", "b", "c"]) fs.writeFileSync(join(nas, name), name);
});
afterEach(() => bench.close());

/** Registers the folder as the server does, and gives what a manifest says of it. */
async function registered(name: string) {
  const { base } = bench;
  const listPath = datasetList(base, name, "1");
  fs.mkdirSync(join(base.datasets, name), { recursive: true });
  const found = await scanDataset(
    { kind: "scan", root: nas, mode: "full", cachePath: null, listPath, comparePath: null, hands: 1 },
    () => {},
  );
  const at = new Date().toISOString();
  writeDataset(base, {
    ...{ schema_version: 1, name, owner: "ana", added_at: at, current: "1" },
    versions: [
      {
        ...{ version: "1", path: nas, checksum: found.checksum, num_files: 3, size_bytes: 3, num_samples: null },
        ...{ quick: false, registered_at: at, registered_by: "ana", left_out: [], last_check: null },
      },
    ],
  });
  return { name, version: "1", nas_path: nas, checksum: found.checksum };
}

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
