/**
 * P13: what capture and seal cost a Python script: to the first line, the first time and later, against the script by hand and
 * against a shell's way through us that is as long in coming to its line; and while it runs, by the processor time that ours
 * take meanwhile.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { medianBounds, realPython, rounds, spread, timed, waitUntil, wallMs } from "./measure.ts";
import { cpuMs, isSealed, type Ours, startOurs } from "./ours.ts";
import type { BenchContext, Line, Row } from "./table.ts";

const marking = `
import os, sys, time
open(sys.argv[1] + ".new", "w").write(repr(time.time()))
os.rename(sys.argv[1] + ".new", sys.argv[1])
`;
const working = `
import sys, time
end = time.time() + float(sys.argv[2])
print("step 0 loss 1.0", flush=True)
said = time.time()
while time.time() < end:
    sum(i * i % 7 for i in range(20000))
    if time.time() - said > 0.5:
        said = time.time()
        print("loss", said % 1, flush=True)
`;
/** Waits for as long as Python takes to its line: what ours do for any run meanwhile is then in both. */
const marksItself = 'sleep "$2"; echo $EPOCHREALTIME >"$1.new"; mv "$1.new" "$1"';

/** Milliseconds from `start()` to the first line of the script. */
async function toFirstLine(mark: string, start: () => void): Promise<number> {
  rmSync(mark, { force: true });
  const started = wallMs();
  start();
  await waitUntil("the script's mark", () => existsSync(mark), 30_000, 1);
  return Number(readFileSync(mark, "utf8")) * 1000 - started;
}

/** Milliseconds from typing `ml queue` to the first line, of which `onLine` is told; returns once the run is sealed. */
async function viaMl(ours: Ours, mark: string, words: readonly string[], onLine = () => {}): Promise<number> {
  let runId = "";
  const ms = await toFirstLine(mark, () => {
    runId = ours.queue(words).runId;
  });
  onLine();
  await waitUntil("the run to be sealed", () => isSealed(ours.folderOf(runId)), 60_000, 10);
  return ms;
}

/** A server each time that has not seen the interpreter; the last one goes on to be used. */
async function firstTimes(
  context: BenchContext,
  mark: string,
  words: { script: readonly string[]; shell: readonly string[] },
): Promise<{ cold: number[]; ours: Ours }> {
  const cold: number[] = [];
  for (let at = 0; ; at++) {
    const ours = await startOurs(context, { name: `cold-${at}` });
    // The snapshot is known and the paths are warm; only the interpreter has not been seen.
    await viaMl(ours, mark, words.shell);
    cold.push(await viaMl(ours, mark, words.script));
    if (cold.length === (context.long ? 10 : 4)) return { cold, ours };
    await ours.stop();
  }
}

async function firstLines(context: BenchContext, python: string): Promise<Line[]> {
  const mark = join(context.folder, "mark");
  const script = [python, "-c", marking, mark];
  const quick: number[] = [];
  for (let at = 0; at < 6; at++) quick.push(await toFirstLine(mark, () => timed(script)));
  const shell = ["bash", "-c", marksItself, "bash", mark, (spread(quick.slice(1)).median / 1000).toFixed(3)];
  const { cold, ours } = await firstTimes(context, mark, { script, shell });
  const usedMs = { python: 0, shell: 0, pythonSealed: 0, shellSealed: 0 };
  const counted = async (what: "python" | "shell", words: readonly string[]) => {
    const before = cpuMs(ours.pid);
    const ms = await viaMl(ours, mark, words, () => {
      usedMs[what] += cpuMs(ours.pid) - before;
    });
    usedMs[`${what}Sealed`] += cpuMs(ours.pid) - before;
    return ms;
  };
  const count = context.long ? 60 : 20;
  const found = await rounds(
    {
      warm: () => counted("python", script),
      hand: () => toFirstLine(mark, () => timed(script)),
      // P2's way: all that any run costs.
      shell: () => counted("shell", shell),
      shellHand: () => toFirstLine(mark, () => timed(shell)),
    },
    count,
  );
  const hand = spread(found.hand);
  const first = spread(cold.map((ms) => ms - hand.median));
  const own = found.warm.map((ms, at) => {
    const [python = NaN, via = NaN, plain = NaN] = [found.hand[at], found.shell[at], found.shellHand[at]];
    return ms - python - (via - plain);
  });
  const { low, high } = medianBounds(own);
  const limit = { name: "by hand", value: hand };
  // One round more than is counted in times.
  const mean = (what: keyof typeof usedMs) => usedMs[what] / (count + 1);
  const [inPython, inShell] = [mean("python"), mean("shell")];
  return [
    {
      ...{ what: "before the first line, first time", unit: "ms", ours: first, limit, goal: "<= 200 ms over by hand" },
      met: first.median <= 200,
      note: "ours less the script by hand; the whole way from typing `ml queue`",
    },
    {
      ...{ what: "the same, later, beyond P2", unit: "ms", ours: spread(own), limit, goal: "<= 20 ms" },
      met: high <= 20 ? true : low > 20 ? false : null,
      note: `Python by ml less by hand, less the same of a shell, which takes as long, round by round; the median lies between ${low.toFixed(1)} and ${high.toFixed(1)} ms (95 %)`,
    },
    {
      ...{ what: "the same by processor time", unit: "ms", ours: spread([inPython - inShell]), goal: "<= 20 ms" },
      met: inPython - inShell <= 20,
      note: `of server and worker until the first line, mean of a run: ${inPython.toFixed(1)} ms for Python, ${inShell.toFixed(1)} for a shell that takes as long; until sealed ${mean("pythonSealed").toFixed(1)} and ${mean("shellSealed").toFixed(1)}`,
    },
  ];
}

/** Who runs it, or null while the supervisor has not written that down. */
function processRecord(ours: Ours, runId: string): { supervisor: { pid: number } } | null {
  try {
    return JSON.parse(readFileSync(join(ours.folderOf(runId), ".run/process.json"), "utf8"));
  } catch {
    return null;
  }
}

/** Processor time of ours: server and worker with what they started and awaited, and the supervisor's shell. */
function oursMs(ours: Ours, runId: string): number {
  const record = processRecord(ours, runId);
  return cpuMs(ours.pid, { withChildren: true }) + (record === null ? NaN : cpuMs(record.supervisor.pid));
}

/** The script has one core, and there are more: what ours take in the same time is the most that it can lose. */
async function whileRunning(context: BenchContext, python: string): Promise<Line> {
  const ours = await startOurs(context, { name: "running" });
  const seconds = context.long ? 120 : 20;
  const beginSeconds = 3;
  const { runId } = ours.queue([python, "-u", "-c", working, "script", String(seconds)]);
  await waitUntil("the script's process", () => processRecord(ours, runId) !== null);
  const atStart = oursMs(ours, runId);
  await Bun.sleep(beginSeconds * 1000);
  const [from, started] = [oursMs(ours, runId), performance.now()];
  await Bun.sleep((seconds - beginSeconds - 1) * 1000);
  const used = oursMs(ours, runId) - from;
  const wall = performance.now() - started;
  const percent = (used / wall) * 100;
  return {
    ...{ what: "while it runs", unit: "%", ours: spread([percent]), goal: "<= 1 %", met: percent <= 1 },
    note: `processor time of ours in ${(wall / 1000).toFixed(0)} s of a script that computes and prints twice a second; its first ${beginSeconds} s, with capture: ${from - atStart} ms`,
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
