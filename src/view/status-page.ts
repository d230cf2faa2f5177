/**
 * `ml status`: one screen that says what runs and how far, what comes next and when, and what ended how. All sections
 * share one set of column widths; problems come before everything else, because they explain the rest.
 */
import { formatDuration } from "../core/duration.ts";
import { formatSize } from "../core/size.ts";
import type { Reply } from "../protocol/requests.ts";
import type { RunSummary } from "../protocol/summary.ts";
import { cutLine, type Face, type Line, lineWidth, type Span, span, textWidth, wrapText } from "./face.ts";
import { gpuLines } from "./gpu-lines.ts";
import { dot } from "./mark.ts";
import { prewarmLines } from "./prewarm-page.ts";
import { runColumns, runRow, subtitle } from "./run-row.ts";
import { safeText } from "./safe-text.ts";
import { fitColumns, layRow, type Row } from "./table.ts";
import { ago, clockTime, timeMs, withClockTimes } from "./time.ts";

export type Status = Reply<"status">;

interface Section {
  title: string;
  runs: readonly RunSummary[];
  /** How many there are in all, where the page shows fewer; null where unknown. */
  total: number | null;
}

const indent = 2;

/** Which GPUs each run holds, from the workers' own words. */
function gpusByRun(status: Status): Map<string, number[]> {
  const held = new Map<string, number[]>();
  for (const worker of status.workers)
    for (const gpu of worker.gpus)
      for (const runId of gpu.runs ?? []) held.set(runId, [...(held.get(runId) ?? []), gpu.index]);
  return held;
}

/** `ml 0.1.0 on gpu01 · up 3h12m · 1 of 2 slots free · GPU 1/2 free · 412 GB disk free`. */
export function serverLine(status: Status, face: Face): Line {
  const { server } = status;
  const alive = status.workers.filter((worker) => worker.alive);
  const sum = (pick: (worker: Status["workers"][number]) => number) => alive.reduce((all, one) => all + pick(one), 0);
  const startedMs = timeMs(server.started_at);
  const facts: string[] = [];
  if (startedMs !== null) facts.push(`up ${formatDuration(Math.max(1000, face.nowMs - startedMs))}`);
  if (alive.length > 1) facts.push(`${alive.length} workers`);
  if (alive.length > 0) facts.push(`${sum((one) => one.free.slots)} of ${sum((one) => one.capacity.slots)} slots free`);
  const gpus = sum((one) => one.capacity.gpus);
  if (gpus > 0) facts.push(`${sum((one) => one.free.gpus)} of ${gpus} GPUs free`);
  if (server.disk.free_bytes !== null) facts.push(`${formatSize(server.disk.free_bytes)} disk free`);
  const who: Span[] = [
    span("ml", "strong"),
    span(` ${safeText(server.version)} on `, "dim"),
    span(safeText(server.host)),
  ];
  // What does not fit is left out whole, from the end.
  const line = (count: number): Line => [
    ...who,
    ...facts.slice(0, count).flatMap((fact) => [dot(face), span(fact, "dim")]),
  ];
  let count = facts.length;
  while (count > 0 && lineWidth(line(count)) > face.width) count -= 1;
  return line(count);
}

/** Everything that somebody should know before reading on, one sentence each. */
export function problemsOf(status: Status, nowMs: number): string[] {
  const problems = [...status.server.problems];
  const { queue } = status.server;
  if (queue.problem !== null && !problems.includes(queue.problem)) problems.push(queue.problem);
  for (const worker of status.workers) {
    if (worker.alive) problems.push(...worker.problems.map((problem) => `worker \`${worker.worker}\`: ${problem}`));
    else if (
      worker.running.length > 0 &&
      !problems.some((one) => one.startsWith(`worker \`${worker.worker}\` is gone`))
    )
      problems.push(`worker ${worker.worker} was last seen ${ago(worker.seen_at, nowMs) ?? "at an unknown time"}`);
    for (const { why, until } of worker.alive ? worker.door : []) {
      if (worker.problems.some((problem) => problem.startsWith(why))) continue;
      if (why.startsWith("this host is set aside") && problems.some((one) => one.startsWith(`host \`${worker.host}\``)))
        continue;
      const ends = until === null ? "" : ` until ${clockTime(until, nowMs)}`;
      problems.push(`worker \`${worker.worker}\` starts nothing now: ${why}${ends}`);
    }
    if (worker.alive && worker.draining) problems.push(`worker ${worker.worker} is draining and starts nothing new`);
  }
  if (status.waiting.length > 0 && !status.workers.some((worker) => worker.alive))
    problems.push("no worker is alive, so nothing that waits can start (`ml worker` starts one)");
  return [...new Set(problems)];
}

