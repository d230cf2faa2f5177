/** `ml sync`, `ml checkout`, patterns, and pulling again, through the executable. */
import { expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { openWire, type Wire } from "../../bench/wire.ts";
import { until } from "../support/temp.ts";
import { openLab, runsOnDisk } from "./lab.ts";

function noise(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, Math.min(size, at + 65_536)));
  return bytes;
}

const script = `import os, sys
os.makedirs('ckpt/deep', exist_ok=True)
for name in ('ckpt/a.pt', 'ckpt/deep/b.pt', 'ckpt/notes.txt', 'odd[1].csv'):
    open(name, 'w').write(name)
open('large.bin', 'wb').write(bytes(range(256)) * 24000)
`;

test("sync sends code and queues nothing; the second time there is nothing to send", async () => {
  const lab = openLab();
  lab.put("train.py", "print(1)\n");
  const first = await lab.json<{ snapshot: string; sent_files: number }>(["sync"]);
  expect(first.sent_files).toBe(1);
  expect(await lab.json(["sync"])).toMatchObject({ snapshot: first.snapshot, sent_files: 0, sent_bytes: 0 });
  expect(existsSync(join(lab.home, ".ml/data/snapshots", `${first.snapshot}.json`))).toBeTrue();
  expect(runsOnDisk(lab)).toEqual([]);
  expect((await lab.ml(["sync", "-q"])).stdout).toBe(`${first.snapshot}\n`);
  expect((await lab.ml(["sync", "--limit-rate", "soon"])).code).toBe(2);
}, 120_000);

test("checkout gives the code as it ran, and says what has changed since", async () => {
  const lab = openLab();
  lab.put("train.py", script);
  lab.put("tools/run.sh", "#!/bin/sh\n");
  lab.put("copy.sh", "#!/bin/sh\n");
  chmodSync(join(lab.project, "copy.sh"), 0o644);
  symlinkSync("tools/run.sh", join(lab.project, "start"));
  const run = await lab.queue(["-f", "train.py"]);
  writeFileSync(join(lab.project, "train.py"), "print('changed')\n");
  writeFileSync(join(lab.project, "new.py"), "");
  const out = await lab.json<{ differs: unknown; files: number }>(["checkout", run, "as-it-ran", "--diff"]);
  const at = (path: string) => join(lab.project, "as-it-ran", path);
  expect(readFileSync(at("train.py"), "utf8")).toBe(script);
  expect(lstatSync(at("tools/run.sh")).mode & 0o777).toBe(0o755);
  expect(lstatSync(at("copy.sh")).mode & 0o777).toBe(0o644);
  expect(readlinkSync(at("start"))).toBe("tools/run.sh");
  expect(readdirSync(join(lab.project, "as-it-ran")).sort()).toEqual(["copy.sh", "start", "tools", "train.py"]);
  expect(out).toMatchObject({ files: 4 });
  const ran = await lab.ml(["checkout", run, "as-it-ran"]);
  expect([ran.code, ran.stderr]).toEqual([7, expect.stringContaining("is not empty, and nothing was written into it")]);
  writeFileSync(at("train.py"), "damaged");
  const again = await lab.json<{ written: string[]; kept: string[] }>(["checkout", run, "as-it-ran", "--force"]);
  expect([again.written, again.kept]).toEqual([
    ["start", "train.py"],
    ["copy.sh", "tools/run.sh"],
  ]);
  expect(readFileSync(at("train.py"), "utf8")).toBe(script);
  expect((await lab.ml(["checkout", run])).code).toBe(2);
  const difference = (await lab.ml(["checkout", run, "--diff"])).stdout;
  expect(difference).toContain("~ changed  train.py\n");
  expect(difference).toContain("+ added    new.py\n");
}, 120_000);

test("patterns are matched on the server, from the run folder or from work/ on", async () => {
  const lab = openLab();
  lab.put("train.py", script);
  const run = await lab.queue(["-f", "train.py"]);
  const list = async (...args: string[]) => (await lab.ml(["ls", run, "-q", ...args])).stdout.trim().split("\n");
  expect(await list("**/*.pt")).toEqual(["work/ckpt/a.pt", "work/ckpt/deep/b.pt"]);
  expect(await list("ckpt/*.{pt,txt}")).toEqual(["work/ckpt/a.pt", "work/ckpt/notes.txt"]);
  expect(await list("run_*.json")).toEqual(["run_manifest.json"]);
  expect(await list("odd[1].csv")).toEqual(["work/odd[1].csv"]);
  expect((await lab.ml(["ls", run, "*.none"])).code).toBe(3);
  expect((await lab.ml(["cat", run, "ckpt/*"])).stdout).toBe("ckpt/a.ptckpt/notes.txt");
  const pulled = await lab.json<{ written: string[] }>(["pull", run, "ck*", "--to", "here"]);
  expect(pulled.written.sort()).toEqual(["work/ckpt/a.pt", "work/ckpt/deep/b.pt", "work/ckpt/notes.txt"]);
}, 120_000);

