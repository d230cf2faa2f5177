/** Telling a family of processes that works from one that is stuck. */
import { expect, test } from "bun:test";
import { familyOf, stuckIn, type Work } from "../../../src/core/process-work.ts";
import { until } from "../../support/temp.ts";

const one = (pid: number, state: string, ticks: number): Work => ({ pid, state, ticks });

test("a family is stuck where nobody does anything, or one of them is stopped or waits for the disk all the time", () => {
  const parent = [one(1, "S", 5), one(1, "S", 5), one(1, "S", 5)];
  const withChild = (states: string, ticks: readonly number[]) =>
    parent.map((each, at) => [each, one(2, states[at] ?? "S", ticks[at] ?? 0)]);
  expect(stuckIn(withChild("SSS", [7, 7, 7]))).toBe("process 1 does nothing");
  expect(stuckIn(withChild("RRR", [7, 8, 9]))).toBeNull();
  expect(stuckIn(withChild("TTT", [7, 7, 7]))).toBe("process 2 is stopped");
  expect(stuckIn([...withChild("DDD", [7, 7, 7]).map((look, at) => [...look, one(3, "R", at)])])).toBe(
    "process 2 waits for the disk",
  );
  expect(stuckIn(withChild("DDD", [7, 7, 8]))).toBeNull();
  expect(stuckIn([[one(1, "S", 5)], [one(1, "S", 5), one(2, "R", 0)]])).toBeNull();
  expect(stuckIn([])).toBeNull();
  expect(stuckIn([[], []])).toBeNull();
});

test("a process is seen with what it started, and nobody where there is none", async () => {
  const child = Bun.spawn(["sh", "-c", "sleep 60 & wait"], { stdio: ["ignore", "ignore", "ignore"] });
  try {
    const family = await until("both", () => {
      const seen = familyOf(child.pid);
      return seen.length === 2 ? seen : null;
    });
    expect(family[0]).toMatchObject({ pid: child.pid, ticks: expect.any(Number) });
    process.kill(family[1]?.pid ?? 0, "SIGKILL");
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
  expect(familyOf(child.pid)).toEqual([]);
});
