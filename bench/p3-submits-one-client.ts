/** P3: many runs handed over durably by one command, with full run folders; nothing of it runs meanwhile. */
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { growthExponent, spread } from "./measure.ts";
import { startOurs } from "./ours.ts";
import { nq, type Peer, taskSpooler } from "./peers.ts";
import type { BenchContext, Row } from "./table.ts";

/** Durable small files a second: write, fsync, rename, fsync of the folder. */
function durableFilesPerSecond(context: BenchContext, count: number): number {
  const folder = openSync(context.folder, "r");
  const started = performance.now();
  for (let at = 0; at < count; at++) {
    const path = join(context.folder, `durable-${at}`);
    const file = openSync(`${path}.tmp`, "w");
    writeSync(file, "x".repeat(2000));
    fsyncSync(file);
    closeSync(file);
    renameSync(`${path}.tmp`, path);
    fsyncSync(folder);
  }
  const seconds = (performance.now() - started) / 1000;
  closeSync(folder);
  return count / seconds;
}

function submitsPerSecond(peer: Peer, count: number): number {
  let ms = 0;
  for (let at = 0; at < count; at++) ms += peer.submit(["true", String(at)]).ms;
  return (count / ms) * 1000;
}

export const row: Row = {
  id: "P3",
  title: "1,000 submits by one client",
  async run(context) {
    const ours = await startOurs(context);
    ours.queue(["sleep", "600"]);
    const peers = [taskSpooler(context), nq(context)].filter((peer) => peer !== null);
    for (const peer of peers) peer.submit(["sleep", "600"]);
    const sizes = context.long ? [1000, 3000, 9000] : [100, 300, 1000];
    const main = context.long ? 1000 : sizes.at(-1);
    const rates: number[] = [];
    const costs: { n: number; cost: number }[] = [];
    const peerRates = new Map(peers.map((peer) => [peer.name, [] as number[]]));
    const limits: number[] = [];
    for (const n of [...sizes, main ?? 1000, main ?? 1000]) {
      const file = join(context.folder, "list");
      writeFileSync(file, Array.from({ length: n }, (_, at) => `-- true ${at}\n`).join(""));
      const { ms, stdout } = ours.ml("queue", "-q", "--from", file);
      const queued = stdout.trim().split("\n").length;
      if (queued !== n) throw new Error(`${queued} of ${n} runs were queued`);
      costs.push({ n, cost: ms });
      if (n === main) rates.push((n / ms) * 1000);
      limits.push(durableFilesPerSecond(context, 200));
      for (const peer of peers) peerRates.get(peer.name)?.push(submitsPerSecond(peer, 50));
    }
    const found = spread(rates);
    const best = Math.max(...[...peerRates.values()].map((values) => spread(values).median));
    return [
      {
        ...{ what: `--from FILE, ${main} runs`, unit: "/s", ours: found, goal: ">= 1,000/s; >= 10 x each peer" },
        peers: Object.fromEntries([...peerRates].map(([name, values]) => [name, spread(values)])),
        limit: { name: "durable file each", value: spread(limits) },
        growth: { sizes, exponent: growthExponent(costs) },
        met: found.median >= 1000 && (peers.length === 0 || found.median >= 10 * best),
      },
    ];
  },
};
