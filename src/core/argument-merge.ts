/**
 * A new command line from an old one and some words more: append, replace or merge. Works on words alone and knows no
 * script's own parser, so what it makes is always shown before it is sent.
 *
 * A merge replaces in place what it finds again and appends the rest. It understands `--a b`, `--a=b`, `-a b`, `-a4`,
 * bare flags, `--x` against `--no-x`, repeated flags (the new ones replace all old ones), and Hydra's `a=b`, `+a=b`, `~a`.
 */
import { basename } from "node:path";

export type MergeMode = "append" | "replace" | "merge";

/** An option with its values, or one bare word. */
interface Unit {
  /** `--lr`, `-n`, Hydra's `lr`; null for a word that sets nothing. */
  key: string | null;
  words: string[];
  values: number;
}

const isFlag = (word: string) => word.length > 1 && word.startsWith("-") && !/^-\.?\d/.test(word);
const assignment = /^(?:\+{0,2}|~)([A-Za-z_][\w.@/-]*)=/;
const attached = /^(-[A-Za-z])(\d.*)$/;

/** How many words at the start of `argv` are the program and its script: what follows is the script's own. */
export function scriptWords(argv: readonly string[]): number {
  const script = argv.findIndex((word) => word.endsWith(".py"));
  if (script >= 0) return script + 1;
  const program = basename(argv[0] ?? "");
  const module = argv.indexOf("-m");
  if (/^python[\d.]*$/.test(program) && module > 0) return Math.min(argv.length, module + 2);
  if (/^(ba|da|z|k)?sh$|^(perl|ruby|node|Rscript|julia)$/.test(program) && argv.length > 1 && !isFlag(argv[1] ?? ""))
    return 2;
  return Math.min(1, argv.length);
}

function keyOf(word: string): { key: string; inline: boolean } | null {
  if (isFlag(word) && word !== "--") {
    const equals = word.indexOf("=");
    if (equals > 0) return { key: word.slice(0, equals), inline: true };
    const short = attached.exec(word);
    return short === null ? { key: word, inline: false } : { key: short[1] ?? word, inline: true };
  }
  const hydra = assignment.exec(word);
  return hydra === null ? null : { key: hydra[1] ?? word, inline: true };
}

/** Splits words into options with their values; after `--` every word stands by itself. */
function unitsOf(words: readonly string[]): Unit[] {
  const units: Unit[] = [];
  for (let at = 0; at < words.length; ) {
    const word = words[at] ?? "";
    if (word === "--") {
      units.push(...words.slice(at).map((one) => ({ key: null, words: [one], values: 0 })));
      break;
    }
    const found = keyOf(word);
    let end = at + 1;
    if (found !== null && !found.inline) while (end < words.length && isValue(words[end] ?? "")) end += 1;
    units.push({ key: found?.key ?? null, words: words.slice(at, end), values: end - at - 1 });
    at = end;
  }
  return units;
}

const isValue = (word: string) => !isFlag(word) && word !== "--" && !assignment.test(word);

/** `--no-x` of `--x` and the other way round. */
function opposite(key: string): string | null {
  if (key.startsWith("--no-")) return `--${key.slice("--no-".length)}`;
  return key.startsWith("--") ? `--no-${key.slice(2)}` : null;
}

/** What takes the place of an old option: its own words, then those of the old that were no values of it after all. */
function replaced(old: Unit, fresh: Unit): Unit[] {
  const inline = fresh.values === 0 && fresh.words[0]?.includes("=") === true;
  // `--epochs 5 data/`: one new value takes the place of one, what stood behind it was a word of its own.
  const taken = inline || fresh.values === 1 ? 1 : fresh.values === 0 ? 0 : old.values;
  const rest = old.words.slice(1 + taken).map((word) => ({ key: null, words: [word], values: 0 }));
  return [fresh, ...rest];
}

function mergeUnits(before: readonly Unit[], fresh: readonly Unit[]): Unit[] {
  const byKey = new Map<string, Unit[]>();
  for (const unit of fresh) if (unit.key !== null) byKey.set(unit.key, [...(byKey.get(unit.key) ?? []), unit]);
  const placed = new Set<string>();
  const merged: Unit[] = [];
  for (const old of before) {
    const key = old.key === null ? null : [old.key, opposite(old.key)].find((one) => one !== null && byKey.has(one));
    if (key == null) {
      merged.push(old);
      continue;
    }
    const units = byKey.get(key) ?? [];
    const [first, ...more] = placed.has(key) ? [] : units;
    placed.add(key);
    if (first !== undefined) merged.push(...replaced(old, first), ...more);
    else merged.push(...replaced(old, { key, words: [], values: 1 }));
  }
  return insertRest(
    merged,
    fresh.filter((unit) => unit.key === null || !placed.has(unit.key)),
  );
}

/** New options stand before a `--` of the old words, because behind it they would be none. */
function insertRest(merged: readonly Unit[], rest: readonly Unit[]): Unit[] {
  const end = merged.findIndex((unit) => unit.words[0] === "--");
  return end < 0 ? [...merged, ...rest] : [...merged.slice(0, end), ...rest, ...merged.slice(end)];
}

/** `argv` of a run with the words of a requeue. The program and its script stay as they are. */
export function mergeArguments(argv: readonly string[], words: readonly string[], mode: MergeMode): string[] {
  if (mode === "append") return [...argv, ...words];
  const start = scriptWords(argv);
  const head = argv.slice(0, start);
  if (mode === "replace") return [...head, ...words];
  const units = mergeUnits(unitsOf(argv.slice(start)), unitsOf(words));
  return [...head, ...units.flatMap((unit) => unit.words)];
}
