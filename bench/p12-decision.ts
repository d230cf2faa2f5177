/** P12: one scheduling decision over many waiting runs: the line put in order, and the plan of who starts. In this process. */
import { defaultSettings } from "../src/config/settings.ts";
import { minus, plainCards } from "../src/schedule/fit.ts";
import { inOrder, type LineEntry } from "../src/schedule/order.ts";
import { plan } from "../src/schedule/plan.ts";
import { policyOf } from "../src/schedule/policy.ts";
import type { Machine, PlanState, RunningRun } from "../src/schedule/state.ts";
import { alternately, growthExponent, type Spread } from "./measure.ts";
import type { Line, Row } from "./table.ts";

const nowMs = Date.UTC(2026, 10, 23, 12);
const { rules, limits, hours } = policyOf(defaultSettings(), () => 0);
const noTerms = { after: [], after_ok: [], not_before: null, when: null, group_limit: null };

/** Twenty users, mixed priorities and ages, runs of up to four GPUs, a limit on two of three. */
function entries(count: number): LineEntry[] {
  return Array.from({ length: count }, (_, at) => ({
    ...{ runId: `2026-11-23_${at}`, user: `user${(at * 7) % 20}`, priority: 1 + ((at * 13) % 10), sequence: at },
    ...{ queuedAt: new Date(nowMs - ((at * 31) % 200) * 600_000).toISOString(), held: at % 50 === 0 },
    requested: {
      ...{ gpus: at % 5, gpu_memory_gb: null, cpu_cores: 1 + (at % 8), ram_gb: at % 3 === 0 ? 8 : null, disk_gb: null },
      max_runtime_hours: at % 3 === 0 ? null : 1 + (at % 12),
    },
    facts: { group: at % 4 === 0 ? `g${at % 40}` : null, terms: noTerms, seconds: null },
  }));
}

function machine(busy: number): Machine {
  const total = { slots: 64, cpuCores: 64, ramGb: 256, diskGb: null, cards: plainCards(4) };
  const running: RunningRun[] = Array.from({ length: busy }, (_, at) => ({
    ...{
      runId: `run${at}`,
      user: "user1",
      group: null,
      seconds: null,
      startedMs: nowMs,
      endsMs: nowMs + (at + 1) * 3_600_000,
    },
    requested: { gpus: 1, gpu_memory_gb: null, cpu_cores: 1, ram_gb: null, disk_gb: null, max_runtime_hours: at + 1 },
    placement: { cards: [{ id: String(at), index: at, memoryGb: null }] },
  }));
  return { name: "m", total, free: running.reduce(minus, total), running, closed: [] };
}

function decide(line: readonly LineEntry[], on: Machine): number {
  const started = performance.now();
  const usage = new Map(Array.from({ length: 20 }, (_, at) => [`user${at}`, at * 1000]));
  const ordered = inOrder(line, { nowMs, rules, usage });
  const state: PlanState = {
    ...{ nowMs, line: ordered, machines: [on], limits, hours, reservations: [], parentOf: () => "missing" },
  };
  // All of the line is looked at, as for an explanation: a worker stops where no slot is left.
  const planned = plan(state, { startsOnly: false });
  if (planned.seats.length !== 1) throw new Error("nothing was planned");
  return performance.now() - started;
}

export const row: Row = {
  id: "P12",
  title: "scheduling decision",
  withoutMl: true,
  async run(context) {
    const sizes = [1000, 3000, 10_000];
    const times = context.long ? 60 : 20;
    const found: Record<"free" | "blocked", Spread[]> = { free: [], blocked: [] };
    for (const n of sizes) {
      const line = entries(n);
      const [empty, full] = [machine(0), machine(3)];
      const measured = await alternately({ free: () => decide(line, empty), blocked: () => decide(line, full) }, times);
      found.free.push(measured.free);
      found.blocked.push(measured.blocked);
    }
    const line = (what: string, spreads: Spread[]): Line => ({
      ...{
        what: `${sizes.at(-1)} waiting, ${what}`,
        unit: "ms",
        ours: spreads.at(-1) ?? null,
        goal: "<= 50 ms; linear",
      },
      met: (spreads.at(-1)?.median ?? Infinity) <= 50,
      growth: { sizes, exponent: growthExponent(sizes.map((n, at) => ({ n, cost: spreads[at]?.median ?? NaN }))) },
      note: `at ${sizes.join(", ")}: ${spreads.map(({ median }) => `${median.toFixed(2)} ms`).join(", ")}`,
    });
    return [line("an empty machine", found.free), line("a big run at its head", found.blocked)];
  },
};
