/** Copies on a mount of their own, which hangs: the real server, real mounts. */
import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Nas, onFuse, openNas } from "../support/nas.ts";
import { until } from "../support/temp.ts";
import { dataProcesses, type MountLab, openMountLab } from "./lab.ts";

const readsFar = ["--data", "far", "cat", "{data:far}/a"];

/** A server that keeps its copies on a mount, with a copy of `far` there. */
async function openCacheLab(): Promise<MountLab & { cache: Nas }> {
  const cache = await openNas();
  const lab = await openMountLab({ ML_PREWARM: "all", ML_CACHE_DIR: join(cache.point, "copies"), ML_SLOTS: 3 });
  const first = await lab.ended(await lab.queue(readsFar));
  expect(first.datasets[0]).toMatchObject({ fetched_via: "on_demand" });
  expect(first.datasets[0]?.local_path).toStartWith(cache.point);
  return { ...lab, cache };
}

/** Its data is the registered folder, though there is a copy. */
async function readsInPlace(lab: MountLab): Promise<void> {
  const { status, datasets } = await lab.ended(await lab.queue(readsFar));
  expect(status).toBe("completed");
  expect(datasets[0]).toMatchObject({
    ...{ fetched_via: "direct", local_path: null },
    fetched_why: expect.stringMatching(/gives? no answer|gave no answer/),
  });
}

async function readsTheCopy(lab: MountLab): Promise<void> {
  await until("a run with its copy", async () => {
    const { datasets } = await lab.ended(await lab.queue(readsFar));
    return datasets[0]?.fetched_via === "prewarm";
  });
}

onFuse(
  "[D8 K15] a disk of copies that hangs stops nobody but the runs that read from it, and everybody says so",
  async () => {
    const lab = await openCacheLab();
    const reader = await lab.queue([
      ...["--data", "far", "sh", "-c"],
      "until [ -e go ]; do sleep 0.02; done; cat {data:far}/a | wc -c",
    ]);
    await until("the first look", () => lab.manifest(reader).datasets[0]?.start_check);
    lab.cache.obey("hang");
    writeFileSync(join(lab.folder(reader), "work/go"), "");
    expect((await lab.ended(await lab.queue(["true"]))).status).toBe("completed");
    await readsInPlace(lab);
    await until("the problem", async () => (await lab.status()).includes("copies of data lie there"));
    const doctor = await lab.ml(["doctor"]);
    expect([doctor.code, doctor.stdout]).toEqual([8, expect.stringMatching(/places .*copies of data .*no answer/s)]);
    expect((await lab.ml(["prewarm"])).stdout).toContain("no answer since");
    const waits = await lab.queue(["--data-policy", "wait", ...readsFar]);
    await readsInPlace(lab);
    expect(lab.manifest(waits).status).toBe("queued");
    expect(lab.manifest(reader).status).toBe("running");
    lab.cache.obey();
    const { status, remarks } = await lab.ended(reader);
    expect(status).toBe("completed");
    expect(remarks.join()).toMatch(/the mount .* of its copy of dataset far gave no answer from .* to /);
    expect((await lab.ended(waits)).datasets[0]).toMatchObject({ fetched_via: "prewarm" });
    await until("nobody stuck", () => dataProcesses(lab.cache.point).length === 0);
    await until("no problem", async () => !(await lab.status()).includes("no answer"));
  },
);

onFuse(
  "[D8] a server that starts while its copies hang works without them, and finds them when they answer",
  async () => {
    const lab = await openCacheLab();
    await lab.ml(["server", "stop"]);
    lab.cache.obey("hang");
    const env = { ML_PREWARM: "all", ML_CACHE_DIR: join(lab.cache.point, "copies"), ML_DATA_TIMEOUT_SECONDS: "1" };
    const started = await lab.ml(["server", "start"], { env });
    expect([started.code, started.stderr]).toEqual([0, ""]);
    await readsInPlace(lab);
    lab.cache.obey();
    await readsTheCopy(lab);
  },
);
