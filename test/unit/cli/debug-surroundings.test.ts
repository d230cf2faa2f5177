/** launch.sh read back, and the environment of a session that is none of the run's processes. */
import { describe, expect, test } from "bun:test";
import { readLaunch, sessionEnvironment } from "../../../src/cli/debug-surroundings.ts";
import { launchScript } from "../../../src/execute/launch.ts";
import { newManifest } from "../../../src/run/manifest.ts";
import { basePaths } from "../../../src/run/paths.ts";

const base = basePaths("/b ase");
const runId = "2026-11-23_k3f9ab";
const odd = 'it\'s\nexport ML_RUN_DIR=/elsewhere\n"$HOME" \\';

function launched(argv: string[]) {
  const manifest = newManifest({
    ...{ run_id: runId, name: "train", user: "ada", command: "x", argv, queued_at: "2026-11-23T10:00:00Z" },
    launch: { env: { ODD: odd, EMPTY: "" }, staged: "0".repeat(64) },
  });
  const read = readLaunch(
    launchScript(base.run(runId), { base, manifest, gpus: { vendor: "nvidia", ids: ["GPU-1"] } }),
  );
  if (read === null) throw new Error("not read");
  return read;
}

const argv = ["python3", "train.py", odd, "\nexec no", ""];
const session = (more: object = {}) =>
  sessionEnvironment({
    ...{ launched: launched(argv), recorded: {}, own: {}, folder: "/tmp/s", sessionId: "debug-k3f9ab" },
    ...{ hadCards: false, ...more },
  });

describe("launch.sh", () => {
  test("is read back byte for byte, whatever the words are", () => {
    const read = launched(argv);
    expect(read.argv).toEqual(argv);
    expect(read.env).toMatchObject({ ODD: odd, EMPTY: "", ML_RUN_ID: runId });
    expect(read.folder).toBe(`/b ase/runs/${runId}`);
  });

  test("that is none is none", () => {
    expect(readLaunch("")).toBeNull();
    expect(readLaunch("#!/bin/sh\nexport A=1\nexec true\n")).toBeNull();
  });
});

describe("the environment of a session", () => {
  test("points into its own folder and is not taken for the run", () => {
    const { env } = session();
    expect(env).toMatchObject({
      ML_RUN_ID: "debug-k3f9ab",
      ML_RUN_DIR: "/tmp/s",
      ML_WORK_DIR: "/tmp/s/work",
      ML_METRICS_FILE: "/tmp/s/metrics.jsonl",
      ML_STAGED: "/tmp/s/staged",
      PYTHONPATH: "/tmp/s/lib",
    });
    expect(Object.values(env).filter((value) => value.includes("/runs/"))).toEqual([]);
  });

  test("has what was recorded, and nothing of the shell's that would change the result", () => {
    const own = { PYTHONPATH: "/mine", OMP_NUM_THREADS: "1", ML_API_KEY: "k", EDITOR: "vi", HOME: "/home/ada" };
    const { env } = session({ own, recorded: { PATH: "/venv/bin", HOME: "/root", PYTHONPATH: "/theirs" } });
    expect(env).toMatchObject({ PATH: "/venv/bin", HOME: "/home/ada", EDITOR: "vi", PYTHONPATH: "/theirs:/tmp/s/lib" });
    expect(env.OMP_NUM_THREADS).toBeUndefined();
    expect(env.ML_API_KEY).toBeUndefined();
  });

  test("names what was recorded by name alone and is not set here", () => {
    const { env, missing } = session({ own: { HF_TOKEN: "mine" }, recorded: { HF_TOKEN: null, WANDB_API_KEY: null } });
    expect(missing).toEqual(["WANDB_API_KEY"]);
    expect(env.HF_TOKEN).toBe("mine");
  });

  test("takes no card that was handed out to the run", () => {
    expect(session({ hadCards: true }).env.CUDA_VISIBLE_DEVICES).toBe("");
    expect(session({ hadCards: true, own: { CUDA_VISIBLE_DEVICES: "1" } }).env.CUDA_VISIBLE_DEVICES).toBe("1");
    expect(session().env.CUDA_VISIBLE_DEVICES).toBe("GPU-1");
  });
});
