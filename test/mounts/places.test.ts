/** Where things lie: a base on a network mount, and what is seen of data while a run waits. */
import { expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withSilentPlace } from "../../src/cli/silent-place.ts";
import { MlError } from "../../src/core/error.ts";
import { onFuse, openNas } from "../support/nas.ts";
import { serveFrom } from "../support/served.ts";
import { tempFolder, until } from "../support/temp.ts";
import { openMountLab } from "./lab.ts";

/** The main thread of a process is in a call that FUSE has not answered. */
const waitsForFuse = (pid: number) => readFileSync(`/proc/${pid}/wchan`, "latin1").includes("request_wait_answer");

onFuse(
  "[D7] a base on a network mount is refused without a state folder on a local disk, and served with one, through a hang too",
  async () => {
    const nas = await openNas();
    const home = tempFolder();
    const refused = serveFrom(home, { ML_WORKER_BASE: join(nas.point, "base") });
    await (await refused.start()).exited;
    expect(refused.log()).toContain("is on fuse.sshfs: databases and locks are not safe there");
    const served = serveFrom(home, { ML_WORKER_BASE: join(nas.point, "base"), ML_STATE_DIR: join(home, "state") });
    const server = await served.start();
    expect(await served.ask("status", {})).toMatchObject({ running: [], waiting: [] });
    // The base is the truth: while it hangs the server stands still, and goes on where it was.
    nas.obey("hang");
    const asked = served.ask("status", {}, 20_000);
    await until("the server to wait in the kernel", () => waitsForFuse(server.pid));
    nas.obey();
    expect(await asked).toMatchObject({ running: [] });
    await served.end();
  },
);

onFuse("[D9] data that has changed when a run is queued is told of while it waits", async () => {
  const lab = await openMountLab({ ML_SLOTS: 1 });
  await lab.queue(["sh", "-c", "until [ -e go ]; do sleep 0.02; done"]);
  writeFileSync(join(lab.nas.behind, "b"), "other");
  const runId = await lab.queue(["--data", "far", "true"]);
  await until("what has changed", () => lab.manifest(runId).datasets[0]?.drift);
  expect(lab.manifest(runId)).toMatchObject({
    status: "queued",
    datasets: [{ drift: { seen: "queued", changed: 1, files: ["~ b"] } }],
  });
  expect((await lab.ml(["info", runId])).stdout).toContain("changed (seen when it was queued): 1 file changed: ~ b");
});

onFuse("a command whose server does not answer names the folder that hangs, and none where all answer", async () => {
  const nas = await openNas();
  const late = new MlError("unreachable", "the local server does not answer", { cause: "no reply in time" });
  const places = { base: nas.point, stateDir: tempFolder() };
  expect(await withSilentPlace(late, places)).toBe(late);
  nas.obey("hang");
  expect(await withSilentPlace(late, places)).toMatchObject({
    ...{ code: "unreachable", exitCode: 69 },
    message: `the local server does not answer: \`${nas.point}\`, where its data lies, gives no answer`,
  });
});
