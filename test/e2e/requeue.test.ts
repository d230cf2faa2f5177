/** `ml requeue` and `ml clone` through the executable: the examples as they are written, and what can go wrong with them. */
import { expect, test } from "bun:test";
import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openLab } from "./lab.ts";

const script = `import os, sys
args = dict(zip(sys.argv[1::2], sys.argv[2::2]))
if "--resume" in args: print("resumed from", open(args["--resume"]).read())
os.makedirs("checkpoints", exist_ok=True)
open("checkpoints/best.pt", "w").write("weights of " + args["--epochs"])
open("checkpoints/log.txt", "w").write("x")
print("source", os.environ.get("ML_SOURCE_RUN"), "staged", os.path.basename(os.environ.get("ML_STAGED", "none")))
`;

interface Info {
  manifest: { argv: string[]; lineage: object; narrative: Record<string, unknown>; name: string; environment: object };
}

test("a run goes on from a checkpoint of another, whatever happens to that one", async () => {
  const lab = openLab();
  lab.put("train.py", script);
  await lab.ml(["queue", "-f", "--tag", "a", "--group", "g", "--hypothesis", "h", "train.py", "--epochs", "100"]);
  const source = (await lab.ml(["info", "@last", "-q"])).stdout.trim();
  lab.put("train.py", "raise SystemExit('the code of today')\n");
  const unstaged = await lab.ml(["requeue", source, "-n", "--", "--resume", "./checkpoints/best.pt"]);
  expect(unstaged.stderr).toContain(
    `a new run starts without it; \`--stage checkpoints/best.pt -- … {staged}/best.pt\` hands it over`,
  );
  const ran = await lab.ml(
    `requeue ${source} -f --tag b --stage checkpoints/best.pt -- --resume {staged}/best.pt --epochs 200`.split(" "),
  );
  expect(ran.stderr).toContain("command: python3 train.py --epochs 100 --resume '{staged}/best.pt' --epochs 200");
  expect(ran.stdout).toContain("resumed from weights of 100");
  expect(ran.stdout).toContain(`source ${source} staged staged`);
  const { manifest } = await lab.json<Info>(["info", "@last"]);
  expect(manifest.argv.slice(2)).toEqual(["--epochs", "100", "--resume", "../staged/best.pt", "--epochs", "200"]);
  expect(manifest.narrative).toMatchObject({ experiment_group: "g", hypothesis: "h", tags: ["a", "b"] });
  expect(manifest.lineage).toMatchObject({
    kind: "requeue",
    source_run: source,
    staged: [{ run_id: source, path: "checkpoints/best.pt", as: "best.pt", size_bytes: 14 }],
  });
  const folder = lab.folder((await lab.ml(["info", "@last", "-q"])).stdout.trim());
  expect(readFileSync(join(folder, "SHA256SUMS"), "utf8")).toContain("  staged/best.pt\n");
  // What was handed over is a copy: the source may be damaged or deleted, and a clone still has it.
  const checkpoint = join(lab.folder(source), "work/checkpoints/best.pt");
  chmodSync(checkpoint, 0o644);
  writeFileSync(checkpoint, "damaged");
  await lab.ml(["delete", source, "--yes"]);
  const clone = await lab.json<{ runs: { run_id: string }[] }>(["clone", "@last"]);
  const [first] = clone.runs;
  expect((await lab.ml(["wait", first?.run_id ?? ""])).code).toBe(0);
  expect((await lab.ml(["logs", first?.run_id ?? ""])).stdout).toContain("resumed from weights of 100");
}, 120_000);

test("merge and replace show what they make of the command, and a dry run queues nothing", async () => {
  const lab = openLab();
  lab.put("train.py", "print(1)\n");
  await lab.queue(["--hold", "train.py", "--epochs", "100", "--save-dir", "./checkpoints"]);
  const made = async (...words: string[]) => (await lab.ml(["requeue", "train", "-n", ...words])).stdout;
  expect(await made("--merge", "--", "--epochs", "200")).toContain("train.py --epochs 200 --save-dir ./checkpoints\n");
  expect(await made("--replace", "--", "--lr", "3e-4")).toContain(": python3 train.py --lr 3e-4\n");
  expect(await made("--append", "--", "-v")).toContain("--save-dir ./checkpoints -v\n");
  const both = await lab.ml(["requeue", "train", "--merge", "--replace"]);
  expect([both.code, both.stderr]).toEqual([2, expect.stringContaining("exclude each other")]);
  expect((await lab.json<{ waiting: object[] }>(["status"])).waiting.length).toBe(1);
}, 120_000);

