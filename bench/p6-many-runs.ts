/** P6: the first page of `ml status` with many runs known, and with many waiting. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { manifestText, newManifest } from "../src/run/manifest.ts";
import { alternately, growthExponent, type Spread, timed } from "./measure.ts";
import { type Ours, startOurs } from "./ours.ts";
import { taskSpooler } from "./peers.ts";
import type { BenchContext, Line, Row } from "./table.ts";

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** The nth id of a made-up past, valid and distinct. */
function pastRunId(at: number): string {
  let [rest, random] = [at, ""];
  for (let digit = 0; digit < 6; digit++) {
    random = (alphabet[rest % 32] ?? "0") + random;
    rest = Math.floor(rest / 32);
  }
  const day = new Date(Date.UTC(2026, 0, 1 + (at % 300)));
  return `${day.toISOString().slice(0, 10)}_${random}`;
}

/** Folders of `count` completed runs, as a worker would have left their manifests. */
export function fillBase(base: string, count: number): void {
  for (let at = 0; at < count; at++) {
    const runId = pastRunId(at);
    const time = `${runId.slice(0, 10)}T08:00:00.000Z`;
    const folder = join(base, "runs", runId);
    mkdirSync(join(folder, ".run"), { recursive: true });
    const manifest = newManifest({
      ...{ run_id: runId, name: `train-${at}`, user: "bench", command: `python train.py --seed ${at}` },
      ...{ argv: ["python", "train.py", "--seed", String(at)], queued_at: time, started_at: time, ended_at: time },
      ...{ exit_code: 0, metrics: { loss: 1 / (at + 1), accuracy: 0.9 }, metadata: { note: `run number ${at}` } },
    });
    writeFileSync(join(folder, "run_manifest.json"), manifestText({ ...manifest, status: "completed" }));
    writeFileSync(join(folder, "SHA256SUMS"), "");
  }
}

function queueMany(ours: Ours, context: BenchContext, count: number): void {
  const file = join(context.folder, "many");
  for (let left = count; left > 0; left -= 1000) {
    writeFileSync(file, Array.from({ length: Math.min(left, 1000) }, (_, at) => `-- true ${at}\n`).join(""));
    ours.ml("queue", "-q", "--from", file);
  }
}

export const row: Row = {
  id: "P6",
  title: "status with many runs",
  async run(context) {
    const sizes = [100, 1000, 10_000];
    const times = context.long ? 60 : 15;
    const known: Spread[] = [];
    const waiting: Spread[] = [];
    let noop: Spread | null = null;
    let peer: Spread | null = null;
    for (const n of sizes) {
      const full = await startOurs(context, { name: `known-${n}`, prepare: (base) => fillBase(base, n) });
      const busy = await startOurs(context, { name: `waiting-${n}` });
      busy.queue(["sleep", "600"]);
      queueMany(busy, context, n);
      const tsp = n === 100 ? taskSpooler(context) : null;
      tsp?.submit(["sleep", "600"]);
      for (let at = 0; tsp && at < n; at++) tsp.submit(["true"]);
      const found = await alternately(
        {
          known: () => full.ml("status").ms,
          waiting: () => busy.ml("status").ms,
          noop: () => timed([context.noop]).ms,
          tsp: () => tsp?.call("-l").ms ?? NaN,
        },
        times,
      );
      known.push(found.known);
      waiting.push(found.waiting);
      noop = found.noop;
      if (tsp) peer = found.tsp;
      await full.stop();
      await busy.stop();
    }
    const line = (what: string, spreads: Spread[]): Line => ({
      ...{ what: `status, ${sizes.at(-1)} ${what}`, unit: "ms" as const, ours: spreads.at(-1) ?? null },
      peers: what === "waiting" ? { "tsp, 100": peer } : {},
      limit: noop ? { name: "compiled no-op", value: noop } : null,
      goal: "no-op + 18 ms",
      met: (spreads.at(-1)?.median ?? Infinity) <= (noop?.median ?? 0) + 18,
      growth: { sizes, exponent: growthExponent(sizes.map((n, at) => ({ n, cost: spreads[at]?.median ?? NaN }))) },
      note: `at ${sizes.join(", ")}: ${spreads.map(({ median }) => `${median.toFixed(1)} ms`).join(", ")}`,
    });
    return [line("known", known), line("waiting", waiting)];
  },
};
