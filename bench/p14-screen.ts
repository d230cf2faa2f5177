/**
 * P14: the terminal UI on a pseudo-terminal of 120 by 40: first picture, key to frame with 10,000 runs known and a log that
 * grows by 5,000 lines a second, what it costs when nothing happens, bytes a refresh, and a log of 1 GB.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { spread, waitUntil } from "./measure.ts";
import { cpuMs, memoryMb, type Ours, startOurs } from "./ours.ts";
import { fillBase } from "./p6-many-runs.ts";
import type { BenchContext, Line, Row } from "./table.ts";

const flood = `import sys, time
n = 0
while True:
    began = time.time()
    for _ in range(500):
        n += 1
        print(f"line {n} loss: {1 / n:.6f} with some words behind it, so that it is as long as such lines are")
    sys.stdout.flush()
    time.sleep(max(0, 0.1 - (time.time() - began)))
`;

interface Screen {
  pid: number;
  bytes(): number;
  /** Waits for new output that holds \`text\`, from now on or since the last press. */
  sees(text: string): Promise<void>;
  press(keys: string): void;
  end(): Promise<void>;
}

function openScreen(context: BenchContext, ours: Ours, words: readonly string[]): Screen {
  let bytes = 0;
  let since = "";
  let bell: (() => void) | null = null;
  const child = Bun.spawn([context.ml, "monitor", "--here", ...words], {
    cwd: ours.project,
    env: { ...ours.env, TERM: "xterm-256color", LANG: "C.UTF-8" },
    terminal: {
      cols: 120,
      rows: 40,
      data(_, chunk) {
        bytes += chunk.length;
        since += Buffer.from(chunk).toString();
        bell?.();
      },
    },
  });
  context.after(() => child.kill("SIGKILL"));
  return {
    pid: child.pid,
    bytes: () => bytes,
    async sees(text) {
      for (const deadline = performance.now() + 20_000; !since.includes(text); ) {
        if (performance.now() > deadline) throw new Error(`the screen never had ${text}`);
        const rung = Promise.withResolvers<void>();
        bell = rung.resolve;
        await Promise.race([rung.promise, Bun.sleep(100)]);
      }
    },
    press(keys) {
      since = "";
      child.terminal?.write(keys);
    },
    async end() {
      child.terminal?.write("q");
      await child.exited;
    },
  };
}

async function firstPicture(context: BenchContext, ours: Ours): Promise<Line> {
  const times: number[] = [];
  for (let round = 0; round < 11; round++) {
    const began = performance.now();
    const screen = openScreen(context, ours, []);
    await screen.sees("live");
    times.push(performance.now() - began);
    await screen.end();
  }
  const found = spread(times.slice(1));
  return { what: "first picture, 10,000 known", unit: "ms", ours: found, goal: "<= 150 ms", met: found.median <= 150 };
}

async function underFlood(context: BenchContext, ours: Ours): Promise<Line[]> {
  const { runId } = ours.queue(["python3", "-c", flood]);
  const screen = openScreen(context, ours, [runId, "--tab", "logs"]);
  await screen.sees("following");
  const times: number[] = [];
  for (let round = 0; round < 40; round++) {
    const began = performance.now();
    screen.press(round % 2 === 0 ? "?" : "\x1b");
    await screen.sees(round % 2 === 0 ? "Moving" : "following");
    times.push(performance.now() - began);
    await Bun.sleep(50);
  }
  // A lone escape is told from the start of a sequence by a pause, which is not ours.
  const keys = spread(times.filter((_, round) => round % 2 === 0));
  const [bytes, cpu, began] = [screen.bytes(), cpuMs(screen.pid), performance.now()];
  await Bun.sleep(5000);
  const seconds = (performance.now() - began) / 1000;
  const [rate, share] = [(screen.bytes() - bytes) / seconds, ((cpuMs(screen.pid) - cpu) / seconds / 1000) * 100];
  const memory = memoryMb(screen.pid).now;
  await screen.end();
  ours.ml("cancel", "--now", "--yes", runId);
  return [
    {
      what: "key to frame, 10,000 known, 5,000 lines/s",
      unit: "ms",
      ours: keys,
      goal: "<= 33 ms",
      met: keys.median <= 33,
    },
    {
      what: "the same: sent to the terminal a second",
      unit: "kB",
      ours: spread([rate / 1000]),
      goal: "< 20 kB/s",
      met: rate < 20_000,
    },
    { what: "the same: processor", unit: "%", ours: spread([share]), goal: "", met: null },
    { what: "the same: memory", unit: "MB", ours: spread([memory]), goal: "<= 120 MB", met: memory <= 120 },
  ];
}

