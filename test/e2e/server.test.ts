/** `ml server start·stop·status`, and the local server that starts by itself, through the executable. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readProcessStat } from "../../src/core/process-identity.ts";
import { mlBinary, mlEnv, runMl, serverHome } from "../support/binary.ts";
import { tempFolder, until } from "../support/temp.ts";

/** Where nobody reaps, a zombie is left: that has ended too. */
function alive(pid: number): boolean {
  const state = readProcessStat(pid)?.state;
  return state !== undefined && state !== "Z" && state !== "X";
}

test("start, status and stop may each be repeated, and say the truth", async () => {
  const home = serverHome();
  const before = await runMl(["server", "status", "--json"], { home });
  expect([before.code, JSON.parse(before.stdout).running]).toEqual([0, false]);
  const first = await runMl(["server", "start", "--json"], { home });
  const again = await runMl(["server", "start", "--json"], { home });
  expect([first.code, again.code]).toEqual([0, 0]);
  const state = JSON.parse(first.stdout);
  expect(state).toMatchObject({ schema: "ml.server/1", running: true, base: join(home, ".ml/data"), version: "0.1.0" });
  expect(state.url).toStartWith("ws://127.0.0.1:");
  expect(JSON.parse(again.stdout).pid).toBe(state.pid);
  const stopped = await runMl(["server", "stop", "--json"], { home });
  expect(JSON.parse(stopped.stdout)).toMatchObject({ schema: "ml.server.stop/1", stopped: true, pid: state.pid });
  expect(alive(state.pid)).toBe(false);
  const idle = await runMl(["server", "stop", "--json"], { home });
  expect([idle.code, JSON.parse(idle.stdout).stopped]).toEqual([0, false]);
}, 120_000);

test("two starts at once give one server", async () => {
  const home = serverHome();
  const started = await Promise.all([1, 2, 3].map(() => runMl(["server", "start", "--json"], { home })));
  expect(started.map((one) => one.code)).toEqual([0, 0, 0]);
  expect(new Set(started.map((one) => JSON.parse(one.stdout).pid)).size).toBe(1);
}, 120_000);

test("a server that takes long to start is waited for, and whoever waits is told", async () => {
  const home = serverHome();
  const starting = runMl(["server", "start", "--json"], { home });
  const folders = () => readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name));
  const environmentOf = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, "latin1") + readFileSync(`/proc/${pid}/cmdline`, "latin1");
    } catch {
      return "";
    }
  };
  const isServer = (text: string) => text.includes(`ML_HOME=${join(home, ".ml")}\0`) && text.endsWith("\0server\0");
  const pid = Number(await until("the server", () => folders().find((each) => isServer(environmentOf(each)))));
  process.kill(pid, "SIGSTOP");
  const goesOn = Bun.sleep(2500).then(() => process.kill(pid, "SIGCONT"));
  const started = await starting;
  await goesOn;
  expect([started.code, JSON.parse(started.stdout).pid]).toEqual([0, pid]);
  expect(started.stderr).toContain("the local server is still starting; its log is ");
}, 120_000);

test("with nothing configured and nothing running, queue starts a local server and says so", async () => {
  const home = serverHome();
  const work = tempFolder();
  writeFileSync(join(work, "train.py"), "print('hello')\n");
  const ran = await runMl(["queue", "-f", "train.py"], { home, cwd: work });
  expect(ran.stderr).toContain("started a local server (pid ");
  expect(ran.stderr).toContain(join(home, ".ml/data"));
  expect(ran.stderr).toContain("ml server stop");
  expect([ran.code, ran.stdout]).toEqual([0, "hello\n"]);
}, 120_000);

test("[C7] other commands do not start one: exit 69 and the one command to type", async () => {
  const home = serverHome();
  for (const words of [["status"], ["logs", "@last"], ["reindex"], ["key", "list"]]) {
    const ran = await runMl(words, { home });
    expect([words[0], ran.code]).toEqual([words[0], 69]);
    expect(ran.stderr).toContain("hint: ml server start\n");
  }
  expect(existsSync(join(home, ".ml"))).toBe(false);
}, 120_000);

