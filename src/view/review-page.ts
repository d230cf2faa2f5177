/** One ended run as `ml review` puts it before somebody: what was thought, what came, and which keys say what. */
import type { Reply } from "../protocol/requests.ts";
import { type Face, type Line, span, wrapText } from "./face.ts";
import { dot, markOf, shortId, unknown, verdictSpan, wordOf } from "./mark.ts";
import { formatMetric, headline } from "./metric.ts";
import { safeText } from "./safe-text.ts";
import { ago } from "./time.ts";
import { type RunDetail, verdictBlock } from "./verdict-block.ts";

export type Unjudged = Reply<"runs.unjudged">["runs"][number];

/** What was thought before: only what somebody wrote. */
function thoughtLines({ manifest }: RunDetail, face: Face): Line[] {
  const room = Math.max(20, Math.min(face.width, 120) - 13);
  const { hypothesis, intent, expected_outcome, experiment_group } = manifest.narrative;
  const facts: [string, string | null][] = [
    ["hypothesis", hypothesis],
    ["intent", intent],
    ["expected", expected_outcome],
    ["note", manifest.metadata.note],
    ["group", experiment_group],
    // Runs of a sweep have all the rest in common.
    ["command", manifest.command],
  ];
  return facts.flatMap(([label, text]) =>
    text === null
      ? []
      : wrapText(safeText(text), room).map((part, at): Line => {
          return [span(`  ${(at === 0 ? label : "").padEnd(10)} `, "dim"), span(part)];
        }),
  );
}

/** Above the question: which of how many, and the whole run in short. */
export function reviewPage(detail: RunDetail, options: { face: Face; at: number; of: string }): Line[] {
  const { face, at, of } = options;
  const found = headline(detail.manifest.metrics);
  const metric: Line[] =
    found === null
      ? []
      : [[span("  metric     ", "dim"), span(`${safeText(found.name)} ${formatMetric(found.value)}`)]];
  const [head = [], ...rest] = verdictBlock(detail, [], face);
  return [[span(`${at} of ${of}`, "dim")], head, ...thoughtLines(detail, face), ...metric, ...rest];
}

export function reviewKeys(detail: RunDetail, face: Face): Line {
  const keys: [string, string][] = [
    ["v", "validates"],
    ["r", "refutes"],
    ["i", "inconclusive"],
    ["p", "partial"],
    ["s", "skip"],
    ["q", "quit"],
  ];
  const proposed = detail.expectation?.proposed ?? null;
  const enter: Line =
    proposed === null ? [] : [span("Enter", "strong"), span(" "), verdictSpan(proposed, face), dot(face)];
  return [
    ...enter,
    ...keys.flatMap(
      ([key, word], index): Line => [...(index === 0 ? [] : [dot(face)]), span(key, "strong"), span(` ${word}`)],
    ),
  ];
}

/** The list that stands where there is no terminal to ask on. */
export function unjudgedLine({ summary, expectation }: Unjudged, face: Face): Line {
  const metric = headline(summary.metrics);
  return [
    markOf(summary, face),
    span(" "),
    span(safeText(summary.name), "strong"),
    span(` ${shortId(summary.run_id)}`, "dim"),
    span("  "),
    wordOf(summary),
    span(`  ${ago(summary.ended_at, face.nowMs) ?? ""}`, "dim"),
    ...(metric === null ? [] : [span(`  ${safeText(metric.name)} `, "dim"), span(formatMetric(metric.value))]),
    span("  proposed: ", "dim"),
    expectation?.proposed == null ? unknown(face) : verdictSpan(expectation.proposed, face),
  ];
}
