/** `ml validate`, `ml reproduce`, `ml prune` and strict submissions, as somebody types them. */
import { describe, expect, test } from "bun:test";
import { appendFileSync, chmodSync, existsSync } from "node:fs";
import { join } from "node:path";
import { needs } from "../support/require.ts";
import { openLab } from "./lab.ts";

const script = [
  "import os",
  "os.makedirs('ckpt', exist_ok=True)",
  "log = open('training.log', 'w')",
  "print('epoch,loss', file=log)",
  "for epoch in range(3):",
  "    print(f'{epoch},{1 / (epoch + 1)}', file=log)",
  "    open(f'ckpt/model_{epoch}.pt', 'w').write('w' * 100)",
  "",
].join("\n");

interface Validated {
  runs: { valid: boolean; checks: { name: string; state: string; evidence: string[] }[] }[];
}

describe("keeping runs", () => {
  needs("python3")("found metrics, reproduced, pruned, and still valid; damage is exit code 8 and named", async () => {
    const lab = openLab();
    lab.put("train.py", script);
    const run = await lab.queue(["train.py"]);
    await lab.ml(["wait", run]);
    const metrics = await lab.json<{ points: { name: string; step: number }[] }>(["metrics", run]);
    expect(metrics.points.map((point) => `${point.name}@${point.step}`)).toEqual(["loss@0", "loss@1", "loss@2"]);

    const again = await lab.ml(["reproduce", run, "--wait"]);
    expect(again.stdout).toMatch(/^. reproduced {2}\w+ of /);
    expect(again.stdout).toContain("1 of 1 metric is the same; 4 of 4 artifacts are the same, byte for byte");
    expect(again.code).toBe(0);
    const check = await lab.json(["reproduce", "--check", run]);
    expect(check).toMatchObject({ verdict: "reproduced", source_run: run, environment: [], hardware: [] });

    expect((await lab.ml(["prune", "--superseded"])).code).toBe(2);
    const plan = await lab.json(["prune", run, "--superseded", "--dry-run"]);
    expect(plan).toMatchObject({ dry_run: true, files: 2, size_bytes: 200 });
    expect((await lab.ml(["prune", run, "--superseded", "--yes"])).stdout).toContain("freed 200 B");
    const kept = (n: number) => existsSync(join(lab.folder(run), `work/ckpt/model_${n}.pt`));
    expect([kept(0), kept(1), kept(2)]).toEqual([false, false, true]);
    expect((await lab.json<Validated>(["validate", run])).runs[0]?.valid).toBeTrue();

    const log = join(lab.folder(run), "work/training.log");
    chmodSync(log, 0o644);
    appendFileSync(log, "3,0\n");
    const damaged = await lab.ml(["validate", run, "--json"]);
    expect(damaged.code).toBe(8);
    const failed =
      (JSON.parse(damaged.stdout) as Validated).runs[0]?.checks.filter((one) => one.state === "failed") ?? [];
    expect(failed.map((one) => one.name)).toEqual(["sums"]);
    expect(failed[0]?.evidence[0]).toStartWith("work/training.log: expected ");
  });

  test("a strict submission is refused with exit code 7 and what to type", async () => {
    const lab = openLab();
    lab.put("train.py", "print(1)\n");
    const refused = await lab.ml(["queue", "--repro-level", "strict", "train.py"]);
    expect(refused.code).toBe(7);
    expect(refused.stderr).toContain(
      "no commit says what the code is; no lock file names the versions of its packages; no seed is seen",
    );
    expect(refused.stderr).toContain("hint: `git init && git add -A && git commit -m start`; `uv lock`");
    lab.put("seeded.py", "import random\nrandom.seed(0)\n");
    lab.put("requirements.txt", "numpy==1.26.4\n");
    const git = (...args: string[]) =>
      Bun.spawnSync(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", ...args], { cwd: lab.project });
    git("init", "-q");
    git("add", "-A");
    git("commit", "-qm", "start");
    expect((await lab.ml(["queue", "--dry-run", "--repro-level", "strict", "seeded.py"])).code).toBe(0);
  });
});
