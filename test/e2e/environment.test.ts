/** `ml queue --venv` and `--trace-reads`, as somebody types them; environments are built in test/worker/venv.test.ts. */
import { expect, test } from "bun:test";
import { openLab } from "./lab.ts";

test("a lock that cannot be one is told of before the run takes a place in the line, with what to do", async () => {
  const lab = openLab();
  lab.put("train.py", "print(1)\n");
  lab.put("requirements.txt", "-e .\n");
  const local = await lab.ml(["queue", "--venv", "requirements.txt", "train.py"]);
  expect([local.code, local.stdout]).toEqual([7, ""]);
  expect(local.stderr).toContain("no environment can be built from `requirements.txt`: `-e .` in it is code");
  expect(local.stderr).toContain("hint: name published packages alone");
  const gone = await lab.ml(["queue", "--venv", "uv.lock", "train.py"]);
  expect([gone.code, gone.stderr]).toEqual([7, expect.stringContaining("`uv.lock` is not in the code")]);
  const without = await lab.ml(["queue", "--no-code", "--venv", "requirements.txt", "--", "true"]);
  expect([without.code, without.stderr]).toEqual([2, expect.stringContaining("no code is sent with this run")]);
  expect(await lab.json(["status"])).toMatchObject({ waiting: [], running: [], recent: [] });
});

test("what a run read without naming it is seen by its page, by the dataset's, and by a search", async () => {
  const lab = openLab();
  lab.put("set/a.txt", "one");
  lab.put("read.sh", 'exec 3< "$1"; cat "$1"; sleep 1.5\n');
  await lab.ml(["dataset", "add", "letters", "./set"]);
  const run = await lab.queue(["--trace-reads", "sh", "read.sh", `${lab.project}/set/a.txt`]);
  await lab.ml(["wait", run]);
  const info = (await lab.ml(["info", run])).stdout;
  expect(info).toMatch(/letters version 1: 1 file.*, without --data/);
  expect(info).toContain("env/reads.tsv");
  expect((await lab.ml(["dataset", "show", "letters"])).stdout).toContain("read 1 file of it without --data");
  expect((await lab.ml(["find", "-q", "dataset:letters"])).stdout.trim()).toBe(run);
  expect((await lab.ml(["cat", run, "env/reads.tsv"])).stdout).toContain("/set/a.txt\n");
});