test("[N5] a large file that is here in another version comes as what differs, and is right", async () => {
  const lab = openLab();
  lab.put("train.py", script);
  const run = await lab.queue(["-f", "train.py"]);
  const first = await lab.json<{ received_bytes: number }>(["pull", run, "large.bin", "--to", "here"]);
  expect(first.received_bytes).toBe(6_144_000);
  const here = join(lab.project, "here/work/large.bin");
  const bytes = readFileSync(here);
  appendFileSync(here, "more than there is");
  const again = await lab.json<{ received_bytes: number; written: string[] }>([
    "pull",
    run,
    "large.bin",
    "--to",
    "here",
  ]);
  expect(again.written).toEqual(["work/large.bin"]);
  expect(again.received_bytes).toBeLessThan(5000);
  expect(readFileSync(here).equals(bytes)).toBeTrue();
}, 120_000);

test("push brings a folder as it is into one's own data, replaces it whole, and reaches nothing else", async () => {
  const lab = openLab();
  lab.put("set/.git/HEAD", "ignored by code, part of data");
  lab.put("set/deep/large.bin", Buffer.alloc(3_000_000, "large"));
  lab.put("set/labels.csv", "a,1\n");
  symlinkSync("labels.csv", join(lab.project, "set/link"));
  const first = await lab.json<{ folder: string; files: number }>(["push", "set"]);
  expect(first.files).toBe(4);
  expect(first.folder.startsWith(join(lab.home, ".ml/data/data/"))).toBeTrue();
  expect(readFileSync(join(first.folder, "link"), "utf8")).toBe("a,1\n");
  expect(lstatSync(join(first.folder, "deep/large.bin")).mode & 0o222).toBe(0);
  expect(existsSync(join(first.folder, ".git/HEAD"))).toBeTrue();
  appendFileSync(join(lab.project, "set/deep/large.bin"), "more");
  rmSync(join(lab.project, "set/link"));
  const again = await lab.json<{ files: number; sent_bytes: number }>(["push", "set/"]);
  expect(again.files).toBe(3);
  expect(again.sent_bytes).toBeLessThan(4000);
  expect(readdirSync(first.folder).sort()).toEqual([".git", "deep", "labels.csv"]);
  expect(lstatSync(join(first.folder, "deep/large.bin")).size).toBe(3_000_004);
  for (const name of ["../out", ".hidden", "a/b", ""]) {
    expect([name, (await lab.ml(["push", "set", "--as", name])).code]).toEqual([name, 2]);
  }
  expect((await lab.ml(["push", "set/labels.csv"])).code).toBe(3);
}, 120_000);

test("[N5] over a slow line that is cut an upload goes on where it stopped, and an unchanged tree costs next to nothing", async () => {
  const lab = openLab();
  lab.put("train.py", "print(1)\n");
  lab.put("large.bin", noise(8_000_000));
  await lab.ml(["server", "start"]);
  const { url } = await lab.json<{ url: string }>(["server", "status"]);
  const key = (await lab.ml(["key", "add", "ada", "-q"])).stdout.trim();
  const port = Number(new URL(url).port);
  const through = (wire: Wire) => ({ env: { ML_SERVER_URL: `ws://127.0.0.1:${wire.port}`, ML_API_KEY: key } });
  const first = openWire(port, 50);
  const cut = lab.start(["sync"], through(first));
  let passed = 0;
  await until("a good part to have passed", () => {
    passed += first.taken();
    return passed > 4_000_000;
  });
  cut.kill("SIGKILL");
  await cut.ended;
  first.stop();
  const second = openWire(port, 50);
  const sent = await lab.ml(["sync", "--json"], through(second));
  expect(JSON.parse(sent.stdout)).toMatchObject({ files: 2 });
  const rest = second.taken();
  expect(rest).toBeLessThan(8_000_000 - 2_000_000);
  expect((await lab.ml(["sync", "-q"], through(second))).code).toBe(0);
  expect(second.taken()).toBeLessThan(3000);
  second.stop();
}, 120_000);
