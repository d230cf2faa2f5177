/** `ml similar`, and what `ml queue` says of runs that were the same: how near, what differs, what it yielded. */
import type { SimilarReply, SimilarRow } from "../protocol/find.ts";
import { cutLine, type Face, type Line, type Span, span } from "./face.ts";
import { dot, markOf, shortId, verdictTone, wordOf } from "./mark.ts";
import { formatMetric, headline } from "./metric.ts";
import { safeText } from "./safe-text.ts";
import { type Column, layTable, type Row } from "./table.ts";
import { clockTime } from "./time.ts";

const verdictWords: Record<string, string> = {
  validates: "validated",
  refutes: "refuted",
  inconclusive: "inconclusive",
  partial: "partly validated",
};

const shown = (value: string | number | boolean | null) =>
  value === null ? "none" : typeof value === "number" ? formatMetric(value) : safeText(String(value));

function differences(row: SimilarRow, face: Face): string {
  const arrow = face.unicode ? " → " : " -> ";
  const parts = row.differs.map(({ name, here, there }) => `${safeText(name)} ${shown(there)}${arrow}${shown(here)}`);
  if (row.same_code === false) parts.push("other code");
  return parts.length === 0 ? "nothing differs" : parts.join(", ");
}

/** The first sentence that says what came of it: its outcome, a lesson, the failure, a metric; null where nothing does. */
function yielded({ run, outcome, learnings }: SimilarRow): string | null {
  const said = outcome ?? learnings[0] ?? null;
  if (said !== null) return safeText(said.trim().split("\n")[0] ?? "");
  if (run.failure !== null) return safeText(run.failure.message);
  const metric = headline(run.metrics);
  return metric === null ? null : `${safeText(metric.name)} ${formatMetric(metric.value)}`;
}

function verdictSpan({ run }: SimilarRow): Span {
  const verdict = run.validation_status;
  if (verdict !== null) return span(verdictWords[verdict] ?? safeText(verdict), verdictTone(verdict));
  return run.status === "failed" && run.failure !== null ? span(run.failure.kind, "bad") : wordOf(run);
}

const columns: readonly Column[] = [
  { name: "near", align: "right" },
  { name: "name", least: 12, most: 32 },
  { name: "run" },
  { name: "verdict", keep: 4 },
  { name: "when", keep: 1 },
  { name: "differs", keep: 3, least: 16 },
];

export function similarPage(reply: SimilarReply, face: Face): Line[] {
  if (reply.runs.length === 0) return [[span("No other run of this script is known.")]];
  const rows = reply.runs.map(
    (row): Row => ({
      near: [span(`${Math.floor(row.score * 100)}%`)],
      name: [markOf(row.run, face), span(" "), span(safeText(row.run.name), "strong")],
      run: [span(shortId(row.run.run_id), "dim")],
      verdict: [verdictSpan(row)],
      when: [span(clockTime(row.run.ended_at ?? row.run.queued_at, face.nowMs) ?? "", "dim")],
      differs: [span(differences(row, face))],
    }),
  );
  const table = layTable(columns, rows, { face });
  return table.flatMap((line, at) => {
    const row = reply.runs[at];
    const said = row === undefined ? null : yielded(row);
    return said === null ? [line] : [line, cutLine([span("      "), span(said, "dim")], face.width, face.unicode)];
  });
}

/** Names whose change makes a repeat and not another question. */
const repeatNames = /(^|[._])(random_)?seed$/;

const wasInVain = ({ run }: SimilarRow) => run.validation_status === "refutes" || run.status === "failed";

/**
 * What somebody should know before such a run runs again, at most two lines: that it ran, or that its like was a dead end. Of
 * several that were the same, one that somebody judged. A seed is no difference; a repeat of what was not in vain is nobody's mistake.
 */
export function duplicateLines(rows: readonly SimilarRow[], face: Face): Line[] {
  const same = rows.filter((row) => row.differs.length === 0 && row.same_code !== false);
  const exact =
    same.find(({ run }) => run.validation_status === "refutes") ??
    same.find(({ run }) => run.validation_status !== null) ??
    same[0];
  const telling = (row: SimilarRow) => row.differs.filter(({ name }) => !repeatNames.test(name));
  const nearly = rows.find((row) => !same.includes(row) && telling(row).length <= 1 && wasInVain(row));
  const lines: Line[] = [];
  if (exact !== undefined) lines.push([span("! the same as ", "warn"), ...tale(exact, face)]);
  if (nearly !== undefined) {
    const how = nearly.differs.length === 0 ? "other code" : differences(nearly, face);
    lines.push([span("! like ", "warn"), ...tale(nearly, face), span(` (${how})`, "dim")]);
  }
  return lines;
}

function tale(row: SimilarRow, face: Face): Span[] {
  const { run } = row;
  const when = clockTime(run.ended_at ?? run.queued_at, face.nowMs);
  const said = yielded(row);
  const because = run.validation_status === null ? ": " : ", because ";
  return [
    span(safeText(run.name), "strong"),
    span(` ${shortId(run.run_id)}`, "dim"),
    dot(face),
    verdictSpan(row),
    span(when === null ? "" : ` ${when}`),
    ...(said === null ? [] : [span(`${because}${said}`)]),
  ];
}
