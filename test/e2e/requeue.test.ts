/** `ml requeue` and `ml clone` through the executable: the examples as they are written, and what can go wrong with them. */
import { expect, test } from "bun:test";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
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
}, 60_000);

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
  expect(await code("--", "{staged}/x")).toEqual([2, expect.stringContaining("nothing is staged")]);
  expect(await code("--stage", "checkpoints/*", "--stage", "checkpoints")).toEqual([0, undefined]);
  expect((await lab.ml(["requeue", "nobody"])).code).toBe(3);
  expect((await lab.ml(["requeue"])).code).toBe(2);
}, 60_000);

test("`--code current` runs the same command on the code of today", async () => {
  const lab = openLab();
  lab.put("train.py", "print('yesterday')\n");
  await lab.ml(["queue", "-f", "train.py"]);
  lab.put("train.py", "print('today')\n");
  const ran = await lab.ml(["requeue", "@last", "-f", "--code", "current"]);
  expect(ran.stdout).toContain("today");
  const old = await lab.ml(["requeue", "@last~1", "-f"]);
  expect(old.stdout).toContain("yesterday");
}, 60_000);
