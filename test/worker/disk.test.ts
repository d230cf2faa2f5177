/** A full disk, a real one: a small tmpfs. Needs root for the mount. */
import { afterEach, expect } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { type Bench, openBench } from "../support/queued-run.ts";
import { fillDisk, onRoot, smallDisk, unmountAfterEach } from "../support/small-disk.ts";
import { until } from "../support/temp.ts";

let bench: Bench | null = null;
unmountAfterEach();
afterEach(async () => {
  await bench?.close();
  bench = null;
});

onRoot(
  "[D2 D3] a script that fills the disk fails as disk_full, and its record is finished when there is space again",
  async () => {
    const folder = smallDisk("size=6m");
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
  const folder = smallDisk("size=6m");
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

onRoot("[D3] a record that a full disk kept from being sealed is sealed once there is room, by itself", async () => {
  const folder = smallDisk("size=6m");
  bench = openBench(join(folder, "base"));
  const first = await bench.work();
  const paths = await bench.submit({ argv: ["true"] });
  await bench.sealed(paths);
  await first.stop();
  // As a worker leaves it that dies just before the seal.
  fs.rmSync(paths.sums);
  const ballast = fillDisk(folder);
  const worker = await bench.work({ pollMs: 20 });
  await until("the problem", () => worker.state().problems.some((one) => one.includes("cannot be sealed")));
  fs.rmSync(ballast);
  expect((await bench.sealed(paths)).status).toBe("completed");
  await until("the problem to go", () => worker.state().problems.length === 0);
});