test("what a run left is staged by its path from where the script ran as well as from the top", async () => {
  const lab = openLab();
  lab.put("deep/train.py", script);
  Bun.spawnSync(["git", "init", "-q"], { cwd: lab.project });
  const cwd = join(lab.project, "deep");
  await lab.ml(["queue", "-f", "train.py", "--epochs", "1"], { cwd });
  for (const path of ["checkpoints/best.pt", "deep/checkpoints/best.pt"]) {
    const ran = await lab.ml(["requeue", "train", "-n", "--stage", path, "--", "--resume", "{staged}/best.pt"], {
      cwd,
    });
    expect([ran.code, ran.stdout]).toEqual([0, expect.stringContaining("--resume ../../staged/best.pt")]);
  }
}, 60_000);

test("[S3] what cannot be staged is refused with its reason, and nothing is queued", async () => {
  const lab = openLab();
  lab.put("train.py", script);
  await lab.ml(["queue", "-f", "train.py", "--epochs", "1"]);
  const code = async (...words: string[]) => {
    const ran = await lab.ml(["requeue", "train", ...words]);
    return [ran.code, ran.stderr.split("\n").find((line) => line.startsWith("ml:"))];
  };
  expect(await code("--stage", "nothere")).toEqual([3, expect.stringContaining("has no file `nothere`")]);
  expect(await code("--stage", "../run_manifest.json")).toEqual([3, expect.stringContaining("has no file")]);
  expect(await code("--ram", "0")).toEqual([7, expect.stringContaining("it asks for no RAM at all")]);
  expect(await code("--", "{staged}/x")).toEqual([2, expect.stringContaining("nothing is staged")]);
  expect(await code("--stage", "checkpoints/*", "--stage", "checkpoints")).toEqual([0, undefined]);
  expect((await lab.ml(["requeue", "nobody"])).code).toBe(3);
  expect((await lab.ml(["requeue"])).code).toBe(2);
}, 120_000);

test("`--code current` runs the same command on the code of today", async () => {
  const lab = openLab();
  lab.put("train.py", "print('yesterday')\n");
  await lab.ml(["queue", "-f", "train.py"]);
  lab.put("train.py", "print('today')\n");
  const ran = await lab.ml(["requeue", "@last", "-f", "--code", "current"]);
  expect(ran.stdout).toContain("today");
  const old = await lab.ml(["requeue", "@last~1", "-f"]);
  expect(old.stdout).toContain("yesterday");
}, 120_000);

test("a waiting run can be changed in an editor, until it starts, and every change is kept", async () => {
  const lab = openLab();
  lab.put("train.py", "import sys; print(sys.argv)\n");
  const runId = await lab.queue(["--hold", "train.py", "--lr", "1"]);
  lab.put(
    "edit.sh",
    `#!/bin/sh\nsed -i -e 's/--lr 1/--lr 2/' -e 's/^priority = 5/priority = 8/' -e 's/^cpus = 1/cpus = 2/' "$1"\n`,
  );
  const edit = async (editor: string) => {
    const terminal = lab.terminal(["edit", "train"], { env: { EDITOR: editor } });
    return [await terminal.ended, terminal.screen()] as const;
  };
  const [code, screen] = await edit(join(lab.project, "edit.sh"));
  expect([code, screen]).toEqual([
    0,
    expect.stringContaining(`changed argv, resources.requested, priority of ${runId}`),
  ]);
  const { manifest } = await lab.json<Info & { manifest: { resources: object; priority: number } }>(["info", runId]);
  expect(manifest.argv).toEqual(["python3", "train.py", "--lr", "2"]);
  expect(manifest).toMatchObject({ priority: 8, resources: { requested: { cpu_cores: 2 } } });
  expect(readFileSync(join(lab.folder(runId), "history.jsonl"), "utf8")).toContain('"field":"argv"');
  expect((await edit("true"))[1]).toContain("nothing changed");
  const [wrong, said] = await edit("sed -i s/^cpus/cpuss/");
  expect([wrong, said]).toEqual([2, expect.stringContaining("did you mean `cpus`?")]);
  expect(said).toContain("what you typed is in");
  await lab.ml(["release", runId]);
  expect((await lab.ml(["wait", runId])).code).toBe(0);
  expect((await lab.ml(["logs", runId])).stdout).toContain("'--lr', '2'");
  expect((await edit("true"))[0]).toBe(7);
}, 120_000);

