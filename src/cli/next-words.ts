/** Which words may stand next on a half-typed command line: pure, but for the server's words, which are asked for last. */
import type { Command, CommandEntry, Positional } from "./command.ts";
import { type Completes, type Flag, type FlagTable, globalFlags } from "./flags.ts";
import { flagWord } from "./parse.ts";

export interface Suggestion {
  word: string;
  about: string | null;
}

/** Words as they are, or a kind that the shell, the settings or the server must supply; `prefix` goes before each (`--tag=`). */
export type Next = { words: Suggestion[] } | { kind: Completes; current: string; prefix: string };

const none: Next = { words: [] };

function find(flags: FlagTable, word: string): Flag | null {
  const [spelled = ""] = word.split("=");
  for (const [name, flag] of Object.entries(flags)) {
    if (flagWord(name) === spelled || (flag.short !== undefined && `-${flag.short}` === spelled)) return flag;
  }
  return null;
}

function starting(suggestions: Suggestion[], current: string, prefix = ""): Next {
  return {
    words: suggestions
      .filter((one) => one.word.startsWith(current))
      .map((one) => ({ ...one, word: `${prefix}${one.word}` })),
  };
}

function flagWords(flags: FlagTable, current: string): Next {
  const words = Object.entries(flags)
    .filter(([, flag]) => !flag.hidden)
    .map(([name, flag]) => ({ word: flagWord(name), about: flag.about }));
  return starting(words, current);
}

function valueWords(source: Pick<Flag, "choices" | "complete">, current: string, prefix = ""): Next {
  if (source.choices !== undefined)
    return starting(
      source.choices.map((word) => ({ word, about: null })),
      current,
      prefix,
    );
  return source.complete === undefined ? none : { kind: source.complete, current, prefix };
}

/** `words` are those after `ml`; the last is being typed and may be empty. Loads at most one command. */
export async function nextWords(words: readonly string[], table: readonly CommandEntry[]): Promise<Next> {
  const current = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  let at = 0;
  while (at < before.length && before[at]?.startsWith("-")) {
    const flag = find(globalFlags, before[at] ?? "");
    at += flag !== null && flag.kind !== "on" && !before[at]?.includes("=") ? 2 : 1;
  }
  const listed = table.filter((entry) => !entry.hidden);
  if (at > before.length) return valueWords(find(globalFlags, before.at(-1) ?? "") ?? {}, current);
  if (at === before.length) {
    if (current.startsWith("-")) return flagWords(globalFlags, current);
    return starting(
      listed.map(({ name, summary }) => ({ word: name, about: summary })),
      current,
    );
  }
  const entry = listed.find((one) => one.name === before[at]);
  if (entry === undefined) return none;
  let { command } = await entry.load();
  at += 1;
  const actions: Readonly<Record<string, Command>> | undefined = command.actions;
  if (actions !== undefined) {
    if (at === before.length && !current.startsWith("-")) {
      return starting(
        Object.values(actions).map(({ name, summary }) => ({ word: name, about: summary })),
        current,
      );
    }
    const action = actions[before[at] ?? ""];
    if (action !== undefined) {
      command = action;
      at += 1;
    }
  }
  return insideCommand(command, before.slice(at), current);
}

function insideCommand(command: Command, before: readonly string[], current: string): Next {
  const flags: FlagTable = { ...globalFlags, ...command.flags };
  let positionals = 0;
  for (let at = 0; at < before.length; at++) {
    const word = before[at] ?? "";
    if (word === "--") return { kind: "file", current, prefix: "" };
    const flag = word.startsWith("-") ? find(flags, word) : null;
    const takesNext = flag !== null && flag.kind !== "on" && !word.includes("=");
    if (takesNext && at === before.length - 1) return valueWords(flag, current);
    if (takesNext) at += 1;
    else if (!word.startsWith("-")) positionals += 1;
  }
  const equals = current.indexOf("=");
  if (current.startsWith("--") && equals > 0) {
    const flag = find(flags, current);
    return flag === null ? none : valueWords(flag, current.slice(equals + 1), current.slice(0, equals + 1));
  }
  if (current.startsWith("-")) return flagWords(flags, current);
  if (command.script) return { kind: "file", current, prefix: "" };
  const last = command.positionals.at(-1);
  const positional: Positional | undefined = command.positionals[positionals] ?? (last?.many ? last : undefined);
  return positional === undefined ? none : valueWords(positional as Pick<Flag, "choices" | "complete">, current);
}
