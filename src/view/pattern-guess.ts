/**
 * A pattern for the lines that a script prints (docs/metrics.md), guessed from the lines themselves: each number behind a word
 * is called after it, other numbers are anything. Only a proposal: it is tried out before anybody is told of it. Pure.
 */

const counters = new Set(["step", "global_step", "iteration", "iter", "epoch"]);
/** Words before the name that make it another: `val loss`. */
const halves = new Set(["train", "training", "val", "valid", "validation", "test", "eval"]);
const numberAt = /(?<![\w.])[+-]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\d.:-]*\d[:-])/g;
const nameBefore = /(?:([A-Za-z]+)[ _-])?([A-Za-z_][\w.]*)["']?\s*(?:[:=(]|->)?\s*$/;
const longestLine = 250;

/** What the number at the end of `before` is called; null where no word stands before it. */
function nameOf(before: string): string | null {
  const found = nameBefore.exec(before);
  const name = found?.[2]?.toLowerCase();
  if (found === null || name === undefined || name === "key" || name === "value") return null;
  const half = counters.has(name) ? undefined : found[1]?.toLowerCase();
  return half !== undefined && halves.has(half) ? `${half}_${name}` : name;
}

interface Guess {
  pattern: string;
  metrics: number;
}

function guessLine(line: string): Guess | null {
  if (line.length > longestLine || /[{}]/.test(line)) return null;
  const names = new Set<string>();
  let [pattern, at, metrics] = ["", 0, 0];
  for (const { 0: number, index } of line.matchAll(numberAt)) {
    const between = line.slice(at, index);
    if (between === "" && at > 0) return null;
    const name = nameOf(between);
    const isNew = name !== null && !names.has(name);
    pattern += between + (isNew ? `{${name}}` : "{*}");
    if (isNew) names.add(name);
    if (isNew && !counters.has(name)) metrics += 1;
    at = index + number.length;
  }
  return metrics === 0 ? null : { pattern: (pattern + line.slice(at)).trim(), metrics };
}

/** From the lines at the end of an output: of those that name most numbers the last; null where none names any. */
export function guessPattern(text: string): string | null {
  let best: Guess | null = null;
  for (const line of text.split(/[\r\n]+/)) {
    const guess = guessLine(line);
    if (guess !== null && guess.metrics >= (best?.metrics ?? 0)) best = guess;
  }
  return best?.pattern ?? null;
}