test("[K11] a record and a socket left by a killed server are no obstacle", async () => {
  const home = serverHome();
  const { pid } = JSON.parse((await runMl(["server", "start", "--json"], { home })).stdout);
  process.kill(pid, "SIGKILL");
  await until("the server's end", () => !alive(pid));
  const away = await runMl(["status"], { home });
  expect([away.code, away.stderr.includes("ml server start")]).toEqual([69, true]);
  const next = JSON.parse((await runMl(["server", "start", "--json"], { home })).stdout);
  expect(next.running).toBe(true);
  expect(next.pid).not.toBe(pid);
}, 120_000);

test("[K11] a server that is started after one was killed is said to be started, every time", async () => {
  const home = serverHome();
  const said: string[] = [];
  // Its predecessor's record is read while it answers already, or is not, by chance.
  for (let turn = 0; turn < 6; turn += 1) {
    said.push((await runMl(["server", "start"], { home })).stdout.slice(0, "started the server".length));
    const { pid } = JSON.parse(readFileSync(join(home, ".ml/data/server.json"), "utf8"));
    process.kill(pid, "SIGKILL");
    await until("its end", () => !alive(pid));
  }
  expect(said).toEqual(said.map(() => "started the server"));
}, 120_000);

test("[N7] a second user's server takes another port, but an address that was asked for and is taken is an error", async () => {
  const [one, two] = [serverHome(), serverHome()];
  const first = JSON.parse((await runMl(["server", "start", "--json"], { home: one })).stdout);
  const second = JSON.parse((await runMl(["server", "start", "--json"], { home: two })).stdout);
  expect(second.url).not.toBe(first.url);
  await runMl(["server", "stop"], { home: two });
  const taken = first.url.replace("ws://", "");
  const refused = await runMl(["server", "start"], { home: two, env: { ML_LISTEN: taken } });
  expect(refused.code).toBe(69);
  expect(refused.stderr).toContain(taken.split(":")[1] ?? "?");
}, 120_000);

test("[C8] a home that cannot be written to is explained, with the way out", async () => {
  const home = tempFolder();
  writeFileSync(join(home, "file"), "");
  const ran = await runMl(["server", "start"], { home, env: { ML_HOME: join(home, "file/ml") } });
  expect(ran.code).toBe(1);
  expect(ran.stderr).toContain("ML_HOME");
  const nowhere = await runMl(["server", "start"], { home, env: { HOME: undefined } });
  expect([nowhere.code, nowhere.stderr.includes("HOME is not set")]).toEqual([2, true]);
}, 120_000);

test("[C8] without HOME an XDG folder serves", async () => {
  const home = tempFolder();
  const env = { HOME: undefined, XDG_DATA_HOME: join(home, "xdg") };
  const started = await runMl(["server", "start", "--json"], { home, env });
  await runMl(["server", "stop"], { home, env });
  expect(JSON.parse(started.stdout).base).toBe(join(home, "xdg/ml/data"));
}, 120_000);

test("[S10] neither .env nor bunfig.toml of the folder in which it is called is read", async () => {
  const home = serverHome();
  const cwd = tempFolder();
  writeFileSync(join(cwd, ".env"), "ML_SERVER_URL=ws://evil.invalid:1\nML_API_KEY=stolen\n");
  writeFileSync(join(cwd, "evil.ts"), "require('node:fs').writeFileSync('ran', '')\n");
  writeFileSync(join(cwd, "bunfig.toml"), 'preload = ["./evil.ts"]\n');
  mkdirSync(join(cwd, ".ml"));
  writeFileSync(join(cwd, "ml.toml"), 'server_url = "ws://evil.invalid:1"\n');
  const shown = await runMl(["config", "get", "server_url", "--json"], { home, cwd });
  expect(JSON.parse(shown.stdout)).toMatchObject({ value: null, origin: "default" });
  expect(existsSync(join(cwd, "ran"))).toBe(false);
}, 120_000);

test("[P16] a server started in the background inherits neither BUN_ variables nor those of a run", async () => {
  const home = serverHome();
  const env = { BUN_CONFIG_VERBOSE_FETCH: "0", ML_RUN_ID: "2026-01-01_abcdef" };
  const { pid } = JSON.parse((await runMl(["server", "start", "--json"], { home, env })).stdout);
  const names = readFileSync(`/proc/${pid}/environ`, "utf8")
    .split("\0")
    .map((pair) => pair.split("=")[0] ?? "");
  expect(names.filter((name) => name.startsWith("BUN_") || name === "ML_RUN_ID")).toEqual([]);
}, 120_000);

