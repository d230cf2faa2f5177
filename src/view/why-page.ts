/** `ml why`: whether a run waits, its place and when it will start, and every reason in a sentence of its own. */
import type { Reply } from "../protocol/requests.ts";
import { blockerSentence } from "./blocker-text.ts";
import { type Face, type Line, span, textWidth, wrapText } from "./face.ts";
import { dot, markOf, shortId, wordOf } from "./mark.ts";
import { startText } from "./run-row.ts";
import { safeText } from "./safe-text.ts";
import { clockTime } from "./time.ts";

function bullets(sentences: readonly string[], face: Face): Line[] {
  const mark = face.unicode ? "• " : "- ";
  return sentences.flatMap((sentence) =>
    wrapText(sentence, Math.max(20, face.width - 2 - textWidth(mark))).map((text, at) => [
      span(at === 0 ? `  ${mark}` : "    ", "dim"),
      span(text),
    ]),
  );
}

/** The reasons alone, for a run that was not queued yet; none where it would start at once. */
export function reasonLines(blockers: Reply<"run.why">["blockers"], face: Face): Line[] {
  const waits = blockers.filter(({ kind }) => kind !== "starting");
  return bullets(
    waits.map((blocker) => blockerSentence(blocker, { nowMs: face.nowMs, named: [] })),
    face,
  );
}

export function whyPage({ run, blockers, named }: Reply<"run.why">, face: Face): Line[] {
  const head: Line = [
    markOf(run, face),
    span(" "),
    span(safeText(run.name), "strong"),
    span(`  ${shortId(run.run_id)}  ${safeText(run.user)}`, "dim"),
    span("  "),
    wordOf(run),
  ];
  if (run.status !== "queued") {
    const ended = run.cancelled;
    const why = ended?.reason == null ? [] : [`cancelled by ${safeText(ended.by)}: ${safeText(ended.reason)}`];
    return [head, ...bullets([...why, `it does not wait: it is ${run.status}`], face)];
  }
  const start = startText(run, face);
  const facts = [
    run.position === null ? null : `position ${run.position}`,
    `priority ${run.priority}`,
    `queued ${clockTime(run.queued_at, face.nowMs)}`,
    start === null ? "nobody can say when it starts" : `starts ${start}`,
  ].filter((fact) => fact !== null);
  const line = facts.flatMap((fact, at) => (at === 0 ? [span(`  ${fact}`)] : [dot(face), span(fact)]));
  const sentences = blockers.map((blocker) => blockerSentence(blocker, { nowMs: face.nowMs, named }));
  return [
    head,
    line,
    [],
    ...bullets(sentences.length === 0 ? ["nothing keeps it: it is about to start"] : sentences, face),
  ];
}
