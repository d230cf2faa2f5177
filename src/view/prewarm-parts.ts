/** What the pages of copies, environments and images say alike: their table, their remarks, their line of `ml status`. Pure. */
import { formatDuration } from "../core/duration.ts";
import { type Face, type Line, type Span, span, wrapText } from "./face.ts";
import { shortId } from "./mark.ts";
import { safeText } from "./safe-text.ts";
import { type Column, layTable, type Row } from "./table.ts";
import { ago, timeMs } from "./time.ts";

/** How long it has been under way. */
export const since = (at: string, face: Face) =>
  formatDuration(Math.max(1000, face.nowMs - (timeMs(at) ?? face.nowMs)));

/** `not yet`, or `3×, 5 min ago`. */
export const usedText = ({ hits, last_used_at: at }: { hits: number; last_used_at: string }, face: Face) =>
  hits === 0 ? "not yet" : `${hits}×, ${ago(at, face.nowMs) ?? ""}`;

/** Who reads it now, or will next. */
export function nextSpan({ runs = [], next_run: next }: { runs?: readonly string[]; next_run: string | null }): Span {
  if (runs.length > 0) return span(`in use by ${runs.map(shortId).join(", ")}`, "live");
  return next === null ? span("nobody waits for it", "dim") : span(`next for ${shortId(next)}`);
}

/** ` · pinned` behind what keeps its place whatever is needed. */
export const pinnedSpans = ({ pinned }: { pinned?: boolean }, face: Face): Span[] =>
  pinned === true ? [span(face.unicode ? " · pinned" : " | pinned", "accent")] : [];

/** The rows under the names of their columns; nothing without rows. */
export function headedTable(columns: readonly Column[], rows: readonly Row[], face: Face): Line[] {
  if (rows.length === 0) return [];
  const head = Object.fromEntries(columns.map(({ name }) => [name, [span(name, "dim")]]));
  return layTable(columns, [head, ...rows], { face, indent: 2 });
}

/** A sentence under the table. */
export function remark(text: string, tone: "live" | "warn" | "dim", face: Face): Line[] {
  return wrapText(text, face.width - 2).map((part) => [span("  "), span(part, tone)]);
}

interface Needed {
  warm: number;
  needed: number;
}

/** `dataset imagenet (2/5 complete)`: the one that is attended to, and how many of those needed are there. */
const among = (what: string, { warm, needed }: Needed) => `${what} (${warm}/${needed} complete)`;

/** `Prewarming: dataset imagenet (2/5 complete) 45 % …`. `what` and `doing` are safe already. */
export function warmingLines(what: string, of: Needed, doing: string): Line[] {
  return [[span("Prewarming: ", "strong"), span(among(what, of)), span(` ${doing}`, "dim")]];
}

/** The same of one that could not be had, wrapped. */
export function notWarmedLines(what: string, of: Needed, { reason, face }: { reason: string; face: Face }): Line[] {
  return wrapText(`Prewarming: ${among(what, of)}: ${safeText(reason)}`, face.width).map((text) => [
    span(text, "warn"),
  ]);
}
