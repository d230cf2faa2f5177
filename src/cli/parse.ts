/**
 * Words of a command line into flags, positionals and a script, by the declared tables; nothing is guessed.
 *
 * `--name VALUE`, `--name=VALUE`, `-nVALUE`, `-n VALUE`, `-n=VALUE`, `-abc` for three `on` flags, `--no-name`; `--` ends the flags.
 * With a script, flags of ours may stand before or after it; all else after it is the script's own, in its order, and
 * after `--` everything is. A script's flag that equals one of ours is given after `--`; flags marked `scriptKeeps`
 * are the script's as soon as it has begun.
 */
import { MlError } from "../core/error.ts";
import { nearest } from "../core/nearest.ts";
import type { Arguments, Command } from "./command.ts";
import type { Flag, FlagTable } from "./flags.ts";
import { globalFlags } from "./flags.ts";

interface State {
  flags: FlagTable;
  values: Record<string, unknown>;
  given: Set<string>;
  /** For hints: `ml help queue`. */
  help: string;
}

/** Flag names are written `max-runtime` on the command line and `maxRuntime` or `max-runtime` in tables. */
const dashed = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

export function flagWord(name: string): string {
  return `--${dashed(name)}`;
}

function findLong(flags: FlagTable, word: string): { name: string; flag: Flag; off: boolean } | null {
  const name = nameOf(flags, word);
  if (name !== null) return { name, flag: flags[name] as Flag, off: false };
  const negated = word.startsWith("no-") ? nameOf(flags, word.slice("no-".length)) : null;
  const flag = negated === null ? undefined : flags[negated];
  return negated === null || flag?.kind !== "on" ? null : { name: negated, flag, off: true };
}

/** The name in the table that is written `word` on the command line; null where there is none. */
function nameOf(flags: FlagTable, word: string): string | null {
  const name = [word, word.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())].find((one) =>
    Object.hasOwn(flags, one),
  );
  return name === undefined || dashed(name) !== word ? null : name;
}

function findShort(flags: FlagTable, letter: string): { name: string; flag: Flag } | null {
  for (const [name, flag] of Object.entries(flags)) if (flag.short === letter) return { name, flag };
  return null;
}

function readValue(word: string, flag: Flag, text: string, help: string): unknown {
  if (flag.kind === "number") {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    const { least, most } = flag;
    const fits =
      Number.isFinite(value) &&
      (!flag.whole || Number.isInteger(value)) &&
      (least === undefined || value >= least) &&
      (most === undefined || value <= most);
    if (fits) return value;
    const range =
      least !== undefined && most !== undefined
        ? ` from ${least} to ${most}`
        : least !== undefined
          ? ` of at least ${least}`
          : most !== undefined
            ? ` of at most ${most}`
            : "";
    throw new MlError("usage", `\`${word}\` wants a ${flag.whole ? "whole " : ""}number${range}, not \`${text}\``, {
      hint: help,
    });
  }
  if (flag.kind === "choice" && !flag.choices?.includes(text)) {
    const near = nearest(text, flag.choices ?? []);
    throw new MlError("usage", `\`${word}\` wants one of ${flag.choices?.join(", ")}, not \`${text}\``, {
      hint: near === null ? help : `did you mean \`${word} ${near}\`?`,
    });
  }
  return text;
}

function set(state: State, name: string, flag: Flag, value: unknown): void {
  if (flag.kind === "texts") {
    const before = state.given.has(name) ? (state.values[name] as string[]) : [];
    state.values[name] = [...before, value as string];
  } else state.values[name] = value;
  state.given.add(name);
}

function unknownFlag(state: State, word: string): MlError {
  const known = Object.entries(state.flags).filter(([, flag]) => !flag.hidden);
  const near = nearest(
    word.replace(/^-+/, ""),
    known.map(([name]) => dashed(name)),
  );
  return new MlError("usage", `there is no flag \`${word}\``, {
    hint: near === null ? state.help : `did you mean \`--${near}\`? ${state.help}`,
  });
}

/** Takes the flag at `at`; returns how many words it used, or 0 where it is none of ours (`strict`: throws then). */
function takeFlag(state: State, words: readonly string[], at: number, strict: boolean): number {
  const word = words[at] ?? "";
  return word.startsWith("--") ? takeLong(state, words, at, strict) : takeShort(state, words, at, strict);
}

function takeLong(state: State, words: readonly string[], at: number, strict: boolean): number {
  const word = words[at] ?? "";
  const equals = word.indexOf("=");
  const spelled = equals < 0 ? word : word.slice(0, equals);
  const found = findLong(state.flags, spelled.slice(2));
  if (found === null || (!strict && found.flag.scriptKeeps)) {
    if (strict) throw unknownFlag(state, spelled);
    return 0;
  }
  const { name, flag, off } = found;
  if (flag.kind === "on") {
    if (equals >= 0) {
      throw new MlError("usage", `\`${spelled}\` takes no value`, { hint: `write \`${spelled}\` or leave it out` });
    }
    set(state, name, flag, !off);
    return 1;
  }
  if (equals >= 0) {
    set(state, name, flag, readValue(spelled, flag, word.slice(equals + 1), state.help));
    return 1;
  }
  const next = words[at + 1];
  if (flag.bare !== undefined && (next === undefined || next.startsWith("-"))) {
    set(state, name, flag, flag.bare);
    return 1;
  }
  if (next === undefined || next === "--") {
    throw new MlError("usage", `\`${word}\` wants a value: \`${word} ${flag.value}\``, { hint: state.help });
  }
  set(state, name, flag, readValue(word, flag, next, state.help));
  return 2;
}

