/** Runs on a network mount that hangs, goes, changes and forbids: the real server, a real mount. */
import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { onFuse } from "../support/nas.ts";
import { until } from "../support/temp.ts";
import { dataProcesses, openMountLab } from "./lab.ts";

const readsFar = ["--data", "far", "cat", "{data:far}/a"];

onFuse(
  "[D8] a mount that hangs stops no one but the runs that need it; they wait, say so, and start when it is back",
  async () => {
    const lab = await openMountLab();
    lab.nas.obey("hang");
    const first = await lab.queue(readsFar);
    await until("the problem", async () => (await lab.status()).includes("(nas:/export) gives no answer since"));
    await until("the reason", async () => (await lab.status()).includes("data silent: far"));
    const [second, other] = [await lab.queue(readsFar), await lab.queue(["echo", "hi"])];
    expect((await lab.ended(other)).status).toBe("completed");
    await until("its reason", async () =>
      (await lab.ml(["why", second])).stdout.includes("its data gives no answer: far"),
    );
    expect([first, second].map((runId) => lab.manifest(runId).status)).toEqual(["queued", "queued"]);
    // The questions of the run, of the look at its queueing and of the watch: whoever asks after them is told at once.
    expect(dataProcesses(lab.far).length).toBeLessThanOrEqual(3);
    const doctor = await lab.ml(["doctor"]);
    expect([doctor.code, doctor.stdout]).toEqual([8, expect.stringMatching(/mount .*gives no answer since/)]);
    expect((await lab.ml(["dataset", "show", "far"])).stdout).toContain("gives no answer since");
    lab.nas.obey();
    for (const runId of [first, second]) expect((await lab.ended(runId)).status).toBe("completed");
    await until("nobody stuck", () => dataProcesses(lab.far).length === 0);
    await until("no problem", async () => !(await lab.status()).includes("gives no answer"));
  },
);

onFuse("[D8] or they fail before they start, where the settings say so", async () => {
  const lab = await openMountLab({ ML_DATA_SILENT: "fail" });
  lab.nas.obey("hang");
  const { failure } = await lab.ended(await lab.queue(readsFar));
  expect(failure).toMatchObject({ kind: "data_error", message: expect.stringContaining("gave no answer in 1 s") });
  const again = await lab.ended(await lab.queue(readsFar));
  expect(again.failure?.message).toContain("gives no answer since");
});

onFuse(
  "[D8] a run that reads while its mount hangs goes on when it is back, and its record says when that was",
  async () => {
    const lab = await openMountLab();
    const runId = await lab.queue([
      "--data",
      "far",
      "sh",
      "-c",
      `echo begun; until [ -e go ]; do sleep 0.02; done; cat ${lab.far}/a | wc -c`,
    ]);
    await until("the first look", () => lab.manifest(runId).datasets[0]?.start_check);
    lab.nas.obey("hang");
    writeFileSync(join(lab.folder(runId), "work/go"), "");
    await until("the problem", async () => (await lab.status()).includes("gives no answer since"));
    expect((await lab.ended(await lab.queue(["true"]))).status).toBe("completed");
    expect(lab.manifest(runId).status).toBe("running");
    lab.nas.obey();
    const { status, remarks } = await lab.ended(runId);
    expect(status).toBe("completed");
    expect(remarks.join()).toMatch(/the mount .* of its dataset far gave no answer from .* to /);
  },
);

onFuse(
  "[D9] data that changes, goes and is forbidden under a run is told of at its end, and before the start of the next",
  async () => {
    const lab = await openMountLab();
    const waits = ["--data", "far", "sh", "-c", "until [ -e go ]; do sleep 0.02; done"];
    const during = async (act: () => unknown) => {
      const runId = await lab.queue(waits);
      await until("the first look", () => lab.manifest(runId).datasets[0]?.start_check);
      await act();
      writeFileSync(join(lab.folder(runId), "work/go"), "");
      return lab.ended(runId);
    };
    const forbidden = await during(() => lab.nas.obey("deny"));
    expect(forbidden.datasets[0]?.end_check).toMatchObject({
      checksum: null,
      problem: expect.stringContaining("cannot be read"),
    });
    const refused = await lab.ended(await lab.queue(readsFar));
    expect(refused.failure?.message).toContain("cannot be read");
    lab.nas.obey();
    const changed = await during(() => writeFileSync(join(lab.nas.behind, "b"), "other"));
    expect(changed.datasets[0]?.drift).toMatchObject({ seen: "end", files: ["~ b"] });
    const gone = await during(() => lab.nas.unmount());
    expect(gone.datasets[0]?.end_check?.problem).toContain("is it mounted?");
    const lacking = await lab.ended(await lab.queue(readsFar));
    expect(lacking.failure).toMatchObject({ kind: "data_error" });
    await until("the problem", async () => (await lab.status()).includes("is not there any more"));
    await lab.nas.mount();
    expect((await lab.ended(await lab.queue(readsFar))).status).toBe("completed");
  },
);
