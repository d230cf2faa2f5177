/** What is said of one simulation: waits by percentile, how full the machine was, and how evenly people fared. */
import type { Started } from "./replay.ts";
import type { Workload } from "./workload.ts";

export interface Figures {
  runs: number;
  waitHours: { p50: number; p90: number; p99: number; most: number };
  /** Share of the units' time from the first submission to the last end. */
  utilisation: number;
  /**
   * Jain's index over users: of what each held of the machine while runs of theirs waited, against an equal share of it
   * among those who wanted any; and of their mean bounded slowdown, in which ten small runs count ten times.
   */
  jain: { share: number; slowdown: number };
  /** Mean wait of the user who waits longest, hours. */
  worstUser: { user: string; hours: number };
}

const hourMs = 3_600_000;
/** Very short runs would make any wait look endless (Feitelson's bounded slowdown). */
const boundMs = 600_000;

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);

/** (Σx)² / (n·Σx²), Jain, Chiu and Hawe 1984. */
export function jainIndex(values: readonly number[]): number {
  const sum = values.reduce((a, b) => a + b, 0);
  const squares = values.reduce((a, b) => a + b * b, 0);
  return squares === 0 ? 1 : sum ** 2 / (values.length * squares);
}

interface Standing {
  waiting: number;
  held: number;
  /** Unit-hours held, and due by equal shares, while something waited. */
  got: number;
  due: number;
}

/** For each user who ever had to wait: what they held meanwhile, over an equal share among those who wanted any. */
function sharesOf({ units }: Workload, started: readonly Started[]): number[] {
  const users = new Map<string, Standing>();
  const events = started.flatMap(({ job, startMs }) => [
    { atMs: job.submitMs, user: job.user, waiting: 1, held: 0 },
    { atMs: startMs, user: job.user, waiting: -1, held: job.units },
    { atMs: startMs + job.runMs, user: job.user, waiting: 0, held: -job.units },
  ]);
  events.sort((a, b) => a.atMs - b.atMs);
  let beforeMs = events[0]?.atMs ?? 0;
  for (const { atMs, user, waiting, held } of events) {
    const wanting = [...users.values()].filter((one) => one.waiting + one.held > 0).length;
    for (const one of users.values()) {
      if (one.waiting === 0) continue;
      one.got += one.held * (atMs - beforeMs);
      one.due += (units / wanting) * (atMs - beforeMs);
    }
    const one = users.get(user) ?? { waiting: 0, held: 0, got: 0, due: 0 };
    users.set(user, one);
    one.waiting += waiting;
    one.held += held;
    beforeMs = atMs;
  }
  return [...users.values()].filter((one) => one.due > 0).map((one) => one.got / one.due);
}

export function figuresOf(workload: Workload, started: readonly Started[]): Figures {
  const { units } = workload;
  const waits = started.map(({ job, startMs }) => (startMs - job.submitMs) / hourMs).sort((a, b) => a - b);
  const at = (share: number) => waits[Math.max(0, Math.ceil(share * waits.length) - 1)] ?? 0;
  const firstMs = started.reduce((least, { job }) => Math.min(least, job.submitMs), Infinity);
  const lastMs = started.reduce((most, { job, startMs }) => Math.max(most, startMs + job.runMs), 0);
  const used = started.reduce((sum, { job }) => sum + job.runMs * job.units, 0);
  const users = [...new Set(started.map(({ job }) => job.user))];
  const of = (user: string) => started.filter(({ job }) => job.user === user);
  const slowdown = users.map((user) =>
    mean(
      of(user).map(({ job, startMs }) =>
        Math.max(1, (startMs - job.submitMs + job.runMs) / Math.max(job.runMs, boundMs)),
      ),
    ),
  );
  const userWaits = users.map((user) => ({
    user,
    hours: mean(of(user).map(({ job, startMs }) => (startMs - job.submitMs) / hourMs)),
  }));
  const worstUser = userWaits.reduce((worst, each) => (each.hours > worst.hours ? each : worst), {
    user: "",
    hours: 0,
  });
  return {
    runs: started.length,
    waitHours: { p50: at(0.5), p90: at(0.9), p99: at(0.99), most: waits.at(-1) ?? 0 },
    utilisation: used / (units * Math.max(1, lastMs - firstMs)),
    jain: { share: jainIndex(sharesOf(workload, started)), slowdown: jainIndex(slowdown) },
    worstUser,
  };
}
