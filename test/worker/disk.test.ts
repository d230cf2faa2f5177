/** A full disk, a real one: a small tmpfs. Needs root for the mount. */
import { afterEach, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { type Bench, openBench } from "../support/queued-run.ts";
import { tempFolder, until } from "../support/temp.ts";

const mounted: string[] = [];
let bench: Bench | null = null;

afterEach(async () => {
  await bench?.close();
  bench = null;
  for (const folder of mounted.splice(0)) Bun.spawnSync(["umount", "-l", folder]);
});

function smallDisk(sizeMb: number): string | null {
  const folder = tempFolder("ml-small-");
  const mount = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${sizeMb}m`, "tmpfs", folder], { stderr: "ignore" });
  if (mount.exitCode !== 0) return null;
  mounted.push(folder);
  return folder;
}

const probe = smallDisk(1);
for (const folder of mounted.splice(0)) Bun.spawnSync(["umount", "-l", folder]);
if (probe === null) console.log("SKIPPED a full disk: a tmpfs cannot be mounted here (no root)");
const onRoot = probe === null ? test.skip : test;

onRoot(
  "[D2 D3] a script that fills the disk fails as disk_full, and its record is finished when there is space again",
  async () => {
    const folder = smallDisk(6)!;
    bench = openBench(join(folder, "base"));
    const worker = await bench.work();
    fs.writeFileSync(join(folder, "ballast"), Buffer.alloc(1024 * 1024));
    const paths = await bench.submit({ argv: ["sh", "-c", "yes 'a line of output' | head -c 20000000; exit 9"] });
    await until("the exit record", () => fs.existsSync(paths.exitRecord));
    expect(JSON.parse(fs.readFileSync(paths.exitRecord, "utf8")).rc).toBe(9);
    await until("the problem", () => worker.state().problems.some((problem) => problem.includes(paths.runId)));
    expect(bench.manifest(paths).ended_at).toBeNull();
    fs.rmSync(join(folder, "ballast"));
    worker.poke();
    const manifest = await bench.sealed(paths);
    expect(manifest).toMatchObject({ status: "failed", exit_code: 9, failure: { kind: "disk_full" } });
  },
);

onRoot("[D2] space that is made before anybody could look at a run's end changes no verdict", async () => {
  const folder = smallDisk(6)!;
  bench = openBench(join(folder, "base"));
  const worker = await bench.work();
  fs.writeFileSync(join(folder, "ballast"), Buffer.alloc(1024 * 1024));
  const fill = "while [ ! -e go ]; do sleep 0.01; done; yes 'a line of output' | head -c 20000000; exit 9";
  const paths = await bench.submit({ argv: ["sh", "-c", fill] });
  await until("it to run", () => bench?.manifest(paths).status === "running");
  await worker.stop();
  fs.writeFileSync(join(paths.work, "go"), "");
  await until("the exit record", () => fs.existsSync(paths.exitRecord));
  fs.rmSync(join(folder, "ballast"));
  await bench.work();
  expect(await bench.sealed(paths)).toMatchObject({ status: "failed", exit_code: 9, failure: { kind: "disk_full" } });
});
