/**
 * What the simulator replays: jobs of generated weeks (seeded, so that everybody sees the same), or a log in the Standard
 * Workload Format (https://www.cs.huji.ac.il/labs/parallel/workload/swf.html): one job a line, 18 numbers, -1 unknown.
 */

export interface Job {
  id: string;
  user: string;
  /** 1 to 10. */
  priority: number;
  submitMs: number;
  /** What it really takes. */
  runMs: number;
  /** What its user says that it takes at most; null: nothing said. */
  limitMs: number | null;
  /** GPUs of a generated week, processors of a log. */
  units: number;
}

export interface Workload {
  name: string;
  jobs: Job[];
  /** Units of the machine. */
  units: number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** A small generator of uniform numbers (Steele and Vigna's SplitMix64 would be longer and no better here): mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
}

interface Person {
  user: string;
  /** Submissions a week. */
  sessions: number;
  /** Runs of one submission: a sweep. */
  burst: number;
  units: readonly number[];
  /** Median of a run's hours. */
  hours: number;
}

/** Four people on one machine: one who floods it with sweeps, two who train, one with few big runs. */
const people: readonly Person[] = [
  { user: "sweeper", sessions: 4, burst: 40, units: [1], hours: 0.7 },
  { user: "trainer", sessions: 14, burst: 2, units: [1, 1, 2], hours: 3 },
  { user: "student", sessions: 12, burst: 2, units: [1], hours: 1.5 },
  { user: "big", sessions: 5, burst: 1, units: [4, 2], hours: 5 },
];

/** A log-normal spread by a factor of about three. */
function spread(random: () => number): number {
  const gauss = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.exp(gauss * 0.8);
}

/** Office hours see most submissions; nights and weekends few. */
function submissionMs(random: () => number, weekMs: number): number {
  for (;;) {
    const at = random() * 7 * dayMs;
    const hour = (at % dayMs) / hourMs;
    const weekend = Math.floor(at / dayMs) >= 5;
    if (random() < (hour >= 9 && hour < 19 ? 1 : 0.2) * (weekend ? 0.3 : 1)) return weekMs + at;
  }
}

export function generate({ seed, weeks, units }: { seed: number; weeks: number; units: number }): Workload {
  const random = seeded(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const jobs: Omit<Job, "id">[] = [];
  for (let week = 0; week < weeks; week += 1) {
    for (const { user, sessions, burst, units: sizes, hours } of people) {
      for (let session = 0; session < sessions; session += 1) {
        const submitMs = submissionMs(random, week * 7 * dayMs);
        const count = Math.max(1, Math.round(burst * (0.5 + random())));
        const size = Math.min(units, pick(sizes));
        const priority = random() < 0.1 ? 7 : 5;
        const median = hours * spread(random);
        for (let at = 0; at < count; at += 1) {
          const runMs = Math.min(2 * dayMs, median * (0.7 + 0.6 * random()) * hourMs);
          // Limits are round and generous, and one user in four gives none.
          const limitMs = random() < 0.25 ? null : Math.ceil((runMs * (1.2 + 2 * random())) / hourMs) * hourMs;
          jobs.push({ user, priority, submitMs: submitMs + at, runMs, limitMs, units: size });
        }
      }
    }
  }
  jobs.sort((a, b) => a.submitMs - b.submitMs);
  const name = `${weeks} generated ${weeks === 1 ? "week" : "weeks"} (seed ${seed})`;
  return { name, units, jobs: jobs.map((job, at) => ({ ...job, id: `j${at}` })) };
}

/** Jobs of a log, and its machine as the header says it (`MaxProcs`, else `MaxNodes`). Lines that are none are left out. */
export function readSwf(text: string, name: string): Workload {
  const header = (key: string) => Number(new RegExp(`^;\\s*${key}:\\s*(\\d+)`, "m").exec(text)?.[1] ?? 0);
  const jobs: Job[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith(";") || line.trim() === "") continue;
    const field = line.trim().split(/\s+/).map(Number);
    const [id = 0, submit = 0, , run = -1, allocated = -1, , , asked = -1, limit = -1] = field;
    const units = asked > 0 ? asked : allocated;
    if (!Number.isFinite(id) || units <= 0 || run < 0) continue;
    const limitMs = limit > 0 ? Math.max(limit, run) * 1000 : null;
    const user = `u${field[11] ?? 0}`;
    jobs.push({ id: `j${id}`, user, priority: 5, submitMs: submit * 1000, runMs: run * 1000, limitMs, units });
  }
  jobs.sort((a, b) => a.submitMs - b.submitMs);
  const most = jobs.reduce((a, b) => Math.max(a, b.units), 1);
  return { name, jobs, units: Math.max(header("MaxProcs") || header("MaxNodes"), most) };
}
