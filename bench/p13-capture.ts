/**
 * P13: what capture and seal cost a Python script: from the start of the server's work to the first line, the first time
 * and later, against the script by hand; and while it runs.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { alternately, realPython, spread, timed, waitUntil, wallMs } from "./measure.ts";
import { isSealed, type Ours, startOurs } from "./ours.ts";
import type { BenchContext, Line, Row } from "./table.ts";

const marking = `
import os, sys, time
open(sys.argv[1] + ".new", "w").write(repr(time.time()))
os.rename(sys.argv[1] + ".new", sys.argv[1])
`;
const working = `
import sys, time
started = time.perf_counter()
total = 0
for i in range(int(sys.argv[2])):
    total += i * i % 7
open(sys.argv[1], "w").write(repr(time.perf_counter() - started))
`;

/** Milliseconds from `start()` to the first line of the script. */
async function toFirstLine(mark: string, start: () => void): Promise<number> {
  rmSync(mark, { force: true });
  const started = wallMs();
  start();
  await waitUntil("the script's mark", () => existsSync(mark), 30_000, 1);
  return Number(readFileSync(mark, "utf8")) * 1000 - started;
}

async function firstLines(context: BenchContext, python: string): Promise<Line[]> {
  const mark = join(context.folder, "mark");
  const script = [python, "-c", marking, mark];
  const sealed = async (ours: Ours, runId: string) =>
    waitUntil("the run to be sealed", () => isSealed(ours.folderOf(runId)), 60_000, 10);
  const viaMl = async (ours: Ours, words: readonly string[]) => {
    let runId = "";
    const ms = await toFirstLine(mark, () => {
      runId = ours.queue(words).runId;
    });
    await sealed(ours, runId);
    return ms;
  };
  const times = context.long ? 10 : 4;
  const cold: number[] = [];
  let warm: Ours | null = null;
  for (let at = 0; at < times; at++) {
    await warm?.stop();
    warm = await startOurs(context, { name: `cold-${at}` });
    // The snapshot is known and the paths are warm; only the interpreter has not been seen.
    await viaMl(warm, ["bash", "-c", 'echo $EPOCHREALTIME >"$1.new"; mv "$1.new" "$1"', "bash", mark]);
    cold.push(await viaMl(warm, script));
  }
  if (warm === null) return [];
  const ours = warm;
  const found = await alternately(
    { warm: () => viaMl(ours, script), hand: () => toFirstLine(mark, () => timed(script)) },
    context.long ? 40 : 15,
  );
  const over = (values: { median: number; min: number; max: number; count: number }) => ({
    ...values,
    median: values.median - found.hand.median,
    min: values.min - found.hand.median,
    max: values.max - found.hand.median,
  });
  const [first, later] = [over(spread(cold)), over(found.warm)];
  const limit = { name: "by hand", value: found.hand };
  return [
    {
      ...{ what: "before the first line, first time", unit: "ms", ours: first, limit, goal: "<= 200 ms over by hand" },
      met: first.median <= 200,
      note: "ours less the script by hand; the whole way from typing `ml queue`",
    },
    {
      ...{ what: "the same, later", unit: "ms", ours: later, limit, goal: "<= 20 ms over by hand and P2" },
      met: null,
      note: `P2's way is in this figure: compare with P2's; capture's own part the first time is ${(first.median - later.median).toFixed(1)} ms`,
    },
  ];
}

async function whileRunning(context: BenchContext, python: string): Promise<Line> {
  const ours = await startOurs(context, { name: "running" });
  const mark = join(context.folder, "took");
  const script = [python, "-c", working, mark, String(context.long ? 20_000_000 : 5_000_000)];
  const took = async (start: () => void) => {
    rmSync(mark, { force: true });
    start();
    await waitUntil("the script's end", () => existsSync(mark) && readFileSync(mark, "utf8") !== "", 120_000, 20);
    await Bun.sleep(200);
    return Number(readFileSync(mark, "utf8"));
  };
  const found = await alternately(
    { ours: () => took(() => ours.queue(script)), hand: () => took(() => timed(script)) },
    context.long ? 12 : 5,
  );
  const percent = (found.ours.median / found.hand.median - 1) * 100;
  const noise = ((found.hand.max - found.hand.min) / found.hand.median) * 100;
  return {
    ...{ what: "while it runs", unit: "%", ours: spread([percent]), goal: "<= 1 %", met: percent <= 1 },
    note: `by the script's own clock; by hand it varies by ${noise.toFixed(1)} % from one time to the next`,
  };
}

export const row: Row = {
  id: "P13",
  title: "capture and seal",
  async run(context) {
    const python = realPython();
    if (python === null) return [{ what: "capture", unit: "ms", ours: null, goal: "", met: null, note: "no python3" }];
    return [...(await firstLines(context, python)), await whileRunning(context, python)];
  },
};
