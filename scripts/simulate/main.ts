/**
 * `npm run simulate [-- [--weeks N] [--seed N] [--gpus N] [--jobs N] [LOG.swf]]`: replays generated weeks, or a log in the
 * Standard Workload Format, under our policy and three others, and prints one table.
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { defaultSettings } from "../../src/config/settings.ts";
import { policyOf } from "../../src/schedule/policy.ts";
import { type Figures, figuresOf } from "./figures.ts";
import { easy, fifo, ours, type Policy, strict } from "./policies.ts";
import { replay } from "./replay.ts";
import { generate, readSwf, type Workload } from "./workload.ts";

function given(args: readonly string[], name: string, fallback: number): number {
  const at = args.indexOf(`--${name}`);
  const value = at < 0 ? fallback : Number(args[at + 1]);
  if (!Number.isInteger(value) || value < 0) throw new Error(`--${name} wants a whole number`);
  return value;
}

function workloadOf(args: readonly string[]): Workload {
  const file = args.find((word, at) => !word.startsWith("--") && !args[at - 1]?.startsWith("--"));
  const made =
    file === undefined
      ? generate({ seed: given(args, "seed", 1), weeks: given(args, "weeks", 4), units: given(args, "gpus", 4) })
      : readSwf(readFileSync(file, "utf8"), basename(file));
  const most = given(args, "jobs", 0);
  return most > 0 ? { ...made, jobs: made.jobs.slice(0, most) } : made;
}

const hours = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(1));

function row(name: string, figures: Figures): string[] {
  const { p50, p90, p99, most } = figures.waitHours;
  const { utilisation, jain, worstUser } = figures;
  return [
    ...[name, hours(p50), hours(p90), hours(p99), hours(most), `${(utilisation * 100).toFixed(1)} %`],
    ...[jain.share.toFixed(3), jain.slowdown.toFixed(3), `${hours(worstUser.hours)} (${worstUser.user})`],
  ];
}

function tableText(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((cells) => (cells[column] ?? "").length)));
  const pad = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return rows.map((cells) => cells.map(pad).join("  ").trimEnd()).join("\n");
}

const args = process.argv.slice(2);
const workload = workloadOf(args);
const { rules } = policyOf(defaultSettings(), () => 0);
const policies: Policy[] = [ours(rules), easy, strict, fifo];
const users = new Set(workload.jobs.map((job) => job.user)).size;
process.stdout.write(`${workload.name}: ${workload.jobs.length} runs of ${users} users on ${workload.units} units\n\n`);
const heading = [
  "policy",
  "wait p50 h",
  "p90 h",
  "p99 h",
  "most h",
  "utilisation",
  "Jain share",
  "slowdown",
  "worst user waits h",
];
const rows = policies.map((policy) => row(policy.name, figuresOf(workload, replay(workload, policy))));
process.stdout.write(`${tableText([heading, ...rows])}\n`);