test("Ctrl-C on what follows detaches, says that the run goes on, and exits 130", async () => {
  const home = serverHome();
  const work = tempFolder();
  writeFileSync(join(work, "long.py"), "import time\nprint('on', flush=True)\ntime.sleep(60)\n");
  const child = Bun.spawn([mlBinary(), "queue", "-f", "long.py"], {
    cwd: work,
    env: mlEnv({ home }),
    stdout: Bun.file(join(work, "out.txt")),
    stderr: "pipe",
  });
  const said = child.stderr.text();
  await until(
    "the first line",
    () => existsSync(join(work, "out.txt")) && readFileSync(join(work, "out.txt"), "utf8").includes("on"),
  );
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
  expect(await said).toContain("goes on");
  const status = JSON.parse((await runMl(["status", "--json"], { home })).stdout);
  expect(status.running).toHaveLength(1);
  await runMl(["cancel", "@last", "--now"], { home });
  await runMl(["wait", "@last"], { home });
}, 120_000);

test("a server that hangs is called that, and not absent", async () => {
  const home = serverHome();
  const { pid } = JSON.parse((await runMl(["server", "start", "--json"], { home })).stdout);
  process.kill(pid, "SIGSTOP");
  try {
    const ran = await runMl(["server", "stop"], { home });
    expect(ran.code).toBe(69);
    expect(ran.stderr).toContain(`the server (pid ${pid}) is there and does not answer`);
  } finally {
    process.kill(pid, "SIGCONT");
  }
}, 120_000);

test("a base directory given by a relative path is the one of the folder in which it was typed", async () => {
  const home = serverHome();
  const cwd = tempFolder();
  const started = await runMl(["server", "start", "--base", "data", "--json"], { home, cwd });
  expect(JSON.parse(started.stdout).base).toBe(join(cwd, "data"));
  expect((await runMl(["server", "stop", "--base", "data"], { home, cwd })).code).toBe(0);
}, 120_000);

test("[N1 K1] a follower outlives a killed server: every line once, in order, and the verdict", async () => {
  const home = serverHome();
  const work = tempFolder();
  writeFileSync(
    join(work, "slow.py"),
    "import os, time\nfor n in range(40):\n    print('line', n, flush=True)\n    while n == 20 and not os.path.exists(os.environ['GO']): time.sleep(0.02)\n",
  );
  const go = join(work, "go");
  const { pid } = JSON.parse((await runMl(["server", "start", "--json"], { home })).stdout);
  const child = Bun.spawn([mlBinary(), "queue", "-f", "--env", `GO=${go}`, "slow.py"], {
    cwd: work,
    env: mlEnv({ home }),
    stdout: Bun.file(join(work, "out.txt")),
    stderr: "pipe",
  });
  const out = () => (existsSync(join(work, "out.txt")) ? readFileSync(join(work, "out.txt"), "utf8") : "");
  await until("half of the lines", () => out().includes("line 20\n"));
  process.kill(pid, "SIGKILL");
  writeFileSync(go, "");
  await runMl(["server", "start"], { home });
  expect(await child.exited).toBe(0);
  expect(out()).toBe(Array.from({ length: 40 }, (_, n) => `line ${n}\n`).join(""));
}, 120_000);

test("start takes the options of `ml server`; one that runs already is not changed by them", async () => {
  const home = serverHome();
  const open = await runMl(["server", "start", "--listen", "0.0.0.0:0"], { home });
  expect(open.code).toBe(69);
  expect(open.stderr).toContain("there is no key yet");
  const started = await runMl(["server", "start", "--no-worker", "--listen", "127.0.0.1:0", "--json"], { home });
  expect([started.code, started.stderr]).toEqual([0, ""]);
  const state = JSON.parse(started.stdout);
  expect(state.workers).toEqual([]);
  const other = await runMl(["server", "start", "--slots", "3"], { home });
  expect(other.code).toBe(7);
  expect(other.stderr).toContain("hint: ml server stop && ml server start --slots 3\n");
  expect((await runMl(["server", "start"], { home })).code).toBe(0);
}, 120_000);
