/** Expected against actual, a line a clause, and the verdict that follows from them for a person to confirm. */

import { formatDuration } from "../core/duration.ts";
import type { Reply } from "../protocol/requests.ts";
import type { Checked, ExpectationReply } from "../think/expectation-check.ts";
import { type Face, type Line, type Span, span, textWidth } from "./face.ts";
import { shortId, unknown, verdictSpan } from "./mark.ts";
import { formatMetric } from "./metric.ts";
import { safeText } from "./safe-text.ts";

type Manifest = Reply<"run.get">["manifest"];

function checkMark({ met }: Checked, { unicode }: Face): Span {
  if (met === null) return span("?", "warn");
  if (met) return span(unicode ? "✓" : "+", "good");
  return span(unicode ? "✗" : "x", "bad");
}

/** What was found, in the unit of the clause; why not, where nothing was. */
function actualSpan({ actual, understood, why }: Checked, face: Face): Span {
  if (actual === null) return why === null ? unknown(face) : span(safeText(why), "dim");
  if (typeof actual === "string") return span(safeText(actual));
  return span(understood.startsWith("time ") ? formatDuration(actual * 1000) : formatMetric(actual));
}

function checkLine(check: Checked, width: number, face: Face): Line {
  const gap = " ".repeat(width - textWidth(check.understood) + 2);
  return [checkMark(check, face), span(" "), span(safeText(check.understood)), span(gap), actualSpan(check, face)];
}

/** What of an expectation is checked and what stays text, for the moment at which it is typed. */
export function understoodText({ clauses, unread }: { clauses: readonly string[]; unread: readonly string[] }): string {
  if (clauses.length === 0) return "expected: kept as text; `val_acc>=0.85 in <4h` would be checked when it ends";
  const rest = unread.length === 0 ? "" : `; kept as text: ${unread.map((part) => `"${safeText(part)}"`).join(", ")}`;
  return `expected: ${clauses.map(safeText).join(", and ")}; checked when it ends${rest}`;
}

const plainSigns: Readonly<Record<string, string>> = { "≥": ">=", "≤": "<=", "≠": "!=" };

/** Signs of comparison as one types them, where the terminal has no others. */
const inCharset = (text: string, { unicode }: Face) =>
  unicode ? text : text.replaceAll(/[≥≤≠]/g, (sign) => plainSigns[sign] ?? sign);

/** Empty where nothing of the expectation can be checked. */
export function expectationLines(expectation: ExpectationReply, manifest: Manifest, face: Face): Line[] {
  if (expectation.checks.length === 0) return [];
  const checks = expectation.checks.map((check) => ({ ...check, understood: inCharset(check.understood, face) }));
  const width = Math.max(...checks.map((check) => textWidth(check.understood)));
  const lines = checks.map((check) => checkLine(check, width, face));
  if (!expectation.final) {
    const sofar = manifest.started_at === null ? "not started yet" : "so far";
    return [...lines.map((line, index) => (index === 0 ? [...line, span(`  ${sofar}`, "dim")] : line))];
  }
  const { proposed, reason } = expectation;
  if (manifest.narrative.validation_status !== null || proposed === null) return lines;
  const why = reason === null ? "" : ` (${safeText(reason)})`;
  const confirm = span(`ml conclude ${shortId(manifest.run_id)} --as-proposed`, "accent");
  return [...lines, [span("proposed: "), verdictSpan(proposed, face), span(`${why}  `, "dim"), confirm]];
}
