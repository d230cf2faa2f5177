/** Which key does what: the table of key-table.ts, with what the setting `tui_keys` changes of it; and keys as people read them. */
import { MlError } from "../core/error.ts";
import { nearest } from "../core/nearest.ts";
import { type Act, acts, keyTable } from "./key-table.ts";

export interface Keymap {
  /** The act of a key, or of several one after the other (`i>s`); undefined where there is none. */
  actOf(key: string): Act | undefined;
  /** Keys of an act, the first being the one to show. */
  keysOf(act: Act): readonly string[];
  /** The acts whose keys begin with this one, each with the key that is still to come; empty for a key that ends there. */
  after(key: string): readonly { act: Act; key: string }[];
}

const oneKey =
  "(?:(?:ctrl\\+|alt\\+|shift\\+)?(?:[!-~]|space|enter|esc|tab|up|down|left|right|home|end|pageup|pagedown|f\\d{1,2}))";
const keyPattern = new RegExp(`^${oneKey}(?:>${oneKey})?$`);

/** The first of the two keys of a chord; null for a single key. */
function firstOf(key: string): string | null {
  const at = key.indexOf(">", 1);
  return at < 0 ? null : key.slice(0, at);
}

/** `changes` is the setting: `cancel=X logs=L,ctrl+o similar=i>i`. Throws `bad_config` for unknown acts, keys, and keys given twice. */
export function makeKeymap(changes: string | null): Keymap {
  const keys = new Map<Act, readonly string[]>(acts.map((act) => [act, keyTable[act].keys]));
  const taken = new Map<string, Act>();
  for (const word of (changes ?? "").split(/\s+/).filter((one) => one !== "")) {
    const { act, given } = readChange(word);
    for (const key of given) {
      const other = taken.get(key);
      if (other !== undefined)
        throw new MlError("bad_config", `\`tui_keys\` gives \`${key}\` to both \`${other}\` and \`${act}\``, {
          hint: "choose another key for one of them",
        });
      taken.set(key, act);
    }
    keys.set(act, given);
  }
  // A key that was given away works for its new act alone; so do those that it was the first of.
  for (const [act, own] of keys)
    keys.set(
      act,
      own.filter((key) => {
        const first = firstOf(key);
        return (taken.get(key) ?? act) === act && (first === null || !taken.has(first));
      }),
    );
  requireNoDeadKeys(keys);
  const byKey = new Map([...keys].flatMap(([act, own]) => own.map((key) => [key, act] as const)));
  const chords = [...byKey].flatMap(([key, act]) => {
    const first = firstOf(key);
    return first === null ? [] : [{ first, act, key: key.slice(first.length + 1) }];
  });
  return {
    actOf: (key) => byKey.get(key),
    keysOf: (act) => keys.get(act) ?? [],
    after: (key) => chords.filter((chord) => chord.first === key),
  };
}

/** A word of the setting. Throws `bad_config`. */
function readChange(word: string): { act: Act; given: string[] } {
  const at = word.indexOf("=", 1);
  const act = word.slice(0, at) as Act;
  if (at < 1 || !(act in keyTable)) {
    const near = nearest(at < 1 ? word : act, acts);
    throw new MlError("bad_config", `\`tui_keys\` has \`${word}\`, which names no act of the terminal UI`, {
      hint: near === null ? "docs/tui.md lists them; write `cancel=X logs=L,ctrl+o`" : `did you mean \`${near}\`?`,
    });
  }
  const given = word.slice(at + 1).split(/,(?=.)/);
  const odd = given.find((key) => !keyPattern.test(key));
  if (odd !== undefined)
    throw new MlError("bad_config", `\`tui_keys\` gives \`${act}\` the key \`${odd}\`, which there is not`, {
      hint: "keys are written as `q`, `G`, `space`, `enter`, `ctrl+d`, `pageup`, `f5`, or two as `i>s`",
    });
  return { act, given };
}

/** A key that does something cannot begin another. Throws `bad_config`. */
function requireNoDeadKeys(keys: ReadonlyMap<Act, readonly string[]>): void {
  const single = new Map([...keys].flatMap(([act, own]) => own.map((key) => [key, act] as const)));
  for (const [act, own] of keys) {
    for (const key of own) {
      const blocker = single.get(firstOf(key) ?? "");
      if (blocker === undefined) continue;
      throw new MlError(
        "bad_config",
        `\`tui_keys\` gives \`${act}\` the key \`${key}\`, but \`${blocker}\` has the first of it`,
        {
          hint: "choose another key for one of them",
        },
      );
    }
  }
}

const arrows: Record<string, string> = { up: "↑", down: "↓", left: "←", right: "→" };

/** A key as people read it: `↑`, `^D`, `Esc`, `i s`. */
export function keyLabel(key: string, unicode: boolean): string {
  const first = firstOf(key);
  if (first !== null) return `${keyLabel(first, unicode)} ${keyLabel(key.slice(first.length + 1), unicode)}`;
  if (unicode && key in arrows) return arrows[key] ?? key;
  if (key.startsWith("ctrl+")) return `^${key.slice(5).toUpperCase()}`;
  return key;
}
