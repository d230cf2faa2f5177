/** A host or a card on which everything fails is set aside, says so, and is back when an administrator says so. */
import { describe, expect, test } from "bun:test";
import { hostname } from "node:os";
import type { PastRun } from "../../src/run/past-run.ts";
import { basePaths } from "../../src/run/paths.ts";
import { readAsideBook } from "../../src/run/set-aside.ts";
import { badPlace } from "../../src/schedule/bad-place.ts";
import { until } from "../support/temp.ts";
import { serve, spec, type TestServer } from "./harness.ts";

const host = hostname();
const problems = async (server: TestServer) => (await server.ask("status", {})).server.problems.join("\n");

describe("the evidence against a place", () => {
  let count = 0;
  const run = (outcome: string, given: Partial<PastRun> = {}): PastRun => {
    count += 1;
    const who = { user: "ana", script: "a.py", host, gpu_ids: ["GPU-1"], run_id: `r${count}`, ended_at_ms: 1000 };
    const rest = { args: {}, group: null, why: null, seconds: 1, ram_gb: null, gpu_memory_gb: null, forecasts: [] };
    return { ...who, ...rest, outcome, ...given };
  };
  const card = { kind: "gpu", host, gpu: "GPU-1" } as const;
  const machine = { kind: "host", host, gpu: null } as const;
  const rules = { limit: 3, afterMs: 0, oneUser: false };
  const other = { script: "b.py" };

  test("[G3] a card that the driver gave up is a bad place at once, and nothing else is", () => {
    expect(badPlace([run("gpu_error")], card, rules)?.runs).toHaveLength(1);
    expect(badPlace([run("gpu_error")], machine, rules)).toBeNull();
    expect(badPlace([run("gpu_error", { gpu_ids: ["GPU-2"] })], card, rules)).toBeNull();
  });

  test("three of two scripts that speak of the machine are enough; a success or a return wipes the slate", () => {
    const bad = [run("worker_lost"), run("start_failed", other), run("gpu_error")];
    expect(badPlace(bad, machine, rules)?.runs).toHaveLength(3);
    expect(badPlace(bad.slice(0, 2), machine, rules)).toBeNull();
    expect(badPlace([bad[0], run("completed"), ...bad.slice(1)] as PastRun[], machine, rules)).toBeNull();
    expect(badPlace(bad, machine, { ...rules, afterMs: 1000 })).toBeNull();
    expect(badPlace([run("worker_lost"), run("worker_lost"), run("worker_lost")], machine, rules)).toBeNull();
  });

  test("signals of one user close nothing for others: they count from two users on, or from three scripts of who is alone", () => {
    const two = [run("signal"), run("signal", other), run("signal")];
    const three = [run("signal"), run("signal", other), run("signal", { script: "c.py" })];
    expect(badPlace(two, machine, rules)).toBeNull();
    expect(badPlace(three, card, rules)).toBeNull();
    expect(badPlace([...three, ...three], machine, rules)).toBeNull();
    const alone = { ...rules, oneUser: true };
    expect(badPlace(two, machine, alone)).toBeNull();
    expect(badPlace(three, machine, alone)?.runs).toHaveLength(3);
    const shared = [run("signal"), run("signal", { ...other, user: "ben" }), run("signal")];
    expect(badPlace(shared, machine, rules)?.runs).toHaveLength(3);
    // A signal that one user's run ended by is no third witness either.
    expect(badPlace([run("signal"), run("start_failed", other), run("start_failed")], machine, rules)).toBeNull();
  });

  test("one researcher's bugs close no machine; those of two might, and limits of one's own never do", () => {
    const bugs = Array.from({ length: 9 }, (_, n) => run("code_error", n % 2 === 0 ? {} : other));
    expect(badPlace(bugs, machine, rules)).toBeNull();
    const shared = bugs.map((each, n) => ({ ...each, user: n % 2 === 0 ? "ana" : "ben" }));
    expect(badPlace(shared, machine, rules)?.runs).toHaveLength(6);
    const limits = shared.map((each) => ({ ...each, outcome: "oom" }));
    expect(badPlace(limits, machine, rules)).toBeNull();
  });
});

