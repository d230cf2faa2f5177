/** `ml gpus` and `ml workers` as a user types them, with cards on paper; what can never fit is refused with the most there is. */
import { expect, test } from "bun:test";
import { fakeGpus, uuids } from "../support/fake-gpus.ts";
import { openLab } from "./lab.ts";

const long = 2 * 60_000;

test(
  "[Q9] a share of a card is handed out, shown with whose it is, and what can never fit is refused",
  async () => {
    const lab = openLab();
    const fake = fakeGpus("one");
    const env = { PATH: fake.path };
    lab.put("see.py", "import os, time\nprint(os.environ['CUDA_VISIBLE_DEVICES'], flush=True)\ntime.sleep(60)\n");
    const queued = await lab.ml(["queue", "-q", "--gpus", "1", "--gpu-memory", "8G", "see.py"], { env });
    const runId = queued.stdout.trim();
    let seen = "";
    while (!seen.includes("GPU-")) seen = (await lab.ml(["logs", runId])).stdout;
    expect(seen.trim()).toBe(uuids[0]);
    const { gpus } = await lab.json<{ gpus: Record<string, unknown>[] }>(["gpus"]);
    expect(gpus).toHaveLength(1);
    expect(gpus[0]).toMatchObject({ id: uuids[0], model: "NVIDIA GeForce RTX 3090", runs: [runId], blocked: null });
    expect(gpus[0]?.free_memory_gb).toBeCloseTo(25.77 * 0.95 - 8, 1);
    const page = (await lab.ml(["gpus"])).stdout;
    expect(page).toContain("0 of 1 GPU free");
    expect(page).toMatch(/see \w{6} \(\w+\) · 16 GB left/);
    const { workers } = await lab.json<{ workers: { running: string[] }[] }>(["workers"]);
    expect(workers[0]?.running).toEqual([runId]);
    expect((await lab.ml(["workers", "--plain"])).stdout.split("\t").length).toBeGreaterThan(10);
    const refused = await lab.ml(["queue", "--gpus", "1", "--gpu-memory", "48G", "see.py"]);
    expect([refused.code, refused.stderr]).toEqual([7, expect.stringContaining("the largest GPU has 25.8 GB")]);
  },
  long,
);

test(
  "--watch tells every second and ends with Ctrl-C, which touches no run",
  async () => {
    const lab = openLab();
    const fake = fakeGpus("two");
    await lab.ml(["server", "start"], { env: { PATH: fake.path } });
    const watching = lab.start(["gpus", "--watch", "--json"]);
    while (watching.stdout().split("\n").length < 3) await Bun.sleep(50);
    watching.kill("SIGINT");
    await watching.ended;
    const [first = "", second = ""] = watching.stdout().split("\n");
    expect(JSON.parse(first)).toMatchObject({ schema: "ml.gpus/1" });
    expect(JSON.parse(second).now > JSON.parse(first).now).toBe(true);
  },
  long,
);
