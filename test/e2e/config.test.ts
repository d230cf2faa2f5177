/** `ml init` and `ml config` through the executable: what they write, where values come from, what is refused. */
import { expect, test } from "bun:test";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mlBinary, mlEnv, runMl } from "../support/binary.ts";
import { tempFolder, until } from "../support/temp.ts";

const configOf = (home: string) => join(home, ".ml/config.toml");

test("init writes the keys of the plan's example, for its owner only", async () => {
  const home = tempFolder();
  const words = "init --host worker.local --user mluser --base /data/ml-experiments --port 22 --key your-api-key".split(
    " ",
  );
  const made = await runMl([...words, "--json"], { home });
  expect([made.code, JSON.parse(made.stdout).path]).toEqual([0, configOf(home)]);
  expect(statSync(configOf(home)).mode & 0o777).toBe(0o600);
  expect(Bun.TOML.parse(readFileSync(configOf(home), "utf8"))).toEqual({
    worker_host: "worker.local",
    worker_user: "mluser",
    worker_base: "/data/ml-experiments",
    worker_port: 22,
    api_key: "your-api-key",
  });
});

test("a second init is refused, and with --force changes only what it names", async () => {
  const home = tempFolder();
  await runMl(["init", "--host", "one", "--user", "me"], { home });
  writeFileSync(configOf(home), `${readFileSync(configOf(home), "utf8")}# mine\n`);
  expect((await runMl(["init", "--host", "two"], { home })).code).toBe(7);
  expect((await runMl(["init", "--host", "two", "--force"], { home })).code).toBe(0);
  const text = readFileSync(configOf(home), "utf8");
  expect(text).toContain("# mine");
  expect(Bun.TOML.parse(text)).toEqual({ worker_host: "two", worker_user: "me" });
});

test("init without flags and without a terminal asks nothing", async () => {
  const home = tempFolder();
  expect((await runMl(["init"], { home })).code).toBe(0);
  expect(Bun.TOML.parse(readFileSync(configOf(home), "utf8"))).toEqual({});
});

test("each value says where it came from, and secrets are masked", async () => {
  const home = tempFolder();
  await runMl(["init", "--host", "filehost", "--key", "a-very-secret-key"], { home });
  const env = { ML_PRIORITY: "8" };
  const shown = await runMl(["config", "show", "--json", "--server", "ws://flag:1"], { home, env });
  const { settings } = JSON.parse(shown.stdout);
  expect(settings.server_url).toMatchObject({ value: "ws://flag:1", origin: "flag" });
  expect(settings.priority).toMatchObject({ value: 8, origin: "environment" });
  expect(settings.worker_host).toMatchObject({ value: "filehost", origin: "file" });
  expect(settings.worker_port).toMatchObject({ value: 22, origin: "default" });
  expect(shown.stdout).not.toContain("a-very-secret-key");
  expect((await runMl(["config", "get", "api_key"], { home })).stdout).not.toContain("a-very-secret-key");
  expect((await runMl(["config", "get", "api_key", "--reveal"], { home })).stdout).toBe("a-very-secret-key\n");
});

test("set checks key and value, keeps the rest, and mends permissions", async () => {
  const home = tempFolder();
  await runMl(["init", "--key", "k"], { home });
  chmodSync(configOf(home), 0o644);
  expect((await runMl(["config", "set", "slots", "3"], { home })).code).toBe(0);
  expect(statSync(configOf(home)).mode & 0o777).toBe(0o600);
  expect((await runMl(["config", "get", "slots"], { home })).stdout).toBe("3\n");
  const wrong = await runMl(["config", "set", "slots", "many"], { home });
  expect([wrong.code, wrong.stderr.includes("wants a whole number")]).toEqual([2, true]);
  const unknown = await runMl(["config", "set", "slotz", "3"], { home });
  expect([unknown.code, unknown.stderr.includes("did you mean `slots`?")]).toEqual([2, true]);
  expect((await runMl(["config", "set", "priority", "7"], { home })).code).toBe(0);
  const gone = await runMl(["config", "unset", "slots", "python", "slots"], { home });
  expect([gone.code, gone.stdout]).toEqual([
    0,
    `slots is no longer set in ${configOf(home)}\npython was not set in ${configOf(home)}\n`,
  ]);
  expect((await runMl(["config", "get", "slots"], { home })).stdout).toBe("");
  expect((await runMl(["config", "get", "priority"], { home })).stdout).toBe("7\n");
  expect(readFileSync(configOf(home), "utf8")).toContain("api_key");
  expect((await runMl(["config", "set", "priority", "--unset"], { home })).code).toBe(0);
  expect((await runMl(["config", "get", "priority"], { home })).stdout).toBe("5\n");
  const mistyped = await runMl(["config", "unset", "slotz"], { home });
  expect([mistyped.code, mistyped.stderr.includes("did you mean `slots`?")]).toEqual([2, true]);
});

test("[I3] a broken config stops commands with line, column and caret; what mends it goes on", async () => {
  const home = tempFolder();
  await runMl(["init"], { home });
  writeFileSync(configOf(home), 'python = "x"\nslots = \n');
  const stopped = await runMl(["status"], { home });
  expect(stopped.code).toBe(2);
  expect(stopped.stderr).toContain("line 2, column 9");
  expect(stopped.stderr).toContain("2 | slots =");
  expect((await runMl(["config", "path"], { home })).code).toBe(0);
  expect((await runMl(["doctor"], { home })).code).toBe(8);
  expect((await runMl(["--version"], { home })).code).toBe(0);
});

test("[C7] a key that others can read: exit 4 and chmod", async () => {
  const home = tempFolder();
  await runMl(["init", "--key", "k"], { home });
  chmodSync(configOf(home), 0o644);
  const ran = await runMl(["status"], { home });
  expect([ran.code, ran.stderr.includes(`hint: chmod 600 ${configOf(home)}`)]).toEqual([4, true]);
});

test("on a terminal init asks, shows the defaults, and takes them for an empty answer", async () => {
  const home = tempFolder();
  let seen = "";
  const terminal = new Bun.Terminal({
    cols: 80,
    rows: 24,
    data: (_terminal, data) => {
      seen += new TextDecoder().decode(data);
    },
  });
  const child = Bun.spawn([mlBinary(), "init"], { terminal, env: mlEnv({ home, env: { TERM: "xterm" } }) });
  const answers: [string, string][] = [
    ["host of the server", "worker.local"],
    ["[ws://worker.local:9100]", ""],
    ["user name for ssh", "mluser"],
    ["ssh port [22]", ""],
    ["base directory there", "/data/ml"],
    ["API key", "secret-key"],
  ];
  for (const [question, answer] of answers) {
    await until(question, () => seen.includes(question));
    terminal.write(`${answer}\n`);
  }
  expect(await child.exited).toBe(0);
  terminal.close();
  expect(Bun.TOML.parse(readFileSync(configOf(home), "utf8"))).toEqual({
    worker_host: "worker.local",
    worker_user: "mluser",
    worker_base: "/data/ml",
    api_key: "secret-key",
  });
}, 120_000);