/** A run under way, whose clocks tick twice a second; and nothing under way. */
async function quietScreen(context: BenchContext, ours: Ours): Promise<Line[]> {
  const seconds = context.long ? 60 : 20;
  const watch = async () => {
    const screen = openScreen(context, ours, []);
    await screen.sees("live");
    await Bun.sleep(3000);
    const [bytes, cpu, began] = [screen.bytes(), cpuMs(screen.pid), performance.now()];
    await Bun.sleep(seconds * 1000);
    const took = performance.now() - began;
    const found = {
      share: ((cpuMs(screen.pid) - cpu) / took) * 100,
      refresh: (screen.bytes() - bytes) / (took / 500),
      memory: memoryMb(screen.pid).now,
    };
    await screen.end();
    return found;
  };
  const idle = await watch();
  const { runId } = ours.queue(["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do echo epoch $i/9; sleep 10; done"]);
  const busy = await watch();
  ours.ml("cancel", "--now", "--yes", runId);
  return [
    { what: "idle: processor", unit: "%", ours: spread([idle.share]), goal: "<= 1 %", met: idle.share <= 1 },
    { what: "idle: memory", unit: "MB", ours: spread([idle.memory]), goal: "<= 120 MB", met: idle.memory <= 120 },
    { what: "a run under way: processor", unit: "%", ours: spread([busy.share]), goal: "", met: null },
    {
      what: "a run under way: a refresh",
      unit: "kB",
      ours: spread([busy.refresh / 1000]),
      goal: "<= 2.5 kB",
      met: busy.refresh <= 2500,
    },
  ];
}

async function hugeLog(context: BenchContext, ours: Ours): Promise<Line[]> {
  const { runId } = ours.queue(["sh", "-c", "sleep 600"]);
  const log = join(ours.folderOf(runId), "output.log");
  await waitUntil(
    "the log",
    () => Bun.file(log).size >= 0 && ours.ml("info", "--json", runId).stdout.includes('"running"'),
    20_000,
  );
  const fd = openSync(log, "a");
  writeSync(fd, "a_needle in_the_first_line\n");
  const block = Buffer.from("epoch 12/100 loss 0.4211 val_acc 0.8112 and some more words\n".repeat(20_000));
  for (let size = 0; size < 1e9; size += block.length) writeSync(fd, block);
  writeSync(fd, "the_last_line\n");
  closeSync(fd);
  const began = performance.now();
  const screen = openScreen(context, ours, [runId, "--tab", "logs"]);
  await screen.sees("the_last_line");
  const opened = performance.now() - began;
  screen.press("/");
  await screen.sees("search");
  const searchBegan = performance.now();
  screen.press("needle\r");
  await screen.sees("in_the_first_line");
  const searched = performance.now() - searchBegan;
  const memory = memoryMb(screen.pid).now;
  await screen.end();
  ours.ml("cancel", "--now", "--yes", runId);
  return [
    { what: "log of 1 GB: its end on the screen", unit: "ms", ours: spread([opened]), goal: "", met: null },
    { what: "log of 1 GB: searched from end to start", unit: "ms", ours: spread([searched]), goal: "", met: null },
    { what: "log of 1 GB: memory", unit: "MB", ours: spread([memory]), goal: "<= 120 MB", met: memory <= 120 },
  ];
}

export const row: Row = {
  id: "P14",
  title: "terminal UI",
  async run(context) {
    const ours = await startOurs(context, { name: "screen", slots: 2, prepare: (base) => fillBase(base, 10_000) });
    return [
      await firstPicture(context, ours),
      ...(await underFlood(context, ours)),
      ...(await quietScreen(context, ours)),
      ...(await hugeLog(context, ours)),
    ];
  },
};
