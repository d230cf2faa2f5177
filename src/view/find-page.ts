/**
 * `ml find`: how the search was read, then one row a run, with the values that it was about, and under it the line in
 * which its words stand.
 */

import { formatDuration } from "../core/duration.ts";
import { formatSize } from "../core/size.ts";
import type { Reply } from "../protocol/requests.ts";
import type { RunSummary } from "../protocol/summary.ts";
import { cutLine, type Face, type Line, type Span, span } from "./face.ts";
import { dot, markOf, shortId, unknown, verdictTone, wordOf } from "./mark.ts";
import { formatMetric, headline } from "./metric.ts";
import { safeText } from "./safe-text.ts";
import { type Column, fitColumns, layRow, type Row } from "./table.ts";
import { clockTime } from "./time.ts";

export type FindReply = Reply<"find">;
type FoundRow = FindReply["runs"][number];

const indent = 2;
const secondsColumns = new Set(["runtime", "waited", "max_runtime"]);
const timeColumns = new Set(["started", "ended"]);

function valueText(column: string, value: number | string, face: Face): string {
  if (typeof value === "string") return safeText(value);
  if (secondsColumns.has(column)) return formatDuration(value * 1000);
  if (timeColumns.has(column)) return clockTime(new Date(value).toISOString(), face.nowMs) ?? String(value);
  return column === "size" ? formatSize(value) : formatMetric(value);
}

function stateSpan(run: RunSummary): Span {
  if (run.status === "failed" && run.failure !== null) return span(run.failure.kind, "bad");
  if (run.validation_status !== null) return span(safeText(run.validation_status), verdictTone(run.validation_status));
  return wordOf(run);
}

/** What tells the run from its neighbours, beside what the columns have. */
function detail(run: RunSummary, columns: readonly string[]): Line {
  if (run.problem !== null) return [span(safeText(run.problem), "warn")];
  if (run.status === "failed" && run.failure !== null) return [span(safeText(run.failure.message), "dim")];
  const found = headline(run.metrics);
  if (found === null || columns.includes(found.name)) return [span(safeText(run.command), "dim")];
  return [span(`${safeText(found.name)} `, "dim"), span(formatMetric(found.value))];
}

function rowOf({ run, values }: FoundRow, reply: FindReply, face: Face): Row {
  const row: Record<string, Line> = {
    name: [markOf(run, face), span(" "), span(safeText(run.name), "strong")],
    run: [span(shortId(run.run_id), "dim")],
    user: [span(safeText(run.user))],
    state: [stateSpan(run)],
    // What answers are ordered by and `since:` goes by; when it started or ended is a column of its own.
    when: [span(clockTime(run.queued_at, face.nowMs) ?? "", "dim")],
    detail: detail(run, reply.columns),
  };
  for (const column of reply.columns) {
    const value = values[column] ?? null;
    row[`=${column}`] = [value === null ? unknown(face) : span(valueText(column, value, face))];
  }
  return row;
}

function columnsOf(reply: FindReply): Column[] {
  const users = new Set(reply.runs.map(({ run }) => run.user)).size > 1;
  return [
    { name: "name", least: 12, most: 34, cut: "middle" },
    { name: "run" },
    ...(users ? [{ name: "user", keep: 2, most: 16 }] : []),
    { name: "state", keep: 4 },
    ...reply.columns.map((column): Column => ({ name: `=${column}`, align: "right", keep: 6, most: 24, least: 6 })),
    { name: "when", keep: 3 },
    ...(reply.columns.length < 3 ? [{ name: "detail", keep: 1, least: 12 }] : []),
  ];
}

/** The line in which the words stand, these in another tone; escape codes and the like are spelled out. */
export function snippetLine({ snippet }: FoundRow, face: Face): Line | null {
  if (snippet === null) return null;
  const parts: Span[] = [span(`${snippet.field}: `, "dim")];
  let at = 0;
  for (const [from, to] of snippet.marks) {
    parts.push(
      span(safeText(snippet.text.slice(at, from)), "dim"),
      span(safeText(snippet.text.slice(from, to)), "accent"),
    );
    at = to;
  }
  parts.push(span(safeText(snippet.text.slice(at)), "dim"));
  if (face.unicode) return parts;
  return parts.map((part) => ({ ...part, text: part.text.replaceAll("…", "...") }));
}

/** `status:failed gpu:2 since:2026-11-16`, and that it was read from English. */
export function searchLine(reply: FindReply, face: Face): Line {
  const text = reply.query === "" ? "all runs" : safeText(reply.query);
  const line: Span[] = [span(reply.interpreted ? "read as " : "search ", "dim"), span(text, "accent")];
  if (reply.total !== null) line.push(dot(face), span(`${reply.total} in all`));
  return line;
}

/** Why fewer may be shown than there are, one sentence each. */
function remarks(reply: FindReply, face: Face): Line[] {
  const lines: Line[] = [];
  const beyond = /(^| )sort:oldest( |$)/.test(reply.query) ? "newer" : "older";
  if (reply.next !== null)
    lines.push([span(`${beyond} ones follow: add `, "dim"), span(`--before ${shortId(reply.next)}`)]);
  else if (reply.more) lines.push([span("there are more: ", "dim"), span("-n"), span(" asks for more", "dim")]);
  if (reply.behind > 0)
    lines.push([span(`! ${reply.behind} runs are not searched yet; ask again in a moment`, "warn")]);
  return lines.map((line) => cutLine(line, face.width, face.unicode));
}

/** That there is none, and which part of the search is at fault. */
function nothingFound({ query, unmatched }: FindReply, face: Face): Line[] {
  const none: Line = [span("No run matches.")];
  if (unmatched.length === 0)
    return query === "" || !query.includes(" ")
      ? [none]
      : [[...none, span(" Each part fits some run, but none fits all.", "dim")]];
  if (unmatched.length === 1 && unmatched[0] === query) return [none];
  const parts = unmatched.flatMap((part, at) => [
    span(at === 0 ? " " : at === unmatched.length - 1 ? " and " : ", ", "dim"),
    span(safeText(part), "accent"),
  ]);
  const fits = span(unmatched.length === 1 ? " fits none by itself." : " fit none by themselves.", "dim");
  return [cutLine([...none, ...parts, fits], face.width, face.unicode)];
}

export function findPage(reply: FindReply, face: Face): Line[] {
  const head: Line[] = [searchLine(reply, face), ...reply.explain.map((text) => [span(`  ${safeText(text)}`, "dim")])];
  if (reply.runs.length === 0) return [...head, [], ...nothingFound(reply, face), ...remarks(reply, face)];
  const columns = columnsOf(reply);
  const rows = reply.runs.map((found) => rowOf(found, reply, face));
  const titles: Row = Object.fromEntries([
    ...reply.columns.map((column) => [`=${column}`, [span(safeText(column), "dim")]]),
    ["when", [span("queued", "dim")]],
  ]);
  const fitted = fitColumns(columns, [titles, ...rows], face.width - indent);
  const page: Line[] = [...head, [], layRow(fitted, titles, face, { indent })];
  for (const [at, found] of reply.runs.entries()) {
    page.push(layRow(fitted, rows[at] ?? {}, face, { indent }));
    const below = snippetLine(found, face);
    if (below !== null) page.push(cutLine([span("      "), ...below], face.width, face.unicode));
  }
  const more = remarks(reply, face);
  return more.length === 0 ? page : [...page, [], ...more];
}
