/** The two examples, run by hand as a reader would: they learn, they resume exactly, they stop when told to. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { needs } from "../support/require.ts";
import { tempFolder, until } from "../support/temp.ts";

setDefaultTimeout(120_000);
const examples = join(import.meta.dir, "../../examples");
const digits = join(examples, "digits/train.py");
const numpyDigits = join(examples, "numpy-digits/train.py");
const small = ["--hidden", "8", "--batch-size", "8"];

function byHand(): Record<string, string> {
  const environment = { ...process.env, PYTHONDONTWRITEBYTECODE: "1" } as Record<string, string>;
  delete environment.PYTHONPATH;
  delete environment.ML_METRICS_FILE;
  return environment;
}

function train(cwd: string, script: string, ...args: string[]) {
  const cmd = ["python3", script, ...args];
  const done = Bun.spawnSync({ cmd, cwd, env: byHand(), stdout: "pipe", stderr: "pipe" });
  return { exitCode: done.exitCode, stdout: done.stdout.toString(), stderr: done.stderr.toString() };
}
const checkpoint = (folder: string, name = "last.json") =>
  JSON.parse(readFileSync(join(folder, "checkpoints", name), "utf8"));

describe("examples/digits", () => {
  needs("python3")("learns: over 0.93 on images it has not seen within five epochs, with its defaults", () => {
    const folder = tempFolder();
    const done = train(folder, digits, "--epochs", "3");
    expect([done.exitCode, done.stderr]).toEqual([0, ""]);
    const epochs = [...done.stdout.matchAll(/^epoch (\d)\/3 {2}loss \d\.\d{3} {2}val_acc (0\.\d{3}) {2}\d+\.\d s$/gm)];
    expect(epochs.map((line) => line[1])).toEqual(["1", "2", "3"]);
    expect(Math.max(...epochs.map((line) => Number(line[2])))).toBeGreaterThan(0.93);
    expect(readdirSync(join(folder, "checkpoints")).sort()).toEqual(["best.json", "last.json"]);
    expect(readdirSync(folder)).toEqual(["checkpoints"]);
  });

  needs("python3")("a run resumed from a checkpoint ends as an uninterrupted one does", () => {
    const [straight, parts] = [tempFolder(), tempFolder()];
    expect(train(straight, digits, "--epochs", "3", "--seed", "7", ...small).exitCode).toBe(0);
    expect(train(parts, digits, "--epochs", "1", "--seed", "7", ...small).exitCode).toBe(0);
    const resumed = train(parts, digits, "--epochs", "3", "--resume", "checkpoints/last.json");
    expect(resumed.stdout).toContain("resuming from checkpoints/last.json: 1 epochs and 0 batches are done");
    expect(checkpoint(parts)).toEqual(checkpoint(straight));
    expect(checkpoint(parts, "best.json")).toEqual(checkpoint(straight, "best.json"));
  });

  needs("python3")("SIGTERM inside an epoch saves and exits 143, and resuming loses and repeats nothing", async () => {
    const [straight, parts] = [tempFolder(), tempFolder()];
    const options = ["--epochs", "2", ...small, "--hidden", "32"];
    expect(train(straight, digits, ...options).exitCode).toBe(0);
    const said = join(parts, "said");
    const child = Bun.spawn(["python3", digits, ...options], {
      cwd: parts,
      env: byHand(),
      stdout: Bun.file(said),
      stderr: "inherit",
    });
    await until("the first epoch", () => existsSync(said) && readFileSync(said, "utf8").includes("epoch 1/2"));
    child.kill("SIGTERM");
    expect(await child.exited).toBe(143);
    expect(readFileSync(said, "utf8")).toContain("stopped by SIGTERM in epoch 2; saved last.json");
    expect(train(parts, digits, "--epochs", "2", "--resume", "checkpoints/last.json").exitCode).toBe(0);
    expect(checkpoint(parts)).toEqual(checkpoint(straight));
  });

  needs("python3")("a checkpoint of another size is refused in a sentence", () => {
    const folder = tempFolder();
    train(folder, digits, "--epochs", "1", ...small);
    const done = train(folder, digits, "--epochs", "2", "--resume", "checkpoints/last.json", "--hidden", "9");
    expect([done.exitCode, done.stderr]).toEqual([
      1,
      "train.py: the network in checkpoints/last.json has its size already, so --hidden cannot change\n",
    ]);
  });

  needs("python3")("logs its metrics where ml runs it", () => {
    const folder = tempFolder();
    const metrics = join(folder, "metrics.jsonl");
    const module = join(import.meta.dir, "../../python/ml_runner");
    Bun.spawnSync({
      cmd: ["python3", digits, "--epochs", "2", ...small],
      cwd: folder,
      env: { ...byHand(), PYTHONPATH: module, ML_METRICS_FILE: metrics },
    });
    const lines = readFileSync(metrics, "utf8").trimEnd().split("\n");
    const found = lines.map((line) => JSON.parse(line) as { name: string; value: number; step: number });
    expect(found.filter((line) => line.name === "val_acc").map((line) => line.step)).toEqual([1, 2]);
    const steps = found.filter((line) => line.name === "batch_loss").map((line) => line.step);
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
    expect(steps.length).toBeGreaterThan(10);
  });
});

describe("examples/numpy-digits", () => {
  const hasNumpy = Bun.spawnSync(["sh", "-c", "python3 -c 'import numpy'"], { stderr: "ignore" }).exitCode === 0;
  if (!hasNumpy) console.log("SKIPPED examples/numpy-digits learns: numpy not installed for python3");

  test.if(hasNumpy)("learns, and shows its progress as Keras does", () => {
    const folder = tempFolder();
    const done = train(folder, numpyDigits, "--epochs", "4", "--backend", "numpy");
    expect([done.exitCode, done.stderr]).toEqual([0, ""]);
    expect(done.stdout).toContain("\nEpoch 4/4\n\r 1/45 [>.............................] - ETA: ");
    expect(Number(/val_acc (0\.\d+)\n$/.exec(done.stdout)?.[1])).toBeGreaterThan(0.95);
    expect(readdirSync(folder)).toEqual(["model.npz"]);
  });

  needs("python3")("says which package is missing, and exits 1", () => {
    const folder = tempFolder();
    const cmd = ["python3", "-S", "-E", numpyDigits];
    const done = Bun.spawnSync({ cmd, cwd: folder, env: byHand(), stdout: "pipe", stderr: "pipe" });
    expect(done.exitCode).toBe(1);
    expect(done.stderr.toString()).toContain("--backend numpy: No module named 'numpy'");
    expect(done.stderr.toString()).toContain("-m pip install numpy");
  });
});
