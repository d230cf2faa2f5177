/**
 * One run as one row, the same for every list: what it is, how far, how long, when, and the one thing worth saying
 * about it. Lists differ only in which runs they show.
 */
import type { RunSummary } from "../protocol/summary.ts";
import { blockerWords } from "./blocker-text.ts";
import { type Face, type Line, type Span, span } from "./face.ts";
import { dot, markOf, shortId, stateOf, unknown, verdictSpan, wordOf } from "./mark.ts";
import { formatMetric, headline } from "./metric.ts";
import { safeText, visible } from "./safe-text.ts";
import { progressBar } from "./spark.ts";
import type { Column, Row } from "./table.ts";
import { clockTime, durationText, elapsedMs, fullTime, isNow, roughDuration, timeMs } from "./time.ts";

/** The columns of every list of runs, most important first where room is short. */
export const runColumns: readonly Column[] = [
  { name: "name", least: 12, most: 34, cut: "middle" },
  { name: "run" },
  { name: "user", keep: 1, most: 16 },
  { name: "state", keep: 6, least: 18 },
  { name: "time", keep: 4, align: "right" },
  { name: "when", keep: 5 },
  { name: "detail", keep: 2, least: 12 },
];

export interface RowOptions {
  face: Face;
  /** Leave the user out where all rows have the same one. */
  showUser: boolean;
  /** GPU indexes that the run holds, as far as known. */
  gpus?: readonly number[];
}

/** `45/100 ━━━━╌╌╌╌ 45%`, or what the script said, or the plain word. */
function progressCell(run: RunSummary, face: Face): Line {
  const { progress } = run;
  if (progress === null || run.status !== "running") return [wordOf(run)];
  const text = span(safeText(progress.text), "live");
  if (progress.fraction === null) return [text];
  const percent = `${Math.floor(progress.fraction * 100)}%`;
  const known = progress.text.includes("%") ? [] : [span(` ${percent}`)];
  if (face.width < 100) return [text, ...known];
  const bar = span(progressBar(progress.fraction, { width: 10, unicode: face.unicode }), "live");
  return [text, span(" "), bar, ...known];
}

function stateCell(run: RunSummary, face: Face): Line {
  const state = stateOf(run);
  if (state === "queued") return [run.position === null ? wordOf(run) : span(`#${run.position}`)];
  if (state === "stopping" && run.stopping?.kill_in_seconds != null)
    return [wordOf(run), span(` (${Math.ceil(run.stopping.kill_in_seconds)} s left)`, "warn")];
  if (state === "failed" && run.failure !== null) return [span(run.failure.kind, "bad")];
  if (state === "completed" && run.validation_status !== null) return [verdictSpan(run.validation_status, face)];
  return progressCell(run, face);
}

function timeCell(run: RunSummary, face: Face): Line {
  if (run.status === "queued") return [span(`p${run.priority}`, run.priority === 5 ? "dim" : "plain")];
  const ms = elapsedMs(run.started_at, run.ended_at, face.nowMs);
  return [ms === null || run.started_at === null ? unknown(face) : span(durationText(ms, run.ended_at === null) ?? "")];
}

/** Below this share of the way, elapsed time says too little about the rest. */
const tellingFraction = 0.02;

/** Milliseconds until a running run ends: by the server's estimate, its own words, or its pace; null where unknown. */
export function leftMs(run: RunSummary, nowMs: number): number | null {
  const until = timeMs(run.eta);
  if (until !== null) return Math.max(0, until - nowMs);
  if (run.progress === null) return null;
  const { eta_seconds: said, fraction } = run.progress;
  if (said !== null) return said * 1000;
  const elapsed = elapsedMs(run.started_at, null, nowMs);
  if (elapsed === null || fraction === null || fraction < tellingFraction) return null;
  return (elapsed * (1 - fraction)) / fraction;
}

/** `3m–5m`, the time left as an interval; `4m` where its ends look the same; null where it is not known. */
function betweenText(run: RunSummary, face: Face): string | null {
  const [low, high] = [timeMs(run.eta_range?.low), timeMs(run.eta_range?.high)];
  if (low === null || high === null) return null;
  const [from, to] = [low, high].map((at) => roughDuration(Math.max(0, at - face.nowMs)));
  return from === to ? (from ?? null) : `${from}${face.unicode ? "–" : "-"}${to}`;
}

/** `~14:30 (14:10–15:20)`, when a waiting run will start, or `now`; null where nobody knows. */
export function startText(run: Pick<RunSummary, "eta" | "eta_range">, face: Face): string | null {
  if (isNow(run.eta, face.nowMs)) return "now";
  const likely = clockTime(run.eta, face.nowMs);
  const [low, high] = [run.eta_range?.low, run.eta_range?.high].map((iso) => clockTime(iso, face.nowMs));
  const dash = face.unicode ? "–" : "-";
  const between = low == null || high == null || low === high ? null : `${low}${dash}${high}`;
  if (likely === null) return between;
  return between === null ? `~${likely}` : `~${likely} (${between})`;
}

