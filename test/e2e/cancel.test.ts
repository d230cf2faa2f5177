/** `ml cancel`, `hold`, `release` and `priority` through the executable. */
import { expect, test } from "bun:test";
import { until } from "../support/temp.ts";
import { openLab } from "./lab.ts";

const sleeper = ["--no-code", "--", "sleep", "600"];

async function statusOf(lab: ReturnType<typeof openLab>, run: string): Promise<string> {
  return (await lab.json<{ summary: { status: string } }>(["info", run])).summary.status;
}

test("one's own single run is cancelled without a question; several want --yes off a terminal", async () => {
  const lab = openLab();
  const one = await lab.queue(sleeper);
  await until("it runs", async () => (await statusOf(lab, one)) === "running");
  const cancelled = await lab.ml(["cancel", one, "-m", "enough"]);
  expect([cancelled.code, cancelled.stdout.startsWith(`stopping ${one}`)]).toEqual([0, true]);
  expect((await lab.ml(["wait", one])).code).toBe(5);
  expect(await statusOf(lab, one)).toBe("cancelled");
  const more = [await lab.queue(["--hold", ...sleeper]), await lab.queue(["--hold", ...sleeper])];
  const refused = await lab.ml(["cancel", ...more]);
  expect([refused.code, refused.stderr.includes("--yes")]).toEqual([2, true]);
  expect(await statusOf(lab, more[0]!)).toBe("queued");
  expect((await lab.ml(["cancel", "--yes", ...more])).stdout).toBe(more.map((run) => `cancelled ${run}\n`).join(""));
}, 120_000);

test("[Q11] a run that has ended is a conflict, and an unknown one is not found", async () => {
  const lab = openLab();
  await lab.ml(["queue", "-q", "-f", "--no-code", "--", "true"]);
  expect((await lab.ml(["cancel", "@last"])).code).toBe(7);
  expect((await lab.ml(["cancel", "nothing"])).code).toBe(3);
}, 120_000);

test("on a terminal several are named and asked about", async () => {
  const lab = openLab();
  const runs = [await lab.queue(["--hold", ...sleeper]), await lab.queue(["--hold", ...sleeper])];
  const asked = lab.terminal(["cancel", ...runs]);
  await until("the question", () => asked.screen().includes("cancel 2 runs? [y/N]"));
  asked.type("n\r");
  expect(await asked.ended).toBe(1);
  expect(await statusOf(lab, runs[0]!)).toBe("queued");
}, 120_000);

test("priority and hold decide who is next", async () => {
  const lab = openLab();
  const names = ["a", "b", "c"];
  for (const name of names) await lab.queue(["--hold", "--name", name, ...sleeper]);
  await lab.ml(["priority", "b", "9"]);
  const { waiting } = await lab.json<{ waiting: { name: string; priority: number; held: boolean }[] }>(["status"]);
  expect(waiting.find((run) => run.name === "b")).toMatchObject({ priority: 9, held: true });
  expect((await lab.ml(["priority", "b", "11"])).code).toBe(2);
  expect((await lab.ml(["release", "a"])).stdout).toStartWith("released ");
  await until("it runs", async () => (await statusOf(lab, "a")) === "running");
  expect((await lab.ml(["hold", "a"])).code).toBe(7);
}, 120_000);