test("`ml retry` queues again what failed and was not tried since", async () => {
  const lab = openLab();
  lab.put("a.py", "raise SystemExit(3)\n");
  for (const lr of ["1", "2"]) await lab.ml(["queue", "-f", "a.py", "--lr", lr]);
  const alone = await lab.ml(["retry"]);
  expect([alone.code, alone.stderr]).toEqual([2, expect.stringContaining("2 runs again, and there is no terminal")]);
  const { runs } = await lab.json<{ runs: { run_id: string; command: string }[] }>(["retry", "--yes"]);
  expect(runs.map((run) => run.command).sort()).toEqual(["python3 a.py --lr 1", "python3 a.py --lr 2"]);
  const live = await lab.ml(["wait", ...runs.map((run) => run.run_id)]);
  expect(live.code).toBe(5);
  expect((await lab.json<{ runs: object[] }>(["retry", runs[0]?.run_id ?? "", "--dry-run"])).runs.length).toBe(1);
}, 120_000);

test("a fork is the code of a run in a folder, and what is queued from there is its child", async () => {
  const lab = openLab();
  lab.put("src/train.py", "print('old')\n");
  await lab.ml(["queue", "-f", "--group", "g", "--tag", "a", "--hypothesis", "h", "train.py"], {
    cwd: join(lab.project, "src"),
  });
  const source = (await lab.ml(["info", "@last", "-q"])).stdout.trim();
  lab.put(".git/HEAD", "ref: refs/heads/main\n");
  const ran = await lab.ml(["fork", source, "forked"]);
  expect(ran.stdout).toContain("`ml queue` runs: python3 train.py");
  const cwd = join(lab.project, "forked");
  expect(readdirSync(cwd).sort()).toEqual([".mlfork", "train.py"]);
  writeFileSync(join(cwd, "train.py"), "print('new')\n");
  const child = await lab.ml(["queue", "-f", "--tag", "b"], { cwd });
  expect(child.stdout).toContain("new");
  const { manifest } = await lab.json<Info>(["info", "@last"]);
  expect(manifest.lineage).toMatchObject({ kind: "fork", source_run: source });
  expect(manifest.narrative).toMatchObject({
    ...{ parent_run: source, experiment_group: "g", hypothesis: "h", tags: ["a", "b"] },
  });
  expect((await lab.ml(["fork", source, "forked"])).code).toBe(7);
}, 120_000);

test("a search takes the place of names: every run that it means is queued again", async () => {
  const lab = openLab();
  lab.put("a.py", "import sys; sys.exit(int(sys.argv[2]))\n");
  for (const code of ["1", "0", "2"]) await lab.ml(["queue", "-f", "--group", "g", "a.py", "--code", code]);
  const words = ["requeue", "--json", "--where", "group:g status:failed", "--yes", "--", "-v"];
  const made: { runs: { command: string }[] } = JSON.parse((await lab.ml(words)).stdout);
  expect(made.runs.map((run) => run.command).sort()).toEqual(["python3 a.py --code 1 -v", "python3 a.py --code 2 -v"]);
  const tried = await lab.json<{ runs: object[] }>(["retry", "--where", "group:g status:completed", "-n"]);
  expect(tried.runs.length).toBe(1);
  expect((await lab.ml(["retry", "--where", "statsu:failed"])).code).toBe(2);
}, 120_000);
