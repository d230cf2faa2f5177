/** `ml ls`, `ml cat` and `ml pull` through the executable. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { openLab } from "./lab.ts";

async function labWithRun() {
  const lab = openLab();
  lab.put(
    "code.py",
    "import os\nos.mkdir('out')\nopen('out/bytes.bin', 'wb').write(bytes(range(256)) * 5000)\nopen('empty', 'w')\nos.symlink('/etc/passwd', 'link')\nos.mkfifo('pipe')\n",
  );
  await lab.ml(["queue", "-q", "-f", "--name", "r", "code.py"]);
  return lab;
}

test("ls says what is code, artifact and record, and finds names in work/ by themselves", async () => {
  const lab = await labWithRun();
  const { entries } = await lab.json<{ entries: { path: string; origin: string; kind: string }[] }>(["ls", "r", "-R"]);
  const found = new Map(entries.map((entry) => [entry.path, `${entry.kind} ${entry.origin}`]));
  expect(found.get("work/code.py")).toBe("file code");
  expect(found.get("work/out/bytes.bin")).toBe("file artifact");
  expect(found.get("run_manifest.json")).toBe("file record");
  expect((await lab.ml(["ls", "r", "out", "-q"])).stdout).toBe("work/out/bytes.bin\n");
  expect((await lab.ml(["ls", "r", "out/bytes.bin"])).stdout).toMatch(/1\.3 MB .* artifact +work\/out\/bytes\.bin\n/);
  for (const words of [["ls"], ["cat"], ["pull"]]) {
    const ran = await lab.ml([...words, "r", "nope"]);
    expect([words, ran.code]).toEqual([words, 3]);
    expect(ran.stderr).toMatch(/^ml: run `.+` has no `nope`\nhint: `ml ls .+ -R` lists its files\n$/);
  }
}, 120_000);

test("cat gives exact bytes", async () => {
  const lab = await labWithRun();
  const value = await lab.json<{ encoding: string; data: string }>(["cat", "r", "out/bytes.bin"]);
  expect(value.encoding).toBe("base64");
  expect(
    Buffer.from(value.data, "base64").equals(
      Buffer.from(Array.from({ length: 5000 }, () => [...Array(256).keys()]).flat()),
    ),
  ).toBe(true);
  expect((await lab.ml(["cat", "r", "work/code.py"])).stdout).toBe(readFileSync(join(lab.project, "code.py"), "utf8"));
  expect((await lab.ml(["cat", "r", "empty"])).stdout).toBe("");
}, 120_000);

test("[S3] nothing outside of the run folder comes out, and no device or pipe is opened", async () => {
  const lab = await labWithRun();
  for (const path of [
    "../../../users.toml",
    "/etc/passwd",
    "work/link",
    "work/pipe",
    "work/%2e%2e/%2e%2e/x",
    "work/a\\0b",
  ]) {
    const ran = await lab.ml(["cat", "r", path]);
    expect([path, ran.stdout, ran.code === 3 || ran.code === 4]).toEqual([path, "", true]);
  }
}, 120_000);

test("what pull brings into a folder of its own is no code of the next run; a named folder is as one's own files are", async () => {
  const lab = await labWithRun();
  const { to } = await lab.json<{ to: string }>(["pull", "r", "work/code.py"]);
  expect(readFileSync(join(to, ".gitignore"), "utf8")).toContain("\n*\n");
  await lab.json(["pull", "r", "work/code.py", "--to", "mine"]);
  const dry = await lab.ml(["queue", "-n", "-v", "code.py"]);
  expect(dry.stdout + dry.stderr).toContain(`left out: ${basename(to)}/: its .gitignore is \`*\``);
  expect(dry.stdout + dry.stderr).not.toContain("mine");
}, 120_000);

test("[N5] pull brings everything, leaves what is there, and goes on with what was begun", async () => {
  const lab = await labWithRun();
  const first = await lab.json<{ written: string[]; to: string }>(["pull", "r", "--to", "here"]);
  expect(first.written).toContain("work/out/bytes.bin");
  expect(existsSync(join(lab.project, "here/work/link"))).toBe(false);
  const check = Bun.spawnSync(["sha256sum", "--quiet", "-c", "SHA256SUMS"], {
    cwd: join(lab.project, "here"),
    stdout: "ignore",
  });
  expect(check.exitCode).toBe(0);
  const again = await lab.json<{ written: string[]; received_bytes: number }>(["pull", "r", "--to", "here"]);
  expect([again.written, again.received_bytes]).toEqual([[], 0]);
  writeFileSync(join(lab.project, "here/work/code.py"), "changed here");
  const one = await lab.json<{ written: string[] }>(["pull", "r", "code.py", "--to", "here"]);
  expect(one.written).toEqual(["work/code.py"]);
}, 120_000);
