/**
 * Runs that a page names: which words of its lines are ids of runs, and how the chosen one looks. What may be an id is known
 * from the answer that the page shows, never guessed from how a word looks. Pure; going there is follow-mention.ts.
 */
import type { Line, Span } from "../view/face.ts";
import { shortId } from "../view/mark.ts";
import { type Piece, piece, type Row } from "./cells.ts";
import type { PageLines } from "./form.ts";

/** A word of a page that is a run. */
export interface Mention {
  runId: string;
  line: number;
  /** In characters of the line's text. */
  from: number;
  to: number;
}

const wholeId = /^\d{4}-\d{2}-\d{2}_[0-9a-z]{6,16}$/;
const mostIds = 5000;
const mostMentions = 5000;

/** Ids of runs anywhere in an answer. */
function runIdsIn(value: unknown, found: Set<string>): Set<string> {
  if (found.size >= mostIds) return found;
  if (typeof value === "string" && wholeId.test(value)) found.add(value);
  else if (typeof value === "object" && value !== null) for (const part of Object.values(value)) runIdsIn(part, found);
  return found;
}

/** A page that shows this answer, and the runs that it is about. */
export function naming(reply: unknown, lines: (face: Parameters<PageLines>[0]) => Line[]): PageLines {
  return Object.assign(lines, { named: runIdsIn(reply, new Set()) });
}

/** Where the lines name them, by whole id or by what people type of it; from top to bottom. */
export function mentionsIn(lines: readonly Line[], named: ReadonlySet<string>): Mention[] {
  if (named.size === 0) return [];
  const byWord = new Map([...named].flatMap((runId) => [[runId, runId] as const, [shortId(runId), runId] as const]));
  const found: Mention[] = [];
  for (const [at, line] of lines.entries()) {
    const text = line.map((part) => part.text).join("");
    for (const { 0: word, index } of text.matchAll(/[0-9a-z_-]{6,}/g)) {
      const runId = byWord.get(word);
      if (runId !== undefined && found.length < mostMentions)
        found.push({ runId, line: at, from: index, to: index + word.length });
    }
  }
  return found;
}

/** The line with the word on the ground of what was found. */
export function withMention(line: readonly Span[], { from, to }: Mention): Row {
  let start = 0;
  return line.flatMap((part): Piece[] => {
    const [begin, end] = [Math.max(0, from - start), Math.min(part.text.length, to - start)];
    start += part.text.length;
    if (begin >= end) return [part];
    return [
      { ...part, text: part.text.slice(0, begin) },
      { ...piece(part.text.slice(begin, end), "accent"), ground: "found" as const },
      { ...part, text: part.text.slice(end) },
    ].filter(({ text }) => text !== "");
  });
}
