/** How two runs differ: a section a facet, only what differs, causes first; then the changed lines of code. */

import { formatDuration } from "../core/duration.ts";
import type { Reply } from "../protocol/requests.ts";
import type { CodeFileChange } from "../think/code-change.ts";
import type { Cell, DifferenceRow, FacetDifference } from "../think/difference.ts";
import { cutLine, cutText, type Face, type Line, span, type Tone, wrapText } from "./face.ts";
import { shortId, unknown } from "./mark.ts";
import { formatMetric } from "./metric.ts";
import { safeText } from "./safe-text.ts";
import { layTable, type Row } from "./table.ts";
import { clockTime } from "./time.ts";

type Diff = Reply<"run.diff">;

const titles: Record<string, string> = {
  arguments: "Arguments",
  code: "Code",
  packages: "Packages",
  data: "Data",
  hardware: "Hardware",
  environment: "Environment",
  narrative: "What was thought",
  metrics: "Metrics",
  outcome: "Outcome",
};
const shownRows = 20;

/** A cell in words: numbers short, times as times, what is not there as unknown. */
export function cellSpan(value: Cell, key: string, options: { face: Face; tone?: Tone }): Line {
  const { face, tone = "plain" } = options;
  if (value === null) return [unknown(face)];
  if (key === "seconds" && typeof value === "number") return [span(formatDuration(value * 1000), tone)];
  return [span(typeof value === "number" ? formatMetric(value) : safeText(String(value)), tone)];
}

/** `+0.021`, `×10` for two numbers; empty for others. */
function stepText({ a, b }: DifferenceRow, facet: string): string {
  if (typeof a !== "number" || typeof b !== "number") return "";
  if (facet === "arguments" && a > 0 && b > 0) {
    const ratio = b / a;
    return ratio >= 1 ? `×${formatMetric(ratio)}` : `÷${formatMetric(1 / ratio)}`;
  }
  return `${b >= a ? "+" : ""}${formatMetric(b - a)}`;
}

const columns = [
  { name: "key", least: 12, most: 32 },
  { name: "a", least: 12, most: 44 },
  { name: "b", least: 12, most: 44 },
  { name: "step", keep: 1 },
];

function facetRows({ facet, rows }: FacetDifference, face: Face): Row[] {
  return rows.slice(0, shownRows).map((row) => ({
    key: [span(safeText(row.key))],
    a: cellSpan(row.a, row.key, { face, tone: "bad" }),
    b: cellSpan(row.b, row.key, { face, tone: "good" }),
    step: [
      span(
        facet === "outcome"
          ? ""
          : face.unicode
            ? stepText(row, facet)
            : stepText(row, facet).replace("×", "x").replace("÷", "/"),
        "dim",
      ),
    ],
  }));
}

function fileLine(file: CodeFileChange): Line {
  const counts =
    file.lines_added === null || file.kind === "renamed"
      ? []
      : [span(`  +${file.lines_added}`, "good"), span(` -${file.lines_removed}`, "bad")];
  const from = file.was === null ? [] : [span(` from ${safeText(file.was)}`, "dim")];
  const why = file.why === null ? [] : [span(`  (${safeText(file.why)})`, "dim")];
  return [span(`  ${file.kind.padEnd(8)}`, "dim"), span(safeText(file.path), "strong"), ...from, ...counts, ...why];
}

function hunkLines(file: CodeFileChange, face: Face): Line[] {
  return (file.hunks ?? []).flatMap((hunk) =>
    hunk.split("\n").map((text): Line => {
      const tone: Tone = text.startsWith("@@")
        ? "accent"
        : text.startsWith("+")
          ? "good"
          : text.startsWith("-")
            ? "bad"
            : "dim";
      return cutLine([span(`    ${safeText(text.replaceAll("\t", "    "))}`, tone)], face.width, face.unicode);
    }),
  );
}

function codeSection({ code }: Diff, options: DiffOptions): Line[] {
  if (!code.known) return [[span("  the code of one of them is not there any more", "warn")]];
  const more = code.more > 0 ? [[span(`  and ${code.more} more files`, "dim")]] : [];
  return [
    ...code.files.flatMap((file) => [fileLine(file), ...(options.lines ? hunkLines(file, options.face) : [])]),
    ...more,
  ];
}

export interface DiffOptions {
  face: Face;
  /** Show the changed lines of code. */
  lines: boolean;
}

function head(diff: Diff, face: Face): Line[] {
  const side = (letter: string, end: Diff["a"], tone: Tone): Line => [
    span(`${letter} `, tone),
    span(safeText(end.name), "strong"),
    span(` ${shortId(end.run_id)}`, "dim"),
    span(`  ${end.status}  ${clockTime(end.queued_at, face.nowMs) ?? ""}`, "dim"),
  ];
  return [side("a", diff.a, "bad"), side("b", diff.b, "good")];
}

export function diffPage(diff: Diff, options: DiffOptions): Line[] {
  const { face } = options;
  const sections = diff.facets.flatMap((facet): Line[] => {
    const title: Line = [span(titles[facet.facet] ?? facet.facet, "strong")];
    if (facet.facet === "code") return [[], title, ...codeSection(diff, options)];
    const more = facet.rows.length - shownRows;
    const cut: Line[] = more > 0 ? [[span(`  and ${more} more: --json has all`, "dim")]] : [];
    return [[], title, ...layTable(columns, facetRows(facet, face), { face, indent: 2 }), ...cut];
  });
  const unknownCode: Line[] =
    diff.code.known || diff.facets.some(({ facet }) => facet === "code") ? [] : [[], ...codeSection(diff, options)];
  const warned = diff.warnings ?? [];
  const warnings: Line[] =
    warned.length === 0
      ? []
      : [
          [],
          ...warned.flatMap((text) => wrapText(`! ${safeText(text)}`, face.width).map((part) => [span(part, "warn")])),
        ];
  if (sections.length === 0 && unknownCode.length === 0)
    return [...head(diff, face), [], [span("they do not differ", "good")]];
  return [...head(diff, face), ...warnings, ...sections, ...unknownCode];
}

/** For --plain: facet, key, a, b. */
export function diffRows({ facets }: Diff): Cell[][] {
  return facets.flatMap(({ facet, rows }) => rows.map(({ key, a, b }) => [facet, key, a, b]));
}

/** A cell for a page that is no table. */
export const cellText = (value: Cell, width: number): string =>
  value === null ? "nothing" : cutText(safeText(String(value)), width, true);
