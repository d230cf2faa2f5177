/** `ml usage`: who used how much, how long was waited for it, and how well the machines were used. Unknown is `—`. */
import type { Reply } from "../protocol/requests.ts";
import { type Face, type Line, span, textWidth } from "./face.ts";
import { dot, unknown } from "./mark.ts";
import { safeText } from "./safe-text.ts";
import { clockTime, roughDuration } from "./time.ts";

type Usage = Reply<"usage">;
type Row = Usage["total"];

const titles = { user: "user", priority: "priority", week: "week of" };
const right = new Set([1, 2, 3, 4, 5, 6, 7, 8, 9]);

const hours = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(1));
const percent = (value: number) => `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %`;
const wait = (seconds: number) => (seconds < 1 ? "0 s" : roughDuration(seconds * 1000));

function cells(key: string, row: Row, face: Face): string[] {
  const none = unknown(face).text;
  const { wait_seconds: waits, energy_kwh: energy } = row;
  return [
    key,
    String(row.runs),
    row.waiting === null ? none : String(row.waiting),
    hours(row.gpu_hours),
    hours(row.cpu_hours),
    row.share === null ? none : percent(row.share),
    ...(waits === null ? [none, none, none] : [wait(waits.p50), wait(waits.p90), wait(waits.p99)]),
    energy === null ? none : `${energy.toFixed(energy < 10 ? 2 : 1)}${row.energy_runs < row.runs ? "*" : ""}`,
  ];
}

const heading = (by: Usage["by"]) => [
  ...[titles[by], "runs", "waiting", "GPU h", "CPU h", "share"],
  ...["wait p50", "p90", "p99", "kWh"],
];

function layTable(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => textWidth(row[column] ?? ""))));
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const space = " ".repeat(Math.max(0, (widths[column] ?? 0) - textWidth(cell)));
        return right.has(column) ? `${space}${cell}` : `${cell}${space}`;
      })
      .join("  ")
      .trimEnd(),
  );
}

export function usagePage(usage: Usage, face: Face): Line[] {
  const { by, rows, total, utilisation, counted, start_accuracy: starts } = usage;
  const lines = layTable([
    heading(by),
    ...rows.map((row) => cells(safeText(row.key), row, face)),
    cells("all", total, face),
  ]);
  const used = [
    utilisation.gpus === null ? null : `${percent(utilisation.gpus)} of the GPUs' time`,
    utilisation.cpu_cores === null ? null : `${percent(utilisation.cpu_cores)} of the cores' time`,
  ].filter((part) => part !== null);
  const page: Line[] = [
    [span("Usage", "strong"), span(`  since ${clockTime(usage.since, face.nowMs)}`, "dim")],
    [],
    ...lines.map(
      (line, at): Line => [span(`  ${line}`, at === 0 ? "dim" : at === lines.length - 1 ? "strong" : "plain")],
    ),
    [],
  ];
  if (used.length > 0)
    page.push([
      span("  used  ", "dim"),
      ...used.flatMap((part, at) => (at === 0 ? [span(part)] : [dot(face), span(part)])),
    ]);
  const counts = [...counted].filter((one) => one.hours >= 0.005).sort((a, b) => b.hours - a.hours);
  if (counts.length > 0) {
    const words = counts.slice(0, 6).map(({ user, hours: count }) => `${safeText(user)} ${hours(count)}`);
    page.push([
      span("  counts now  ", "dim"),
      span(words.join(", ")),
      span(`  (weighted hours, halved every ${usage.half_life_hours} h)`, "dim"),
    ]);
  }
  page.push([
    span("  starts told when queued  ", "dim"),
    span(starts.of === 0 ? "none to judge yet" : `${starts.held} of ${starts.of} came within their interval`),
  ]);
  if (total.energy_kwh !== null && total.energy_runs < total.runs)
    page.push([span(`  * known of ${total.energy_runs} of ${total.runs} runs`, "dim")]);
  return page;
}