test("[G3] a host on which everything is killed is set aside, and nothing starts until it is returned", async () => {
  const server = await serve({ worker: true, settings: { slots: 1, cpu_cores: 1 } });
  const dies = (script: string) => spec({ argv: ["sh", "-c", "kill -SEGV $$", script] });
  const { runs } = await server.ask("submit", { runs: [dies("a.sh"), dies("b.sh"), dies("c.sh")] });
  await server.ask("run.wait", { runs: runs.map((run) => run.run_id), timeout_ms: 20_000 });
  await until("the host to be set aside", async () => (await problems(server)).includes("is set aside"));
  expect(await problems(server)).toContain(`ml enable host ${host}`);
  expect(readAsideBook(basePaths(server.base)).aside[0]).toMatchObject({ kind: "host", host, by: "ml (server)" });

  const next = await server.ask("submit", { runs: [spec({ argv: ["true"] })] });
  const [waiting] = next.runs;
  const wait = await server.ask("run.wait", { runs: [waiting?.run_id ?? ""], timeout_ms: 1500 });
  expect(wait.runs[0]?.status).toBe("queued");
  await server.close();

  const again = await serve({ base: server.base, worker: true, settings: { slots: 1, cpu_cores: 1 } });
  expect(await problems(again)).toContain("is set aside");
  await again.ask("place.set", { kind: "host", name: host, aside: false });
  const done = await again.ask("run.wait", { runs: [waiting?.run_id ?? ""], timeout_ms: 20_000 });
  expect(done.runs[0]?.status).toBe("completed");
  expect(await problems(again)).not.toContain("set aside");
}, 120_000);

test("crashing scripts of one user leave a host alone that others use too, until another's end so", async () => {
  const server = await serve({ worker: true, settings: { slots: 1, cpu_cores: 1 } });
  const { key } = await server.ask("key.add", { user: "ben" });
  const dies = (script: string) => spec({ argv: ["sh", "-c", "kill -SEGV $$", script] });
  const { runs } = await server.ask("submit", { runs: [dies("a.sh"), dies("b.sh"), dies("c.sh")] });
  await server.ask("run.wait", { runs: runs.map((run) => run.run_id), timeout_ms: 20_000 });
  const mine = await server.as(key, "submit", { runs: [dies("d.sh")] });
  const [bens] = mine.reply?.runs ?? [];
  await until("the host to be set aside", async () => (await problems(server)).includes("is set aside"));
  // Had the first three been enough, they would stand there.
  expect(readAsideBook(basePaths(server.base)).aside[0]?.runs[0]).toBe(bens?.run_id ?? "");
}, 60_000);

test("an administrator may set a card aside by its index; others may not, and unknown places are named", async () => {
  const server = await serve({ worker: true, settings: { gpus: 2 } });
  const { key } = await server.ask("key.add", { user: "ben" });
  const wish = { kind: "gpu", name: "1", aside: true, reason: "fan" } as const;
  expect((await server.as(key, "place.set", wish)).error).toMatchObject({ code: "not_allowed" });
  const missing = await server.try("place.set", { kind: "gpu", name: "GPU-nothere", aside: true });
  expect(missing.error).toMatchObject({ code: "not_found" });
  const place = await until("the worker to tell of its cards", async () => (await server.try("place.set", wish)).reply);
  expect(place).toMatchObject({ kind: "gpu", host, aside: true });
  expect(await problems(server)).toContain("fan");
  const blocked = await until("the card to be blocked", async () => {
    const { workers } = await server.ask("status", {});
    return workers[0]?.gpus.find((gpu) => gpu.blocked !== null);
  });
  expect(blocked).toMatchObject({ index: 1, blocked: "set aside: fan" });
  await server.ask("place.set", { kind: "gpu", name: `${host}/1`, aside: false });
  expect(readAsideBook(basePaths(server.base)).aside).toEqual([]);
});
