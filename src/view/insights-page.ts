/** What a set of runs has to say, in words that claim no more than its numbers bear. */
import { formatDuration } from "../core/duration.ts";
import type { Reply } from "../protocol/requests.ts";
import { type Face, type Line, type Span, span, type Tone, wrapText } from "./face.ts";
import { shortId, verdictCounts } from "./mark.ts";
import { formatMetric } from "./metric.ts";
import { safeText } from "./safe-text.ts";
import { type Column, layTable, type Row } from "./table.ts";

type Insights = Reply<"memory.insights">;
type Parameter = Insights["parameters"][number];

const findings: Record<Parameter["finding"], readonly [string, Tone]> = {
  moves: ["moves it", "good"],
  not_alone: ["goes along with it", "warn"],
  no_sign: ["no sign of it", "dim"],
  too_few: ["too few runs to tell", "warn"],
};

/** What keeps the finding from meaning more; null where nothing does. */
function reserve({ finding, small, along, alone }: Parameter): string | null {
  const others = `${listed(along)} changed with it, so which of them moves it cannot be told`;
  if (finding === "not_alone") return others;
  if (finding !== "moves") return null;
  const parts = [
    small === true ? "by less than repeats of one set-up differ" : null,
    alone > 0 ? null : "other parameters changed as well",
  ].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join("; ");
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 3).map(safeText);
  const last = names.length > 3 ? `${names.length - 3} more` : shown.pop();
  return shown.length === 0 ? (last ?? "") : `${shown.join(", ")} and ${last}`;
}

function counts(of: Readonly<Record<string, number>>): string {
  return Object.entries(of)
    .map(([word, n]) => `${n} ${word === "none" ? "without a verdict" : safeText(word)}`)
    .join(", ");
}

const valueColumns: readonly Column[] = [
  { name: "value", least: 6, most: 24 },
  { name: "n", align: "right" },
  { name: "mean", align: "right" },
  { name: "range" },
];

function parameterLines(one: Parameter, face: Face): Line[] {
  const { parameter, n, correlation, finding, values, more } = one;
  const [word, tone] = findings[finding];
  const rank = correlation === null ? "" : `, rank correlation ${correlation >= 0 ? "+" : ""}${correlation.toFixed(2)}`;
  const rows = values.map(
    (one): Row => ({
      value: [span(one.value === null ? "not given" : safeText(String(one.value)))],
      n: [span(`n=${one.n}`, "dim")],
      mean: [span(formatMetric(one.mean))],
      range: [span(one.n === 1 ? "" : `${formatMetric(one.low)} to ${formatMetric(one.high)}`, "dim")],
    }),
  );
  const head: Span[] = [
    span("  "),
    span(safeText(parameter), "strong"),
    span("  "),
    span(word, tone),
    span(`  (n=${n}${rank})`, "dim"),
  ];
  const rest: Line[] = more === 0 ? [] : [[span(`    and ${more} more ${more === 1 ? "value" : "values"}`, "dim")]];
  const but = reserve(one);
  const reserves = but === null ? [] : wrapText(but, Math.max(30, face.width - 4));
  return [
    head,
    ...reserves.map((text): Line => [span(`    ${text}`, "warn")]),
    ...layTable(valueColumns, rows, { face, indent: 4 }),
    ...rest,
  ];
}

function failureLine({ failure, where, failed, of, elsewhere }: Insights["failures"][number]): Line {
  const other = elsewhere.of === 0 ? "" : `, elsewhere ${elsewhere.failed} of ${elsewhere.of}`;
  return [
    span("  "),
    span(safeText(failure), "bad"),
    span(`  ${failed} of ${of} with ${safeText(where)}${other}`.replace("with all runs", "runs")),
  ];
}

const wasteTexts: Record<string, (asked: number, used: number) => string> = {
  ram: (asked, used) => `memory: ${formatMetric(asked)} GB asked for, ${formatMetric(used)} GB used at most`,
  cpu: (asked, used) => `CPU: ${formatMetric(asked)} cores asked for, ${formatMetric(used)} used`,
  gpu: (_, used) => `GPU: ${Math.round(used * 100)} % of its time used`,
  time: (asked, used) =>
    `time limit: ${formatDuration(asked * 3_600_000)} asked for, ${formatDuration(used * 3_600_000)} needed`,
};

export function insightsPage(insights: Insights, face: Face): Line[] {
  const { metric, best, noise } = insights;
  const lines: Line[] = [
    [
      span(`${insights.runs} ${insights.runs === 1 ? "run" : "runs"}`, "strong"),
      span(`: ${counts(insights.statuses)}`),
      span("  "),
      ...verdictCounts(insights.verdicts, face),
    ],
  ];
  if (best !== null && metric !== null)
    lines.push([
      span("best ", "dim"),
      span(`${safeText(metric)} `),
      span(formatMetric(best.value), "good"),
      span(`  ${safeText(best.name)} ${shortId(best.run_id)}`, "dim"),
    ]);
  if (metric !== null) {
    const repeats =
      noise === null
        ? "no set-up was repeated, so the noise is not known"
        : `deviation among repeats ${formatMetric(noise.deviation)} (${noise.runs} runs of ${noise.groups} ${noise.groups === 1 ? "set-up" : "set-ups"})`;
    lines.push([span("noise ", "dim"), span(repeats)]);
    lines.push(
      [],
      [span(`What moved ${safeText(metric)}`, "strong"), span("  moving together is not yet causing", "dim")],
    );
    if (insights.not_counted > 0) {
      const one = insights.not_counted === 1;
      const which = one ? "1 run that broke off is" : `${insights.not_counted} runs that broke off are`;
      lines.push([span(`  ${which} left out: the last ${one ? "value is" : "values are"} of another step`, "dim")]);
    }
    if (insights.parameters.length === 0) lines.push([span("  no parameter varies", "dim")]);
    for (const parameter of insights.parameters) lines.push(...parameterLines(parameter, face));
  } else lines.push([span("no metric was recorded", "dim")]);
  if (insights.failures.length > 0)
    lines.push([], [span("When runs failed", "strong")], ...insights.failures.map(failureLine));
  if (insights.waste.length > 0)
    lines.push(
      [],
      [span("Asked for and not used", "strong")],
      ...insights.waste.map(
        ({ what, n, asked, used }): Line => [
          span(`  ${wasteTexts[what]?.(asked, used) ?? what}`),
          span(`  (mean of n=${n})`, "dim"),
        ],
      ),
    );
  return lines;
}