function takeShort(state: State, words: readonly string[], at: number, strict: boolean): number {
  const word = words[at] ?? "";
  const letters = [...word.slice(1)];
  const first = findShort(state.flags, letters[0] ?? "");
  if (!strict && (first === null || first.flag.scriptKeeps || letters.length > 1)) return 0;
  for (const [index, letter] of letters.entries()) {
    const found = findShort(state.flags, letter);
    // A search that begins with a denial: the shell has taken its quotes away.
    if (found === null && index === 0 && /^-\w+[:~<>]/.test(word))
      throw new MlError("usage", `there is no flag \`-${letter}\``, {
        hint: `in a search, write \`not ${word.slice(1)}\`; ${state.help}`,
      });
    if (found === null) throw unknownFlag(state, letters.length === 1 ? word : `-${letter}`);
    if (found.flag.kind === "on") {
      set(state, found.name, found.flag, true);
      continue;
    }
    const rest = letters.slice(index + 1).join("");
    const attached = rest.startsWith("=") ? rest.slice(1) : rest;
    if (rest !== "") {
      set(state, found.name, found.flag, readValue(`-${letter}`, found.flag, attached, state.help));
      return 1;
    }
    const next = words[at + 1];
    if (next === undefined || next === "--") {
      throw new MlError("usage", `\`-${letter}\` wants a value: \`-${letter} ${found.flag.value}\``, {
        hint: state.help,
      });
    }
    set(state, found.name, found.flag, readValue(`-${letter}`, found.flag, next, state.help));
    return 2;
  }
  return 1;
}

const isFlagLike = (word: string) => word.length > 1 && word.startsWith("-") && !/^-\.?\d/.test(word);

function startState(flags: FlagTable, help: string): State {
  const values = Object.fromEntries(Object.entries(flags).map(([name, flag]) => [name, flag.fallback]));
  return { flags, values, given: new Set(), help };
}

/** Global flags before the command's name, and where the name stands (`words.length` where there is none). */
export function parseLeading(words: readonly string[]): {
  values: Record<string, unknown>;
  given: Set<string>;
  at: number;
} {
  const state = startState(globalFlags, "try `ml help`");
  let at = 0;
  while (at < words.length && isFlagLike(words[at] ?? "") && words[at] !== "--") at += takeFlag(state, words, at, true);
  return { values: state.values, given: state.given, at };
}

/** All words after the command's name (`title`: `ml key add`). `leading` are the global flags found before it. */
export function parseCommand(
  command: Command,
  words: readonly string[],
  options: { title: string; leading?: { values: Record<string, unknown>; given: ReadonlySet<string> } },
): Arguments {
  const help = `try \`ml help${options.title.slice(2)}\``;
  const state = startState({ ...globalFlags, ...command.flags }, help);
  for (const name of options.leading?.given ?? []) {
    state.values[name] = options.leading?.values[name];
    state.given.add(name);
  }
  const rest: string[] = [];
  let at = 0;
  for (; at < words.length; ) {
    const word = words[at] ?? "";
    if (word === "--") {
      rest.push(...words.slice(at + 1));
      break;
    }
    const used = isFlagLike(word) ? takeFlag(state, words, at, !(command.script && rest.length > 0)) : 0;
    if (used === 0) rest.push(word);
    at += used === 0 ? 1 : used;
  }
  const helpWanted = state.values.help === true;
  if (!command.script && !helpWanted) checkWords(command, rest, options.title, help);
  return {
    flags: state.values as Arguments["flags"],
    words: command.script ? [] : rest,
    script: command.script ? rest : [],
    given: state.given,
  };
}

function checkWords(command: Command, words: readonly string[], title: string, hint: string): void {
  const { positionals } = command;
  const missing = positionals.filter((positional) => !positional.optional)[words.length];
  if (missing !== undefined) {
    throw new MlError("usage", `\`${title}\` wants ${missing.name}: ${missing.about}`, { hint });
  }
  const last = positionals.at(-1);
  if (words.length > positionals.length && !last?.many) {
    throw new MlError("usage", `\`${title}\` does not know what to do with \`${words[positionals.length]}\``, { hint });
  }
  for (const [index, word] of words.entries()) {
    const positional = positionals[index] ?? last;
    if (positional?.choices === undefined || positional.choices.includes(word)) continue;
    const near = nearest(word, positional.choices);
    throw new MlError("usage", `${positional.name} is one of ${positional.choices.join(", ")}, not \`${word}\``, {
      hint: near === null ? hint : `did you mean \`${near}\`?`,
    });
  }
}
