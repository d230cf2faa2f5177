/** P8: a printed line until it is read at a follower, and printing at full speed. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { alternately, quantile, type Spread, spread, timed, waitUntil, wallMs } from "./measure.ts";
import { isSealed, memoryMb, type Ours, startOurs } from "./ours.ts";
import type { BenchContext, Line, Row } from "./table.ts";

/** Prints the time, `count` times, 20 ms apart. */
const ticking = (count: number) => [
  "bash",
  "-c",
  `for i in $(seq ${count}); do echo "t $EPOCHREALTIME"; sleep 0.02; done`,
];

interface Follower {
  delaysMs: number[];
  stop(): void;
}

/** Collects how late each `t <time>` line arrives from a command's output. */
function follow(command: readonly string[], env?: Record<string, string>): Follower {
  const child = Bun.spawn([...command], { stdout: "pipe", stderr: "ignore", stdin: "ignore", ...(env ? { env } : {}) });
  const delaysMs: number[] = [];
  const read = async () => {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of child.stdout) {
      const now = wallMs();
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line.startsWith("t ")) delaysMs.push(now - Number(line.slice(2).replace(",", ".")) * 1000);
      }
    }
  };
  void read();
  return { delaysMs, stop: () => child.kill("SIGKILL") };
}

async function latency(context: BenchContext, ours: Ours): Promise<Line> {
  const count = context.long ? 1000 : 150;
  const direct = follow(ticking(count));
  await waitUntil("the pipe's lines", () => direct.delaysMs.length >= count, 60_000 + count * 50);
  const { runId } = ours.queue(ticking(count + 50));
  const log = join(ours.folderOf(runId), "output.log");
  await waitUntil("the log", () => existsSync(log));
  const followers = [follow(["tail", "-n", "+1", "-f", log]), follow([context.ml, "logs", "-f", runId], ours.env)];
  for (const follower of followers) context.after(follower.stop);
  const [tail, mine] = followers as [Follower, Follower];
  await waitUntil("the followers' lines", () => mine.delaysMs.length >= count + 50, 60_000 + count * 50);
  for (const follower of followers) follower.stop();
  // What was printed before the followers had started is late by no fault of theirs.
  const settled = (of: Follower) => of.delaysMs.slice(50).sort((a, b) => a - b);
  const p99 = quantile(settled(mine), 0.99);
  const found = spread(settled(mine));
  return {
    ...{ what: "printed line to follower", unit: "ms", ours: found, goal: "<= 2 ms median, p99 <= 10" },
    peers: { "tail -f": spread(settled(tail)) },
    limit: { name: "pipe", value: spread(direct.delaysMs) },
    met: found.median <= 2 && p99 <= 10,
    note: `p99 ${p99.toFixed(2)} ms; both followers read the same lines`,
  };
}

/** Megabytes a second at which a script prints, by its own clock. */
async function throughput(context: BenchContext, ours: Ours): Promise<Line[]> {
  const megabytes = context.long ? 1024 : 256;
  const text = join(context.folder, "text");
  timed(["sh", "-c", `yes 'epoch 12/100 loss 0.123456 accuracy 0.98765' | head -c ${megabytes}M >"$1"`, "sh", text]);
  const mark = join(context.folder, "speed");
  const body = `s=$EPOCHREALTIME; dd if="$1" bs=64k status=none; echo $s $EPOCHREALTIME >"$2"`;
  const script = ["bash", "-c", body, "bash", text, mark];
  const speed = () => {
    const [from = NaN, to = NaN] = readFileSync(mark, "utf8").trim().replaceAll(",", ".").split(" ").map(Number);
    timed(["rm", mark]);
    return megabytes / (to - from);
  };
  const toFile = () => {
    const out = join(context.folder, "out");
    timed(["sh", "-c", 'out=$1; shift; "$@" >"$out"; rm "$out"', "sh", out, ...script]);
    return speed();
  };
  const memory: { before: number; peak: number }[] = [];
  const throughMl = async (followed: boolean) => {
    // From here on the peak counts anew (proc(5), clear_refs).
    writeFileSync(`/proc/${ours.pid}/clear_refs`, "5");
    const before = memoryMb(ours.pid).now;
    const { runId } = ours.queue(script);
    const follower = followed
      ? Bun.spawn([context.ml, "logs", "-f", runId], { env: ours.env, stdout: "ignore", stderr: "ignore" })
      : null;
    if (follower) context.after(() => follower.kill("SIGKILL"));
    await waitUntil("the run to be sealed", () => isSealed(ours.folderOf(runId)), 300_000, 20);
    await follower?.exited;
    if (followed) memory.push({ before, peak: memoryMb(ours.pid).peak });
    ours.ml("delete", "--yes", runId);
    return speed();
  };
  const found = await alternately(
    { ours: () => throughMl(false), followed: () => throughMl(true), file: toFile },
    context.long ? 3 : 5,
  );
  const grown = Math.max(...memory.map(({ before, peak }) => peak - before));
  const line = (what: string, of: Spread): Line => ({
    ...{ what, unit: "MB/s", ours: of, peers: { ">file": found.file }, limit: null, goal: ">= 0.98 x >file" },
    met: of.median >= 0.98 * found.file.median,
  });
  return [
    line(`${megabytes} MB printed`, found.ours),
    {
      ...line(`${megabytes} MB printed and followed`, found.followed),
      note: `the server's memory grew by ${grown.toFixed(0)} MB while it was followed and sealed`,
    },
  ];
}

export const row: Row = {
  id: "P8",
  title: "output",
  async run(context) {
    const ours = await startOurs(context);
    return [await latency(context, ours), ...(await throughput(context, ours))];
  },
};
