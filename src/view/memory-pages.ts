/** Lessons, dead ends and lineage as pages: the words first, then who said them, where and when. */
import type { Reply } from "../protocol/requests.ts";
import { cutLine, type Face, type Line, type Span, span, wrapText } from "./face.ts";
import { shortId, verdictCounts, verdictSpan } from "./mark.ts";
import { formatMetric, headline } from "./metric.ts";
import { safeText } from "./safe-text.ts";
import { clockTime } from "./time.ts";

type Lesson = Reply<"memory.lessons">["lessons"][number];
type DeadEnd = Reply<"memory.dead_ends">["dead_ends"][number];
type Node = Reply<"memory.lineage">["nodes"][number];

const readable = (face: Face) => Math.max(30, Math.min(face.width, 110));

/** A text behind a bullet, wrapped under itself. */
function bulleted(text: string, bullet: string, face: Face): Line[] {
  const lines = text.split("\n").flatMap((line) => wrapText(safeText(line), readable(face) - 2));
  return lines.map((line, index): Line => [span(index === 0 ? `${bullet} ` : "  ", "dim"), span(line)]);
}

const dayOf = (at: string, face: Face) => clockTime(at, face.nowMs) ?? "?";
const shownSources = 3;

function sourceText({ kind, id, name, user, verdict, at }: Lesson["sources"][number], face: Face): Line {
  const what = kind === "group" ? `group ${id}` : `${name} ${shortId(id)}`;
  return [
    span(safeText(what), "dim"),
    ...(verdict === null ? [] : [span(" "), verdictSpan(verdict, face)]),
    span(`  ${safeText(user)}, ${dayOf(at, face)}`, "dim"),
  ];
}

/** A line for each of those who drew it; of many how many they are, what they came to, and the latest. */
function sourceLines({ sources }: Lesson, face: Face): Line[] {
  const [latest] = sources;
  const lines: Line[] = sources.map((source) => [span("  "), ...sourceText(source, face)]);
  if (latest === undefined || sources.length <= shownSources) return lines;
  const verdicts: Record<string, number> = {};
  for (const { verdict } of sources) verdicts[verdict ?? "none"] = (verdicts[verdict ?? "none"] ?? 0) + 1;
  return [
    [span(`  ${sources.length} times: `, "dim"), ...verdictCounts(verdicts, face)],
    [span("  latest ", "dim"), ...sourceText(latest, face)],
  ];
}

export function lessonsPage(lessons: readonly Lesson[], face: Face): Line[] {
  return lessons.flatMap((lesson, index) => [
    ...(index === 0 ? [] : [[]]),
    ...bulleted(lesson.text, face.unicode ? "•" : "*", face),
    ...sourceLines(lesson, face).map((line) => cutLine(line, face.width, face.unicode)),
  ]);
}

function deadEndLines(end: DeadEnd, face: Face): Line[] {
  const [newest] = end.runs;
  const count = end.runs.length;
  const word: Span = end.kind === "refuted" ? span("refuted", "bad") : span(`failed ${count} times of ${count}`, "bad");
  const where = newest === undefined ? `group ${end.group}` : `${newest.name} ${shortId(newest.run_id)}`;
  const often = end.kind === "refuted" && count > 1 ? ` and ${count - 1} more` : "";
  const parameters = Object.entries(end.parameters).map(([name, value]) => `${name}=${value}`);
  const setUp: Line[] =
    end.kind === "refuted" && parameters.length > 0 ? [[span(`  with ${safeText(parameters.join(" "))}`, "dim")]] : [];
  const because =
    end.because === null ? [] : bulleted(end.because, face.unicode ? "└" : "-", { ...face, width: readable(face) - 2 });
  return [
    ...bulleted(end.what, face.unicode ? "✗" : "x", face),
    ...because.map((line): Line => [span("  "), ...line]),
    ...setUp,
    [
      span("  "),
      word,
      ...(end.failure === null ? [] : [span(" "), span(end.failure, "bad")]),
      span(
        `  ${safeText(where)}${often}${newest === undefined ? "" : `, ${safeText(newest.user)}`}, ${dayOf(end.at, face)}`,
        "dim",
      ),
    ],
  ].map((line) => cutLine(line, face.width, face.unicode));
}

export function deadEndsPage(ends: readonly DeadEnd[], face: Face): Line[] {
  return ends.flatMap((end, index) => [...(index === 0 ? [] : [[]]), ...deadEndLines(end, face)]);
}

/** The branches before a node, and what continues them on the lines below it. */
function branches({ depth, last }: Node, unicode: boolean): { before: string; below: string } {
  const [straight, fork, end, gap] = unicode ? ["│  ", "├─ ", "└─ ", "   "] : ["|  ", "|- ", "`- ", "   "];
  const above = last
    .slice(0, Math.max(0, depth - 1))
    .map((ended) => (ended ? gap : straight))
    .join("");
  if (depth === 0) return { before: "", below: "" };
  return { before: above + (last.at(-1) ? end : fork), below: above + (last.at(-1) ? gap : straight) };
}

export function lineagePage(nodes: readonly Node[], face: Face): Line[] {
  return nodes.flatMap((node, index) => {
    const { before, below } = branches(node, face.unicode);
    const metric = headline(node.metrics);
    const state =
      node.verdict === null
        ? span(node.failure ?? node.status, node.status === "failed" ? "bad" : "dim")
        : verdictSpan(node.verdict, face);
    const hasChildren = nodes[index + 1]?.depth === node.depth + 1;
    const stem = below + (hasChildren ? (face.unicode ? "│ " : "| ") : "  ");
    const said = (label: string, text: string): Line => [
      span(stem, "dim"),
      span(`${label} `, "dim"),
      span(safeText(text)),
    ];
    const lines: Line[] = [
      [
        span(before, "dim"),
        span(safeText(node.name), "strong"),
        span(` ${shortId(node.run_id)}  `, "dim"),
        state,
        ...(metric === null ? [] : [span(`  ${safeText(metric.name)} `, "dim"), span(formatMetric(metric.value))]),
        ...(node.beyond === null ? [] : [span(`  follows from ${shortId(node.beyond)}`, "dim")]),
      ],
      ...(node.hypothesis === null ? [] : [said("think", node.hypothesis)]),
      ...(node.outcome === null ? [] : [said("found", node.outcome)]),
      ...node.next_steps.map((step) => said("next ", step)),
    ];
    return lines.map((line) => cutLine(line, face.width, face.unicode));
  });
}
