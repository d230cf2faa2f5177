/** The marks, words and tones of a run's state and verdict, one table for every page: a mark is never the only carrier of a meaning. */
import type { RunSummary } from "../protocol/summary.ts";
import { type Face, type Span, span, type Tone } from "./face.ts";
import { safeText } from "./safe-text.ts";

type State = RunSummary["status"] | "held" | "stopping";

interface Mark {
  unicode: string;
  ascii: string;
  tone: Tone;
  word: string;
}

const marks: Record<State, Mark> = {
  queued: { unicode: "○", ascii: ".", tone: "plain", word: "waiting" },
  held: { unicode: "‖", ascii: "=", tone: "warn", word: "held" },
  starting: { unicode: "◌", ascii: "~", tone: "live", word: "starting" },
  running: { unicode: "▶", ascii: ">", tone: "live", word: "running" },
  stopping: { unicode: "■", ascii: "!", tone: "warn", word: "stopping" },
  completed: { unicode: "✓", ascii: "+", tone: "good", word: "completed" },
  failed: { unicode: "✗", ascii: "x", tone: "bad", word: "failed" },
  cancelled: { unicode: "–", ascii: "-", tone: "dim", word: "cancelled" },
};

type Stateful = Pick<RunSummary, "status" | "held" | "stopping">;

export function stateOf(run: Stateful): State {
  if (run.stopping !== null && (run.status === "running" || run.status === "starting")) return "stopping";
  return run.status === "queued" && run.held ? "held" : run.status;
}

export function markOf(run: Stateful, face: Pick<Face, "unicode">): Span {
  const mark = marks[stateOf(run)];
  return span(face.unicode ? mark.unicode : mark.ascii, mark.tone);
}

export function wordOf(run: Stateful): Span {
  const mark = marks[stateOf(run)];
  return span(mark.word, mark.tone);
}

const verdictTones: Record<string, Tone> = {
  validates: "good",
  refutes: "bad",
  inconclusive: "warn",
  partial: "warn",
};

/** The tone of a person's verdict, the same on every page. */
export function verdictTone(verdict: string): Tone {
  return verdictTones[verdict] ?? "plain";
}

/** A verdict as a word in its tone; what stands for none where there is none. */
export function verdictSpan(verdict: string | null, face: Pick<Face, "unicode">): Span {
  return verdict === null ? unknown(face) : span(safeText(verdict), verdictTone(verdict));
}

/** `2 validates, 1 without a verdict`, each in its tone, always in one order. */
export function verdictCounts(verdicts: Readonly<Record<string, number>>, face: Pick<Face, "unicode">): Span[] {
  const place = (verdict: string) => [...Object.keys(verdictTones), verdict].indexOf(verdict);
  const sorted = Object.entries(verdicts).sort(([a], [b]) => place(a) - place(b));
  return sorted.flatMap(([verdict, count], index): Span[] => [
    span(`${index === 0 ? "" : ", "}${count} `, "dim"),
    verdict === "none" ? span("without a verdict", "dim") : verdictSpan(verdict, face),
  ]);
}

/** What stands for something unknown: never 0, never empty. */
export function unknown(face: Pick<Face, "unicode">): Span {
  return span(face.unicode ? "—" : "-", "dim");
}

/** The dot between facts of one line. */
export function dot(face: Pick<Face, "unicode">): Span {
  return span(face.unicode ? " · " : " | ", "dim");
}

/** The part of a run id that people type: what stands after the date. */
export function shortId(runId: string): string {
  const at = runId.indexOf("_");
  return at < 0 ? runId : runId.slice(at + 1);
}