function whenCell(run: RunSummary, face: Face): Line {
  if (run.status === "running" || run.status === "starting") {
    const between = betweenText(run, face);
    if (between !== null) return [span(`${between} left`)];
    const left = leftMs(run, face.nowMs);
    return left === null ? [] : [span(`${roughDuration(left)} left`)];
  }
  if (run.status === "queued") {
    const eta = startText(run, face);
    return [eta === null ? unknown(face) : span(eta)];
  }
  const ended = clockTime(run.ended_at, face.nowMs);
  return [ended === null ? unknown(face) : span(ended, "dim")];
}

function metricSpans(run: RunSummary): Span[] {
  const found = headline(run.metrics);
  return found === null ? [] : [span(`${safeText(found.name)} `, "dim"), span(formatMetric(found.value))];
}

function detailCell(run: RunSummary, options: RowOptions): Line {
  if (run.problem !== null) return [span(safeText(run.problem), "warn")];
  if (run.status === "failed" && run.failure !== null) return [span(safeText(run.failure.message), "dim")];
  if (run.status === "queued" && run.waits_for !== null && run.waits_for.kind !== "held")
    return [span(blockerWords(run.waits_for, options.face.nowMs), "dim")];
  if (run.status === "cancelled" && run.cancelled?.reason != null) return [span(safeText(run.cancelled.reason), "dim")];
  const gpus = options.gpus ?? [];
  const metric = metricSpans(run);
  // Rows of an index that is older than the key have none.
  if (run.imported_from != null) {
    const from = span(`imported from ${safeText(run.imported_from)}`, "dim");
    return metric.length > 0 ? [...metric, dot(options.face), from] : [from];
  }
  if (gpus.length === 0) return metric.length > 0 ? metric : [span(safeText(run.command), "dim")];
  const held = span(`GPU ${gpus.join(",")}`, "dim");
  return metric.length > 0 ? [...metric, dot(options.face), held] : [held];
}

/** The cells of one run for `runColumns`. */
export function runRow(run: RunSummary, options: RowOptions): Row {
  const { face } = options;
  return {
    name: [markOf(run, face), span(" "), span(safeText(run.name), "strong")],
    run: [span(shortId(run.run_id), "dim")],
    user: options.showUser ? [span(safeText(run.user))] : [],
    state: stateCell(run, face),
    time: timeCell(run, face),
    when: whenCell(run, face),
    detail: detailCell(run, options),
  };
}

/** The line under a run that says what it is for: its hypothesis, else its note; null without either. */
export function subtitle(run: RunSummary, face: Face): Line | null {
  const text = run.hypothesis ?? run.note;
  if (text === null || text.trim() === "") return null;
  const [left, right] = face.unicode ? ["“", "”"] : ['"', '"'];
  const first = safeText(text.trim().split("\n")[0] ?? "");
  return [span(`${left}${first}${right}`, "dim")];
}

/**
 * One run for `--plain`, the same fields in this order for ever: run_id, status, name, user, priority, position,
 * queued_at, started_at, ended_at, exit_code, failure, command. Everything in full, times in UTC, null where unknown.
 */
export function plainRun(run: RunSummary): (string | number | null)[] {
  return [
    run.run_id,
    stateOf(run),
    visible(run.name),
    visible(run.user),
    run.priority,
    run.position,
    run.queued_at,
    run.started_at,
    run.ended_at,
    run.exit_code,
    run.failure?.kind ?? null,
    visible(run.command),
  ];
}

/** One change of a run, for a log: `14:30:05 ✓ completed  batch_size_64 2026-11-23_k3f9ab  in 4h15m  val_acc 0.87`. */
export function changeLine(run: RunSummary, face: Face): Line {
  const time = fullTime(new Date(face.nowMs).toISOString())?.slice(11) ?? "";
  const who = [span(safeText(run.name), "strong"), span(` ${run.run_id}`, "dim")];
  const head: Span[] = [span(`${time} `, "dim"), markOf(run, face), span(" "), wordOf(run), span("  "), ...who];
  const state = stateOf(run);
  if (state === "queued" && run.position !== null) head.push(span(`  #${run.position}`));
  if (run.ended_at !== null && run.started_at !== null)
    head.push(span(`  after ${durationText(elapsedMs(run.started_at, run.ended_at, face.nowMs))}`));
  if (run.status === "failed" && run.failure !== null)
    head.push(span("  "), span(run.failure.kind, "bad"), span(`: ${safeText(run.failure.message)}`, "dim"));
  const metric = run.status === "completed" ? metricSpans(run) : [];
  return metric.length === 0 ? head : [...head, span("  "), ...metric];
}
