/** P5: no-op runs from the first submit to the last record sealed, with one and with two slots. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { growthExponent, spread, timed, waitUntil } from "./measure.ts";
import { cpuMs, isSealed, startOurs } from "./ours.ts";
import { nq, taskSpooler } from "./peers.ts";
import type { BenchContext, Line, Row } from "./table.ts";

/** Milliseconds a run, of `count` runs queued in one go, and how much processor time of it is the server's. */
async function oursPerRun(context: BenchContext, slots: number, count: number): Promise<{ ms: number; cpu: number }> {
  const ours = await startOurs(context, { slots, name: `home-${slots}-${count}` });
  const file = join(context.folder, "list");
  writeFileSync(file, Array.from({ length: count }, (_, at) => `-- true ${at}\n`).join(""));
  const [started, usedMs] = [performance.now(), cpuMs(ours.pid)];
  const ids = ours.ml("queue", "-q", "--from", file).stdout.trim().split("\n");
  const open = new Set(ids);
  const allSealed = () => {
    for (const runId of open) if (isSealed(ours.folderOf(runId))) open.delete(runId);
    return open.size === 0;
  };
  await waitUntil(`${count} runs to be sealed`, allSealed, 60_000 + count * 200, 25);
  const ms = (performance.now() - started) / count;
  const cpu = (cpuMs(ours.pid) - usedMs) / count;
  await ours.stop();
  return { ms, cpu };
}

function tspPerRun(context: BenchContext, slots: number, count: number): number | null {
  const tsp = taskSpooler(context, `tsp-${slots}-${count}`);
  if (!tsp) return null;
  tsp.call("-S", String(slots));
  const started = performance.now();
  let last = "";
  for (let at = 0; at < count; at++) last = tsp.submit(["true", String(at)]).stdout.trim();
  tsp.call("-w", last);
  return (performance.now() - started) / count;
}

function nqPerRun(context: BenchContext, count: number): number | null {
  const queue = nq(context);
  if (!queue) return null;
  const started = performance.now();
  for (let at = 0; at < count; at++) queue.submit(["true", String(at)]);
  queue.call("-w");
  return (performance.now() - started) / count;
}

async function withSlots(context: BenchContext, slots: number): Promise<Line> {
  const sizes = context.long ? [100, 300, 1000] : [50, 100, 200];
  const points: { n: number; cost: number }[] = [];
  const cpu: number[] = [];
  const [tsp, queue, bare]: number[][] = [[], [], []];
  for (const n of sizes) {
    const mine = await oursPerRun(context, slots, n);
    points.push({ n, cost: mine.ms * n });
    cpu.push(mine.cpu);
    const [tspMs, nqMs] = [tspPerRun(context, slots, n), slots === 1 ? nqPerRun(context, n) : null];
    if (tspMs !== null) tsp?.push(tspMs);
    if (nqMs !== null) queue?.push(nqMs);
    for (let at = 0; at < 20; at++) bare?.push(timed(["true"]).ms);
  }
  const ours = spread(points.map(({ n, cost }) => cost / n));
  const tspSpread = tsp?.length ? spread(tsp) : null;
  return {
    ...{ what: `no-op run, ${slots} slot${slots > 1 ? "s" : ""}`, unit: "ms", ours, goal: "<= 3 x tsp" },
    peers: { tsp: tspSpread, ...(slots === 1 ? { nq: queue?.length ? spread(queue) : null } : {}) },
    limit: { name: "bare exec", value: spread(bare ?? []) },
    growth: { sizes, exponent: growthExponent(points) },
    note: `${spread(cpu).median.toFixed(1)} ms of it is processor time of server and worker`,
    met: tspSpread ? ours.median <= 3 * tspSpread.median : null,
  };
}

export const row: Row = {
  id: "P5",
  title: "no-op runs to the end",
  run: async (context) => [await withSlots(context, 1), await withSlots(context, 2)],
};
