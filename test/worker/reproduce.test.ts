/** The environment of a reproduction, built before its script starts; and metrics found while a script runs. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { captureEnvironment } from "../../src/capture/capture.ts";
import type { RunPaths } from "../../src/run/paths.ts";
import { type Bench, openBench, put } from "../support/queued-run.ts";
import { tempFolder } from "../support/temp.ts";

let bench: Bench;
beforeEach(() => {
  bench = openBench();
});
afterEach(() => bench.close());

/** Not the shim of a version manager: through a link to it Python would not know where it is. */
function realPython(): string {
  return Bun.spawnSync(["python3", "-c", "import sys; print(sys.executable)"]).stdout.toString().trim();
}

/** PATH with a `uv` that makes an environment of links to the real Python, and installs by writing a file. */
function withUv(install: string): Record<string, string> {
  const bin = tempFolder();
  const body = [
    "#!/bin/sh",
    'case "$1 $2" in',
    `"venv --quiet") mkdir -p "$5/bin" "$5/lib" && ln -s ${realPython()} "$5/bin/python" && touch "$5/pyvenv.cfg" ;;`,
    `"pip install") ${install} ;;`,
    "*) exit 9 ;;",
    "esac",
  ];
  fs.writeFileSync(join(bin, "uv"), `${body.join("\n")}\n`, { mode: 0o755 });
  return { ...(process.env as Record<string, string>), PATH: `${bin}:${process.env.PATH}` };
}

/** A run that ended with these packages, and its reproduction, which is to build them anew. */
async function reproduction(freeze: string): Promise<RunPaths> {
  const source = await bench.submit({ argv: ["true"] });
  await bench.sealed(source);
  put(join(source.env, "pip_freeze.txt"), freeze);
  return bench.submit({
    argv: ["python3", "-c", "import sys; print(sys.argv[1], sys.executable)", "x"],
    manifest: {
      lineage: { kind: "reproduce", source_run: source.runId },
      launch: { reproduce: { tolerance: null, rebuild_env: true } },
    },
  });
}

test("the script runs with the Python of the new environment, which is captured, and is gone afterwards", async () => {
  await bench.work({ env: withUv('echo "installing from $7"; cat "$7"'), capture: captureEnvironment });
  const paths = await reproduction("six==1.16.0\n");
  const manifest = await bench.sealed(paths);
  const log = fs.readFileSync(paths.outputLog, "utf8");
  expect(log).toContain("ml: building the environment from 1 packages");
  expect(log).toContain("six==1.16.0");
  expect(log).toContain(`x ${join(paths.private, "venv/bin/python")}`);
  expect(manifest).toMatchObject({
    status: "completed",
    environment: { python_executable: join(paths.private, "venv/bin/python") },
  });
  expect(manifest.argv[0]).toBe("python3");
  expect(fs.existsSync(join(paths.private, "venv"))).toBeFalse();
});

test("where it cannot be built the script does not start, and the verdict says why and what to do", async () => {
  await bench.work({ env: withUv("echo no route to host >&2; exit 1") });
  const paths = await reproduction("six==1.16.0\n");
  const { status, failure } = await bench.sealed(paths);
  expect(status).toBe("failed");
  expect(failure).toMatchObject({
    kind: "environment_error",
    message: "the environment could not be built: uv could not install the packages",
  });
  expect(failure?.hint).toContain("without `--rebuild-env`");
  expect(fs.readFileSync(paths.outputLog, "utf8")).toContain("no route to host");
});

test("metrics that nobody logged are found while the script runs and when it has ended, and are sealed", async () => {
  await bench.work();
  const lines = "printf 'epoch,loss\\n0,0.5\\n' > training.log; echo 'acc: 0.25'; echo 'ml:metric loss=9 step=1'";
  const paths = await bench.submit({
    argv: ["sh", "-c", lines],
    manifest: { launch: { metric_patterns: ["acc: {acc}"] } },
  });
  const { metrics } = await bench.sealed(paths);
  // What the script says itself goes before what was found.
  expect(metrics).toMatchObject({ loss: 9, acc: 0.25 });
  expect(fs.readFileSync(paths.sums, "utf8")).toContain("  metrics.passive.jsonl\n");
});
