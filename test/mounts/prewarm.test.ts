/** Copies from a network mount that hangs, loses bytes, forbids, changes, goes, and is busy with others. */
import { expect } from "bun:test";
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onFuse } from "../support/nas.ts";
import { until } from "../support/temp.ts";
import { type MountLab, openIn, openMountLab } from "./lab.ts";

interface Stores {
  workers: {
    copies: { name: string }[];
    copying: { name: string; speed_share?: number }[];
    failed: { name: string; reason: string }[];
  }[];
}

const store = async (lab: MountLab) => {
  const [found] = (await lab.json<Stores & Record<string, unknown>>(["prewarm"])).workers;
  if (found === undefined) throw new Error("no worker");
  return found;
};
const copiesOf = async (lab: MountLab) => (await store(lab)).copies.map(({ name }) => name).sort();

/** A run that holds the only slot until it is let go. */
async function holdSlot(lab: MountLab): Promise<() => void> {
  const runId = await lab.queue(["sh", "-c", "until [ -e go ]; do sleep 0.02; done"]);
  await until("the slot to be taken", () => lab.manifest(runId).status === "running");
  return () => writeFileSync(join(lab.folder(runId), "work/go"), "");
}

onFuse(
  "[D8] a copy whose mount hangs is given up and says so, others are made meanwhile, and it is made when the mount is back",
  async () => {
    const lab = await openMountLab({ ML_PREWARM: "all", ML_SLOTS: 1 });
    lab.put("near/a", "here");
    await lab.json(["dataset", "add", "near", "./near"]);
    const letGo = await holdSlot(lab);
    lab.nas.obey("hang-reads");
    const far = await lab.queue(["--data", "far", "cat", "{data:far}/a"]);
    const near = await lab.queue(["--data", "near", "cat", "{data:near}/a"]);
    await until("the reason", async () => (await store(lab)).failed[0]?.reason.includes("answer"));
    await until("the other copy", async () => (await copiesOf(lab)).includes("near"));
    lab.nas.obey();
    await until("the copy", async () => (await copiesOf(lab)).join() === "far,near");
    letGo();
    for (const runId of [far, near]) {
      const { status, datasets } = await lab.ended(runId);
      expect([status, datasets[0]?.fetched_via]).toEqual(["completed", "prewarm"]);
    }
  },
);

onFuse(
  "[D8 D9] what the mount loses, cuts, changes or takes away during a copy makes no copy, and the record says which",
  async () => {
    const lab = await openMountLab({ ML_PREWARM: "network", ML_DATA_TIMEOUT_SECONDS: 20 });
    const outcome = async (during?: () => unknown) => {
      const runId = await lab.queue(["--data", "far", "true"]);
      await during?.();
      const { datasets, failure } = await lab.ended(runId);
      return { why: datasets[0]?.fetched_why, via: datasets[0]?.fetched_via, failure: failure?.message };
    };
    lab.nas.obey("fail-every 2");
    expect(await outcome()).toMatchObject({
      via: "direct",
      why: expect.stringMatching(/not all of it can be read: .: EIO/),
    });
    lab.nas.obey("short 1000");
    expect(await outcome()).toMatchObject({ via: "direct", why: expect.stringContaining("it ended after 1000 of") });
    lab.nas.obey("hang-reads");
    let cut = "";
    const truncated = await outcome(async () => {
      cut = await openIn(lab.far);
      truncateSync(join(lab.nas.behind, cut), 10);
      lab.nas.obey();
    });
    expect(truncated).toMatchObject({ via: "direct", why: `miss; it has changed since it was registered: ${cut}` });
    lab.nas.obey("hang-reads");
    const gone = await outcome(async () => {
      await openIn(lab.far);
      lab.nas.unmount();
      lab.nas.obey();
    });
    expect(gone.failure).toContain("`nas:/export` is not mounted at");
    await lab.nas.mount();
    lab.nas.obey("deny");
    expect((await outcome()).failure).toContain("cannot be read");
    expect(await copiesOf(lab)).toEqual([]);
  },
);

onFuse(
  "a copy slows down while its source answers later than at rest, says so, and makes up when it is calm",
  async () => {
    const lab = await openMountLab({ ML_PREWARM: "network", ML_SLOTS: 1, ML_DATA_TIMEOUT_SECONDS: 20 });
    mkdirSync(join(lab.nas.behind, "many"));
    for (let at = 0; at < 100; at += 1) writeFileSync(join(lab.nas.behind, "many", `${at}`), Buffer.alloc(90_000, at));
    await lab.json(["dataset", "add", "many", join(lab.far, "many")]);
    const letGo = await holdSlot(lab);
    const atRest = async () => {
      const { mounts } = await lab.json<{ mounts: { usual_ms: number | null }[] }>(["dataset", "show", "many"]);
      return mounts[0]?.usual_ms != null;
    };
    await until("an answer at rest", atRest);
    lab.nas.obey("delay-ms 100");
    const runId = await lab.queue(["--data", "many", "true"]);
    await until("it to be slowed", async () => ((await store(lab)).copying[0]?.speed_share ?? 1) <= 0.5);
    expect((await lab.ml(["prewarm"])).stdout).toMatch(/at \d+ % of its speed: its mount is busy/);
    lab.nas.obey();
    await until("the copy", async () => (await copiesOf(lab)).includes("many"));
    letGo();
    expect((await lab.ended(runId)).datasets[0]?.fetched_via).toBe("prewarm");
  },
);
