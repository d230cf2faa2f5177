/** The server as a process: killed at its fault points, started twice, replaced by itself, stopped by signals. */
import { afterEach, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Body } from "../../src/protocol/requests.ts";
import { basePaths } from "../../src/run/paths.ts";
import { tempFolder, until } from "../support/temp.ts";
import { spec } from "./harness.ts";

const main = join(import.meta.dir, "../../src/main.ts");
const children: Bun.Subprocess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
    await child.exited;
  }
});

interface Started {
  child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  base: string;
  socket: string;
}

function spawn(base: string, options: { args?: string[]; env?: Record<string, string> } = {}): Started["child"] {
  const child = Bun.spawn({
    cmd: [
      process.execPath,
      main,
      "server",
      "--base",
      base,
      "--no-worker",
      "--listen",
      "127.0.0.1:0",
      ...(options.args ?? []),
    ],
    env: { PATH: process.env.PATH ?? "", HOME: join(base, ".."), ...options.env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  children.push(child);
  return child;
}

const recordOf = (base: string) => JSON.parse(readFileSync(join(base, "server.json"), "utf8"));

async function start(base: string, env: Record<string, string> = {}): Promise<Started> {
  const child = spawn(base, { env });
  await until("the server to answer", () => existsSync(join(base, "server.json")) && recordOf(base).pid === child.pid);
  return { child, base, socket: recordOf(base).socket };
}

async function submit(
  server: Started,
  runs: Body<"submit">["runs"],
): Promise<{ run_id: string; duplicate: boolean }[]> {
  const response = await fetch("http://local/api/submit", {
    unix: server.socket,
    method: "POST",
    body: JSON.stringify({ runs }),
  });
  return ((await response.json()) as { reply: { runs: { run_id: string; duplicate: boolean }[] } }).reply.runs;
}

const points = ["server/after-intake", "server/after-folders", "server/after-enqueue", "server/before-reply"];
for (const point of points) {
  test(`[K2 K8] killed at ${point}: the repeated submission gives each run once, in folder and queue`, async () => {
    const base = join(tempFolder(), "data");
    const runs = [spec(), spec(), spec()];
    const first = await start(base, { ML_FAULTS: `${point}:1:kill` });
    await expect(submit(first, runs)).rejects.toThrow();
    await first.child.exited;
    const second = await start(base);
    const found = readdirSync(join(base, "runs")).sort();
    expect(found.length).toBe(3);
    const again = await submit(second, runs);
    expect(again.map((run) => run.duplicate)).toEqual([true, true, true]);
    expect(again.map((run) => run.run_id).sort()).toEqual(found);
    const response = await fetch("http://local/api/status", { unix: second.socket, method: "POST", body: "{}" });
    const { reply } = (await response.json()) as {
      reply: { server: { queue: { waiting: number } }; waiting: { run_id: string }[] };
    };
    expect(reply.waiting.map((run) => run.run_id)).toEqual(again.map((run) => run.run_id));
  }, 120_000);
}

test("[D1] the disk fills up after the journal: refused, and a later start knows nothing of it", async () => {
  const base = join(tempFolder(), "data");
  const first = await start(base, { ML_FAULTS: "server/after-intake:1:enospc" });
  const response = await fetch("http://local/api/submit", {
    unix: first.socket,
    method: "POST",
    body: JSON.stringify({ runs: [spec()] }),
  });
  expect(response.status).toBe(507);
  expect(((await response.json()) as { error: { message: string } }).error.message).toContain("the disk is full");
  first.child.kill("SIGKILL");
  await first.child.exited;
  await start(base);
  expect(readdirSync(join(base, "runs"))).toEqual([]);
}, 120_000);

test("[K10] a second server on one base is refused and names the first, until that is gone, however it went", async () => {
  const base = join(tempFolder(), "data");
  const first = await start(base);
  const refused = spawn(base);
  expect(await refused.exited).toBe(7);
  const words = await new Response(refused.stderr).text();
  expect(words).toContain(`pid ${first.child.pid}`);
  expect(words).toContain(base);
  const elsewhere = spawn(base, { args: ["--state-dir", tempFolder()] });
  expect(await elsewhere.exited).toBe(7);
  expect(recordOf(base).pid).toBe(first.child.pid);
  first.child.kill("SIGKILL");
  await first.child.exited;
  expect((await start(base)).child.exitCode).toBeNull();
}, 120_000);

test("[K11] the socket that a killed server left is taken over; one that somebody serves is not", async () => {
  const base = join(tempFolder(), "data");
  const first = await start(base);
  first.child.kill("SIGKILL");
  await first.child.exited;
  expect(existsSync(first.socket)).toBe(true);
  const second = await start(base);
  expect(await submit(second, [spec()])).toMatchObject([{ duplicate: false }]);
  const foreign = join(tempFolder(), "sock");
  const holder = createServer().listen(foreign);
  await until("the other's socket", () => existsSync(foreign));
  const other = spawn(join(tempFolder(), "data"), { args: ["--socket", foreign] });
  expect(await other.exited).toBe(7);
  expect(await new Response(other.stderr).text()).toContain("something else answers");
  holder.close();
}, 120_000);

test("SIGTERM ends it cleanly: exit 0, no record, no socket, journal empty", async () => {
  const base = join(tempFolder(), "data");
  const server = await start(base);
  await submit(server, [spec()]);
  server.child.kill("SIGTERM");
  expect(await server.child.exited).toBe(0);
  expect(existsSync(join(base, "server.json"))).toBe(false);
  expect(existsSync(server.socket)).toBe(false);
  expect(statSync(join(base, "intake.jsonl")).size).toBe(0);
}, 120_000);

test("[K14] a server that has grown too large replaces itself: same pid, fresh memory, runs untouched", async () => {
  const base = join(tempFolder(), "data");
  const server = await start(base, { ML_SERVER_MEMORY_MB: "1" });
  const [run] = await submit(server, [spec()]);
  const before = recordOf(base).started_at;
  const after = await until(
    "the new one",
    () => existsSync(join(base, "server.json")) && recordOf(base).started_at !== before && recordOf(base),
  );
  expect(after.pid).toBe(server.child.pid);
  expect(server.child.exitCode).toBeNull();
  expect(existsSync(basePaths(base).run(run?.run_id ?? "").manifest)).toBe(true);
}, 120_000);

test("[S10] the server leaves the folder from which it is started: nothing planted there is found later", async () => {
  const folder = tempFolder();
  const base = join(folder, "data");
  const { child } = await start(base);
  expect(readFileSync(`/proc/${child.pid}/cmdline`, "utf8")).toContain("server");
  expect(await Bun.file(`/proc/${child.pid}/cwd/etc/hostname`).exists()).toBe(true);
}, 120_000);
