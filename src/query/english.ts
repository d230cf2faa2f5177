/**
 * Plain English read as a query, by the rules of english-rules.ts: "failed runs on GPU2 last week" is
 * `status:failed gpu:2 at:last-week`. Only bare words are read; terms, phrases and whatever stands between operators stay
 * as they are. Words that no rule takes are looked for; fillers are dropped. What came out is always echoed, so a
 * reading can be wrong but never hidden.
 */
import type { EnglishContext } from "./english-rule.ts";
import { englishRules, fillerWords, leadOf } from "./english-rules.ts";
import { type Token, tokenize } from "./tokens.ts";

const denials = new Set(["not", "without", "no", "except", "excluding", "never", "neither", "nor"]);
const mostWords = 60;

interface Piece {
  text: string;
  /** A rule said it, and not the words themselves. */
  read: boolean;
}

/** The words of one stretch as query text; null where no rule applied and nothing was left out. */
function readStretch(given: readonly string[], context: EnglishContext): string | null {
  const words = given.map((word) => word.replace(/[,;?!.]+$/, "")).filter((word) => word !== "");
  const lower = words.map((word) => word.toLowerCase().replace("’", "'"));
  const pieces: (Piece | "or")[] = [];
  let deny = false;
  let changed = words.length !== given.length;
  const push = (text: string, read: boolean) => {
    const shown = deny ? (text.includes(" ") ? `-(${text})` : text.startsWith("-") ? text.slice(1) : `-${text}`) : text;
    pieces.push({ text: shown, read });
    deny = false;
  };
  for (let at = 0; at < words.length; ) {
    const found = applyRule(lower.slice(at, at + mostWords), context);
    if (found !== null) {
      push(found.text, true);
      at += found.used;
      changed = true;
      continue;
    }
    const word = lower[at] ?? "";
    if (word === "or") pieces.push("or");
    else if (denials.has(word)) {
      deny = true;
      changed = true;
    } else if (fillerWords.has(word)) changed ||= word !== "and";
    else push(words[at] ?? "", false);
    at += 1;
  }
  if (!changed) return null;
  return joined(pieces);
}

/** `or` binds the two pieces beside it, as it does in speech. */
function joined(pieces: readonly (Piece | "or")[]): string {
  const parts: string[] = [];
  for (let at = 0; at < pieces.length; at++) {
    const piece = pieces[at];
    if (piece === undefined || piece === "or") continue;
    const group = [piece.text];
    while (pieces[at + 1] === "or") {
      const next = pieces[at + 2];
      if (next === undefined || next === "or") break;
      group.push(next.text);
      at += 2;
    }
    parts.push(
      group.length === 1
        ? piece.text
        : `(${group.map((text) => (text.includes(" ") ? `(${text})` : text)).join(" or ")})`,
    );
  }
  return parts.join(" ");
}

function applyRule(words: readonly string[], context: EnglishContext): { text: string; used: number } | null {
  const rest = words.join(" ");
  for (const rule of englishRules) {
    const match = rule.pattern.exec(rest);
    if (match === null) continue;
    const text = rule.read(match, context);
    if (text !== null) return { text, used: match[0].trimEnd().split(" ").length };
  }
  return null;
}

/** A bare word, or a lower-case operator between them. */
const isBare = (token: Token) =>
  token.kind === "word" || (/^(or|and|not)$/.test(token.text) && token.kind !== "term" && token.kind !== "phrase");

/** The whole text with every stretch of bare words read; the same text where there was nothing to read. */
export function readEnglish(text: string, context: EnglishContext): string {
  const tokens = tokenize(text);
  let out = "";
  let copied = 0;
  for (let at = 0; at < tokens.length; at++) {
    const first = tokens[at];
    // After `-`, the word is meant as it stands.
    if (first?.kind !== "word" && !(first !== undefined && isBare(first) && tokens[at + 1]?.kind === "word")) continue;
    if (tokens[at - 1]?.kind === "not" && !isBare(tokens[at - 1] as Token)) continue;
    let last = at;
    while (tokens[last + 1] !== undefined && isBare(tokens[last + 1] as Token)) last += 1;
    // An operator at the edge belongs to what stands beyond it.
    while (last > at && tokens[last]?.kind !== "word") last -= 1;
    const stretch = tokens.slice(at, last + 1);
    const leading = stretch[0]?.kind === "or" || stretch[0]?.kind === "and" ? 1 : 0;
    const from = stretch[leading]?.at ?? 0;
    const words = stretch.slice(leading).map((token) => token.text);
    const lead = tokens[last + 1]?.kind === "phrase" ? leadOf(words.join(" ").toLowerCase()) : null;
    if (lead !== null) {
      const before = words
        .join(" ")
        .slice(0, lead.at)
        .split(" ")
        .filter((word) => word !== "");
      out += `${text.slice(copied, from)}${readStretch(before, context) ?? before.join(" ")} ${lead.term}`;
      copied = tokens[last + 1]?.at ?? 0;
      at = last;
      continue;
    }
    const read = readStretch(words, context);
    const end = tokens[last]?.end ?? 0;
    if (read !== null) {
      out += `${text.slice(copied, from)}${read}`;
      copied = end;
    }
    at = last;
  }
  return out + text.slice(copied);
}
