/** `ml logs` and `ml queue -f`: every byte once, over restarts, into pipes and terminals. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { mlBinary } from "../support/binary.ts";
import { until } from "../support/temp.ts";
import { bare, openLab } from "./lab.ts";

async function serverPid(lab: ReturnType<typeof openLab>): Promise<number> {
  return (await lab.json<{ pid: number }>(["server", "status"])).pid;
}

describe("following", () => {
  test("stdout is what the script printed, stderr ends with the verdict, and the exit code says how it went", async () => {
    const lab = openLab();
    lab.put(
      "train.py",
      "from ml_runner import log_metric\nfor s in range(3): log_metric('val_loss', 1 / (s + 1), step=s)\nprint('no line end', end='')\nopen('best.bin', 'wb').write(b'x' * 2000)\n",
    );
    const ran = await lab.ml(["queue", "-f", "train.py"]);
    expect([ran.code, ran.stdout]).toEqual([0, "no line end"]);
    expect(ran.stderr).toMatch(/✓ completed in .* train \d/);
    expect(ran.stderr).toContain("metrics    val_loss 0.3333");
    expect(ran.stderr).toContain("artifacts  1 file, 2.0 kB: best.bin 2.0 kB");
    expect(ran.stderr).toContain(`folder     ${join(lab.home, ".ml/data/runs")}`);
  }, 120_000);

  test("a run that failed ends with 5, its kind, its traceback and the next command", async () => {
    const lab = openLab();
    lab.put("train.py", "def f(x):\n    return 1 / x\nf(0)\n");
    const ran = await lab.ml(["queue", "-f", "train.py"]);
    expect(ran.code).toBe(5);
    expect(ran.stderr).toMatch(/✗ failed after .*: code_error/);
    expect(ran.stderr).toContain("│ ZeroDivisionError: division by zero");
    expect(ran.stderr).toMatch(/more {7}ml info \w+/);
  }, 120_000);

  test("a waiting run says where it stands, then that it started", async () => {
    const lab = openLab();
    lab.put("train.py", "print('x')\n");
    const following = lab.start(["queue", "-f", "--hold", "--name", "late", "train.py"]);
    await until("held", () => following.stderr().includes("held; `ml release "));
    await lab.ml(["release", "late"]);
    expect(await following.ended).toBe(0);
    expect(following.stderr()).toMatch(/started after .* in line/);
    expect(following.stdout()).toBe("x\n");
  }, 120_000);

  test("[N1 K1] the server is killed twice meanwhile: no byte is missing, none comes twice", async () => {
    const lab = openLab();
    lab.put("count.py", "import time\nfor i in range(60):\n    print('line', i, flush=True)\n    time.sleep(0.05)\n");
    const following = lab.start(["queue", "-f", "count.py"]);
    for (const line of [10, 35]) {
      await until(`line ${line}`, () => following.stdout().includes(`line ${line}\n`));
      process.kill(await serverPid(lab), "SIGKILL");
      await lab.ml(["server", "start"]);
    }
    expect(await following.ended).toBe(0);
    expect(following.stdout()).toBe(Array.from({ length: 60 }, (_, i) => `line ${i}\n`).join(""));
    expect(following.stderr()).toContain("connected again");
  }, 120_000);

  test("Ctrl-C detaches with 130, says that the run goes on, and it does", async () => {
    const lab = openLab();
    lab.put(
      "wait.py",
      "import os, time\nprint('here', flush=True)\nwhile not os.path.exists('go'): time.sleep(0.02)\nprint('end')\n",
    );
    const following = lab.start(["queue", "-f", "wait.py"]);
    await until("output", () => following.stdout() === "here\n");
    following.kill("SIGINT");
    expect(await following.ended).toBe(130);
    expect(following.stderr()).toMatch(/detached; run \S+ goes on: `ml logs -f \w+` follows it again/);
    const { summary } = await lab.json<{ summary: { run_id: string; status: string } }>(["info", "@last"]);
    expect(summary.status).toBe("running");
    Bun.write(join(lab.folder(summary.run_id), "work/go"), "");
    const again = await lab.ml(["logs", "-f", "@last"]);
    expect([again.code, again.stdout]).toEqual([0, "here\nend\n"]);
  }, 120_000);

  test("[D12] a log that the job cuts is read from its start again, with a marker", async () => {
    const lab = openLab();
    const script =
      "printf 'first, and long\\n'; until [ -e go ]; do sleep 0.05; done; : > ../output.log; printf 'second\\n'; until [ -e end ]; do sleep 0.05; done";
    const following = lab.start(["queue", "-f", "--no-code", "--", "sh", "-c", script]);
    await until("the first line", () => following.stdout() === "first, and long\n");
    const { summary } = await lab.json<{ summary: { run_id: string } }>(["info", "@last"]);
    Bun.write(join(lab.folder(summary.run_id), "work/go"), "");
    await until("the second", () => following.stdout().endsWith("second\n"));
    Bun.write(join(lab.folder(summary.run_id), "work/end"), "");
    await following.ended;
    expect(following.stdout()).toBe("first, and long\nsecond\n");
    expect(following.stderr()).toContain("the log was cut or replaced");
  }, 120_000);

  test("--json tells the whole story in lines", async () => {
    const lab = openLab();
    lab.put("train.py", "print('x')\n");
    const ran = await lab.ml(["queue", "-f", "--json", "train.py"]);
    const lines = ran.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(new Set(lines.map((line) => line.schema))).toEqual(new Set(["ml.follow/1"]));
    expect(lines[0].kind).toBe("submitted");
    expect(
      lines
        .filter((line) => line.kind === "log")
        .map((line) => line.data)
        .join(""),
    ).toBe("x\n");
    expect(lines.at(-1)).toMatchObject({ kind: "ended", summary: { status: "completed", exit_code: 0 } });
  }, 120_000);
});

test("[N2] a reader that pauses while the log grows fast costs neither side memory, and misses nothing", async () => {
  const lab = openLab();
  lab.put("fast.py", "import os\nfor i in range(60): os.write(1, (b'%07d' % i + b'x' * 1017) * 1024)\n");
  const run = await lab.queue(["--name", "fast", "--hold", "fast.py"]);
  const pipe = '"$1" logs -f fast | { until [ -e go ]; do sleep 0.05; done; sha256sum; }';
  const env = { PATH: process.env.PATH ?? "", HOME: lab.home, LANG: "C.UTF-8" };
  const paused = Bun.spawn(["sh", "-c", pipe, "sh", mlBinary()], {
    env,
    cwd: lab.project,
    stdout: "pipe",
    stderr: "ignore",
  });
  await lab.ml(["release", run]);
  expect((await lab.ml(["wait", run])).code).toBe(0);
  const { memory_bytes: memory } = await lab.json<{ memory_bytes: number }>(["server", "status"]);
  expect(memory).toBeLessThan(250 * 1024 * 1024);
  lab.put("go", "");
  const sum = (await paused.stdout.text()).split(" ")[0];
  const log = readFileSync(join(lab.folder(run), "output.log"));
  expect([log.length, sum]).toEqual([60 * 1024 * 1024, new Bun.CryptoHasher("sha256").update(log).digest("hex")]);
  await paused.exited;
  expect(paused.resourceUsage()?.maxRSS ?? 0).toBeLessThan(200 * 1024 * 1024);
}, 120_000);

describe("logs", () => {
  const noise = "print('\\x1b]0;pwned\\x07\\x1b[31mred\\x1b[0m\\x1b[2J 1%\\r2%')\n";

  test("[S6] bytes are exact in a pipe, and made harmless on a terminal, where --raw is wanted for all of them", async () => {
    const lab = openLab();
    lab.put("noise.py", noise);
    await lab.ml(["queue", "-f", "-q", "noise.py"]);
    const exact = "\x1b]0;pwned\x07\x1b[31mred\x1b[0m\x1b[2J 1%\r2%\n";
    expect((await lab.ml(["logs", "@last"])).stdout).toBe(exact);
    const shown = lab.terminal(["logs", "@last"]);
    expect(await shown.ended).toBe(0);
    await until("the text", () => shown.screen().includes("2%"));
    expect(shown.screen().replaceAll("\r\n", "\n")).toBe("\x1b[31mred\x1b[0m 1%\r2%\n\x1b[0m");
    const raw = lab.terminal(["logs", "--raw", "@last"]);
    await raw.ended;
    await until("the text", () => raw.screen().includes("2%"));
    expect(raw.screen().replaceAll("\r\n", "\n")).toBe(exact);
  }, 120_000);

  test("[D11] a large binary log without a line end comes out exactly, in bounded memory", async () => {
    const lab = openLab();
    const megabytes = 120;
    lab.put(
      "big.py",
      `import os, sys\nblock = bytes(range(256)) * 4096\nfor _ in range(${megabytes}): os.write(1, block)\n`,
    );
    await lab.ml(["queue", "-q", "-f", "big.py"]);
    const runId = (await lab.ml(["wait", "-q", "@last"])).stdout.trim();
    const reading = Bun.spawn(["sh", "-c", `"$1" logs @last | sha256sum`, "sh", mlBinary()], {
      env: { PATH: process.env.PATH ?? "", HOME: lab.home, LANG: "C.UTF-8" },
      stdout: "pipe",
    });
    const sum = (await reading.stdout.text()).split(" ")[0];
    const expected = new Bun.CryptoHasher("sha256")
      .update(readFileSync(join(lab.folder(runId), "output.log")))
      .digest("hex");
    expect(sum).toBe(expected);
    // Of the largest process beneath the shell.
    expect(reading.resourceUsage()?.maxRSS ?? 0).toBeLessThan(200 * 1024 * 1024);
  }, 120_000);

  test("[C5] a reader that has seen enough ends us quietly", async () => {
    const lab = openLab();
    await lab.ml(["queue", "-f", "-q", "--no-code", "--", "seq", "200000"]);
    const piped = Bun.spawn(["bash", "-c", `"$1" logs @last | head -1; echo "\${PIPESTATUS[0]}"`, "bash", mlBinary()], {
      env: { PATH: process.env.PATH ?? "", HOME: lab.home, LANG: "C.UTF-8" },
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(await piped.stdout.text()).toBe("1\n141\n");
    expect(await piped.stderr.text()).toBe("");
  }, 120_000);

  test("--tail gives the last lines, and streams are apart where they were split", async () => {
    const lab = openLab();
    await lab.ml(["queue", "-f", "-q", "--no-code", "--name", "one", "--", "sh", "-c", "seq 5"]);
    expect((await lab.ml(["logs", "one", "--tail", "2"])).stdout).toBe("4\n5\n");
    expect((await lab.ml(["logs", "one", "--stderr"])).code).toBe(7);
    await lab.ml([
      "queue",
      "-f",
      "-q",
      "--no-code",
      "--name",
      "two",
      "--split-output",
      "--",
      "sh",
      "-c",
      "echo out; echo err >&2",
    ]);
    const both = await lab.ml(["logs", "two"]);
    expect([both.stdout, both.stderr]).toEqual(["out\n", "err\n"]);
    expect((await lab.ml(["logs", "two", "--stdout"])).stdout).toBe("out\n");
  }, 120_000);
});

test("on a terminal a follow ends with its verdict in colour, below the output", async () => {
  const lab = openLab();
  lab.put("train.py", "print('x', end='')\n");
  const shown = lab.terminal(["queue", "-f", "train.py"]);
  expect(await shown.ended).toBe(0);
  await until("the verdict", () => shown.screen().includes("folder"));
  expect(bare(shown.screen())).toMatch(/\nx\n\n✓ completed in .*\n/);
  expect(shown.screen()).toContain("\x1b[32m✓\x1b[0m");
}, 120_000);
