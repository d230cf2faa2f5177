/** Why two runs differ in a metric: the gap, whether chance alone makes it, and what most plausibly explains it. */
import type { Reply } from "../protocol/requests.ts";
import type { Cause } from "../think/explanation.ts";
import { cellText } from "./diff-page.ts";
import { type Face, type Line, span, type Tone, wrapText } from "./face.ts";
import { shortId } from "./mark.ts";
import { formatMetric } from "./metric.ts";
import { safeText } from "./safe-text.ts";

type Explained = Reply<"run.explain">;

const verdictWords: Record<string, readonly [string, Tone]> = {
  beyond_noise: ["more than chance", "good"],
  within_noise: ["within noise", "warn"],
  cannot_tell: ["cannot tell", "warn"],
};

const signed = (value: number) => `${value >= 0 ? "+" : ""}${formatMetric(value)}`;

function evidenceText({ evidence }: Cause, gap: number): readonly [string, Tone] {
  if (evidence === null) return ["no pair of other runs differs in this alone", "dim"];
  const { pairs, same_way: same } = evidence;
  const range = pairs === 1 ? "" : ` (from ${signed(evidence.low)} to ${signed(evidence.high)})`;
  const which =
    pairs === 1
      ? "1 pair of other runs that differs in it alone"
      : `${pairs} pairs of ${evidence.runs} other runs that differ in it alone`;
  const way = Math.sign(evidence.median) === Math.sign(gap);
  const share = pairs === 1 ? "" : same === pairs ? ", the same way in all" : `, the same way in ${same}`;
  // One pair in three that went the other way is no witness to be sure of.
  return [
    `moved it by ${signed(evidence.median)}${range} in ${which}${share}`,
    way && same * 3 >= pairs * 2 ? "good" : "warn",
  ];
}

function causeLines(cause: Cause, index: number, options: { gap: number; face: Face }): Line[] {
  const { gap, face } = options;
  const width = Math.max(16, Math.floor((Math.min(face.width, 120) - 30) / 2));
  const arrow = face.unicode ? " → " : " -> ";
  const [text, tone] = evidenceText(cause, gap);
  return [
    [
      span(`  ${index + 1}. `, "dim"),
      span(safeText(cause.key), "strong"),
      span(`  ${cellText(cause.a, width)}${arrow}${cellText(cause.b, width)}`),
      span(`  ${cause.facet}`, "dim"),
    ],
    ...wrapText(text, Math.max(30, face.width - 5)).map((part): Line => [span(`     ${part}`, tone)]),
  ];
}

export function explainPage(explained: Explained, face: Face): Line[] {
  const { explanation, a, b, pool } = explained;
  const side = (letter: string, end: Explained["a"], value: number): Line => [
    span(`${letter} `, "dim"),
    span(safeText(end.name), "strong"),
    span(` ${shortId(end.run_id)}`, "dim"),
    span(`  ${safeText(explanation.metric)} `, "dim"),
    span(formatMetric(value)),
  ];
  const [word, tone] = verdictWords[explanation.verdict] ?? [explanation.verdict, "plain"];
  const reason = wrapText(safeText(explanation.reason), Math.max(30, Math.min(face.width, 110) - 2));
  const lines: Line[] = [
    side("a", a, explanation.a),
    side("b", b, explanation.b),
    [span("gap ", "dim"), span(signed(explanation.gap), "strong"), span("  "), span(word, tone)],
    ...reason.map((text): Line => [span(`  ${text}`, "dim")]),
    ...explanation.reserves.map((text): Line => [span("! ", "warn"), span(safeText(text), "warn")]),
    [],
  ];
  if (explanation.causes.length === 0) {
    const text =
      "nothing that could matter differs: what is left is chance (seeds, order, timing) and what was not recorded";
    return [...lines, ...wrapText(text, Math.max(30, face.width)).map((part): Line => [span(part)])];
  }
  const only = explanation.causes.length === 1 && explanation.more === 0;
  const title = only ? "The one thing that differs" : "What differs, most plausible first";
  const causes = explanation.causes.flatMap((cause, index) => causeLines(cause, index, { gap: explanation.gap, face }));
  const more: Line[] = explanation.more > 0 ? [[span(`  and ${explanation.more} more: ml diff`, "dim")]] : [];
  return [
    ...lines,
    [span(title, "strong"), span(`  (${pool} runs of the same script looked at)`, "dim")],
    ...causes,
    ...more,
  ];
}
