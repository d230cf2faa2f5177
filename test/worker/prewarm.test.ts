/** Copies on their way: how many of how many, wishes taken back, pins, and a worker that is killed in the midst. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { copyFolder, partFolder } from "../../src/data/cache-folder.ts";
import { type PrewarmWish, writeWishes } from "../../src/run/prewarm-wishes.ts";
import { lineText } from "../../src/view/face.ts";
import { prewarmLines } from "../../src/view/prewarm-page.ts";
import type { PrewarmSettings } from "../../src/worker/prewarm.ts";
import { type Bench, openBench } from "../support/queued-run.ts";
import { registerFolder } from "../support/registered.ts";
import { tempFolder, until } from "../support/temp.ts";

const oneSlot = { slots: 1, cpuCores: 64, ramGb: 64, diskGb: null, cards: [] };

let bench: Bench;
beforeEach(() => {
  bench = openBench();
});
afterEach(() => bench.close());

const cache = () => join(bench.base.base, "cache");
const copies = (more: Partial<PrewarmSettings> = {}): PrewarmSettings => ({
  ...{ folder: cache(), mode: "all", limitBytes: 1e9, bytesPerSecond: null, hands: 1, stallMs: 30_000 },
  ...more,
});

/** A dataset of so many files of so many bytes. */
async function dataset(name: string, { files, bytes }: { files: number; bytes: number }) {
  const folder = tempFolder();
  for (let at = 0; at < files; at += 1) fs.writeFileSync(join(folder, String(at)), String(at).padEnd(bytes, name));
  return registerFolder(bench.base, name, folder);
}
type Registered = Awaited<ReturnType<typeof dataset>>;

function wish(uses: readonly Registered[], pinned = false): void {
  const made = uses.map(
    ({ name, version, checksum }): PrewarmWish => ({
      ...{ name, version, checksum, by: "ana", at: new Date().toISOString(), pinned },
    }),
  );
  writeWishes(bench.base.prewarm, made);
}

const withData = (use: Registered, argv: readonly string[] = ["true"]) =>
  bench.submit({ argv, manifest: { datasets: [use] } as never });

test("of five datasets that waiting runs need, two are here and the third is on its way: ml status says 2/5", async () => {
  const worker = await bench.work({ prewarm: copies({ bytesPerSecond: 20_000 }), capacity: oneSlot });
  await bench.submit({ argv: ["sleep", "60"] });
  for (const name of ["one", "two"]) await withData(await dataset(name, { files: 1, bytes: 10 }));
  for (const name of ["three", "four", "five"]) await withData(await dataset(name, { files: 40, bytes: 20_000 }));
  await until("all five to be known", () => {
    worker.poke();
    return worker.state().data?.needed === 5 && worker.state().data?.warm === 2;
  });
  await until("the third", () => (worker.state().data?.copying[0]?.done_bytes ?? 0) > 0);
  const state = { ...worker.state(), alive: true };
  const [line = []] = prewarmLines({ workers: [state], waiting: [] } as never, { width: 100, unicode: true, nowMs: 0 });
  expect(lineText(line)).toStartWith("Prewarming: dataset three (2/5 complete) ");
});

test("a wish that is taken back in the middle of its copy ends that; asked for again it goes on where it was", async () => {
  const worker = await bench.work({ prewarm: copies({ bytesPerSecond: 400_000 }) });
  const use = await dataset("big", { files: 40, bytes: 20_000 });
  wish([use]);
  worker.poke();
  const done = `${partFolder(cache(), use.checksum)}.done`;
  await until("some of it", () => fs.existsSync(done));
  wish([]);
  await until("its end", () => {
    worker.poke();
    return worker.state().data?.copying.length === 0;
  });
  expect(worker.state().data).toMatchObject({ needed: 0, copies: [], failed: [] });
  expect(fs.existsSync(copyFolder(cache(), use.checksum))).toBe(false);
  wish([use]);
  await until("the whole copy", () => {
    worker.poke();
    return worker.state().data?.copies.length === 1;
  });
  const record = JSON.parse(fs.readFileSync(`${copyFolder(cache(), use.checksum)}.json`, "utf8"));
  expect(record).toMatchObject({ num_files: 40, resumed: true });
});

test("what is pinned is not removed for what a run needs; the run reads it in place, and the record says why", async () => {
  const worker = await bench.work({ prewarm: copies({ limitBytes: 1500 }) });
  const [kept, other] = [
    await dataset("kept", { files: 1, bytes: 1000 }),
    await dataset("other", { files: 1, bytes: 1000 }),
  ];
  wish([kept], true);
  worker.poke();
  await until("the pinned copy", () => worker.state().data?.copies[0]?.pinned === true);
  const cold = await bench.sealed(await withData(other));
  expect(cold.datasets[0]).toMatchObject({ fetched_via: "direct", local_path: null, time_saved_seconds: null });
  expect(cold.datasets[0]?.fetched_why).toContain("the cache has no room for it: what is there is in use, pinned");
  wish([kept], false);
  await until("another try", async () => {
    const { datasets } = await bench.sealed(await withData(other));
    return datasets[0]?.local_path !== null;
  });
  expect(worker.state().data?.evicted).toMatchObject([
    { name: "kept", for: "other", why: "no waiting run needs it, and it was unused longest" },
  ]);
});

test("[K1] a worker killed in the middle of a copy leaves no process behind, and the next one goes on where it was", async () => {
  const use = await dataset("big", { files: 60, bytes: 20_000 });
  wish([use]);
  const slow = copies({ bytesPerSecond: 200_000 });
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "child.ts"), bench.base.base, "w1"], {
    env: { ...process.env, ML_TEST_AHEAD: JSON.stringify({ prewarm: slow }) },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const part = partFolder(cache(), use.checksum);
  try {
    await until("some of it", () => fs.existsSync(`${part}.done`));
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
  const copiers = () =>
    fs.readdirSync("/proc").filter((pid) => {
      try {
        return /^\d+$/.test(pid) && fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(part);
      } catch {
        return false;
      }
    });
  await until("the copying process to end", () => copiers().length === 0);
  expect(fs.existsSync(copyFolder(cache(), use.checksum))).toBe(false);
  const worker = await bench.work({ prewarm: copies() });
  worker.poke();
  await until("the whole copy", () => worker.state().data?.copies.length === 1);
  for (const name of fs.readdirSync(use.nas_path))
    expect(fs.readFileSync(join(copyFolder(cache(), use.checksum), name))).toEqual(
      fs.readFileSync(join(use.nas_path, name)),
    );
  // How long all of it took nobody knows, so nobody is told what it saved.
  const { datasets } = await bench.sealed(await withData(use));
  expect(datasets[0]).toMatchObject({ fetched_via: "prewarm", time_saved_seconds: null });
});
