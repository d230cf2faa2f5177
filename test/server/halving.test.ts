/** Halving reacts to what runs write: no beat of the server is waited for. */
import { expect, test } from "bun:test";
import { appendFileSync } from "node:fs";
import { basePaths } from "../../src/run/paths.ts";
import { setStatus } from "../../src/run/store.ts";
import { MetricBell } from "../../src/server/metric-bell.ts";
import { tempFolder, until } from "../support/temp.ts";
import { serve } from "./harness.ts";

test("a run is judged when it, or another, has written its value, and when another ended", async () => {
  const server = await serve();
  // The beat begins with a list of what is live, and goes no further where that fails.
  const { catalog } = server.services;
  const list = catalog.list.bind(catalog);
  catalog.list = (filter) => {
    if (filter.status?.join() === "running,starting") throw new Error("no beat in this test");
    return list(filter);
  };
  await server.ask("sweep.create", {
    ...{ create_id: "sweep-halving", name: "h", run: { argv: ["true"], snapshot: null } },
    plan: { grid: ["x=1:6:1"], zip: [], constants: [], skip: [], only: [] },
    ...{ goal: { metric: "acc", direction: "max" }, halving: { min: 1, factor: 3 } },
  });
  const { points } = await server.ask("sweep.get", { sweep: "h" });
  const runIds = points.map(({ run }) => run?.run_id ?? "");
  const [worst = "", middle = "", best = ""] = runIds;
  const pathsOf = (runId: string) => basePaths(server.base).run(runId);
  const log = (runId: string, value: number) =>
    appendFileSync(pathsOf(runId).metrics, `${JSON.stringify({ name: "acc", value, step: 1, t: 1 })}\n`);
  const move = (runId: string, ...statuses: ("starting" | "running" | "completed")[]) => {
    for (const status of statuses) setStatus(pathsOf(runId), status);
    server.services.hub.changed(runId);
  };
  const stopped = async () =>
    Object.keys((await server.ask("sweep.get", { sweep: "h" })).definition.halved).map((runId) =>
      runIds.indexOf(runId),
    );
  for (const runId of [worst, middle]) move(runId, "starting", "running");
  await until("the two", async () => (await server.ask("sweep.get", { sweep: "h" })).sweep.counts.running === 2);
  log(worst, 0.1);
  log(middle, 0.2);
  // Two of six go on from step 1, so nobody is behind yet; then one comes that is better, and ends with its value.
  move(best, "starting", "running");
  log(best, 0.3);
  await until("the worst to be stopped", async () => (await stopped()).join() === "0");
  const [other = "", last = ""] = runIds.slice(3);
  move(other, "starting", "running");
  log(other, 0.4);
  await until("the next", async () => (await stopped()).join() === "0,1");
  log(last, 0.5);
  move(last, "starting", "running", "completed");
  await until("the one that an ended run is better than", async () => (await stopped()).join() === "0,1,2");
}, 60_000);

test("the bell rings once for many words, again for later ones, and no more once it is closed", async () => {
  const base = basePaths(tempFolder());
  const paths = base.run("2026-11-27_bell00");
  await Bun.write(paths.outputLog, "");
  let rings = 0;
  const bell = new MetricBell(async () => {
    rings += 1;
  });
  bell.listenTo([paths]);
  await until("the ring for what was there", () => rings === 1);
  for (let at = 0; at < 50; at += 1) appendFileSync(paths.outputLog, "acc: 1\n");
  await until("the ring for what was printed", () => rings >= 2);
  await Bun.write(`${paths.folder}/other`, "no place of metrics");
  const before = rings;
  appendFileSync(paths.metrics, "{}\n");
  await until("the ring for what was logged", () => rings > before);
  bell.close();
  const after = rings;
  appendFileSync(paths.metrics, "{}\n");
  await Bun.sleep(250);
  expect(rings).toBe(after);
});