function problemLines(status: Status, face: Face): Line[] {
  return problemsOf(status, face.nowMs).flatMap((problem) => {
    const width = face.width - textWidth("! ");
    return wrapText(withClockTimes(safeText(problem), face.nowMs), width).map((text, index) => [
      span(index === 0 ? "! " : "  ", "warn"),
      span(text, "warn"),
    ]);
  });
}

function sectionTitle(section: Section): Line {
  const title = span(section.title, "strong");
  if (section.total === null || section.total <= section.runs.length) return [title];
  return [title, span(`  ${section.runs.length} of ${section.total}`, "dim")];
}

/** `ends fell into their intervals 21 of 24 times (88%; 80% promised)`; null where nothing was counted. */
export function accuracyText({ eta_accuracy: accuracy }: Pick<Status, "eta_accuracy">): string | null {
  const forecasts = accuracy.marks.reduce((sum, mark) => sum + mark.forecasts, 0);
  const hits = accuracy.marks.reduce((sum, mark) => sum + mark.hits, 0);
  if (forecasts === 0) return null;
  const percent = (share: number) => `${Math.round(100 * share)}%`;
  return `ends fell into their intervals ${hits} of ${forecasts} times (${percent(hits / forecasts)}; ${percent(accuracy.promised)} promised)`;
}

export interface StatusPageOptions {
  /** Lines that fit on the screen; subtitles are left out where they would push rows off it. Default: no limit. */
  height?: number;
  /** The page shows one user's runs, which the totals do not count apart. */
  filtered?: boolean;
}

export function statusPage(status: Status, face: Face, options: StatusPageOptions = {}): Line[] {
  const sections: Section[] = [
    { title: "Running", runs: status.running, total: null },
    { title: "Waiting", runs: status.waiting, total: options.filtered ? null : (status.totals.queued ?? null) },
    { title: "Ended", runs: status.recent, total: null },
  ].filter((section) => section.runs.length > 0);
  const told = accuracyText(status);
  const head = [
    cutLine(serverLine(status, face), face.width, face.unicode),
    ...problemLines(status, face),
    ...prewarmLines(status, face),
    ...gpuLines(status, face),
  ];
  if (sections.length === 0 && options.filtered) return [...head, [], [span("No runs of this user.")]];
  if (sections.length === 0)
    return [
      ...head,
      [],
      [span("Nothing has run yet: "), span("ml queue train.py", "strong"), span(" queues a script.")],
    ];
  const all = sections.flatMap((section) => section.runs);
  const showUser = new Set(all.map((run) => run.user)).size > 1;
  const gpus = gpusByRun(status);
  const rowOf = (run: RunSummary): Row => runRow(run, { face, showUser, gpus: gpus.get(run.run_id) ?? [] });
  const rows = new Map(all.map((run) => [run, rowOf(run)]));
  const fitted = fitColumns(runColumns, [...rows.values()], face.width - indent);
  const plainHeight = head.length + all.length + 2 * sections.length;
  const withSubtitles =
    plainHeight + all.filter((run) => subtitle(run, face) !== null).length <= (options.height ?? Infinity);
  const page: Line[] = head;
  for (const section of sections) {
    const title = sectionTitle(section);
    const aside = section.runs === status.running && told !== null ? [span(`  ${told}`, "dim")] : [];
    page.push([], cutLine([...title, ...aside], face.width, face.unicode));
    for (const run of section.runs) {
      page.push(layRow(fitted, rows.get(run) ?? {}, face, { indent }));
      const below = withSubtitles ? subtitle(run, face) : null;
      if (below !== null) page.push(cutLine([span("    "), ...below], face.width, face.unicode));
    }
  }
  return page;
}
