/**
 * The keys of the terminal UI, declared once: the help screen, the footer, the palette and the table in docs/tui.md come
 * from here, and the setting `tui_keys` changes them. What an entry does stands in acts.ts under the same name; whether it
 * can be done now, and why not, is asked there too.
 *
 * A key is written as it is typed: `q`, `G`, `?`, `space`, `enter`, `esc`, `tab`, `up`, `pageup`, `ctrl+d`, `shift+tab`.
 */
import { MlError } from "../core/error.ts";
import { nearest } from "../core/nearest.ts";

export const actGroups = ["move", "look", "do", "think", "screen"] as const;
export type ActGroup = (typeof actGroups)[number];

export interface KeyEntry {
  keys: readonly string[];
  group: ActGroup;
  /** One line for help and palette, lower case. */
  about: string;
  /** A word or two for the footer, where the entry is worth a place in it. */
  short?: string;
  /** Changes something on the server: not there with --readonly. */
  changes?: true;
}

export const keyTable = {
  down: { keys: ["j", "down"], group: "move", about: "next row, or a line down" },
  up: { keys: ["k", "up"], group: "move", about: "row before, or a line up" },
  top: { keys: ["g", "home"], group: "move", about: "to the first row or line" },
  bottom: { keys: ["G", "end"], group: "move", about: "to the last row or line" },
  half_down: { keys: ["ctrl+d", "pagedown"], group: "move", about: "half a page down" },
  half_up: { keys: ["ctrl+u", "pageup"], group: "move", about: "half a page up" },
  left: { keys: ["left"], group: "move", about: "scroll a long line to the left" },
  right: { keys: ["right"], group: "move", about: "scroll a long line to the right" },
  open: { keys: ["enter"], group: "move", about: "open what is selected", short: "open" },
  back: { keys: ["esc"], group: "move", about: "back: close, clear the filter, leave the panel; never quits" },
  next_panel: { keys: ["tab"], group: "move", about: "next panel" },
  last_panel: { keys: ["shift+tab"], group: "move", about: "panel before" },

  logs: { keys: ["l"], group: "look", about: "the log of the run", short: "logs" },
  metrics: { keys: ["m"], group: "look", about: "the metric curves of the run", short: "metrics" },
  narrative: { keys: ["n"], group: "look", about: "why the run was made and what came of it", short: "narrative" },
  tab_left: { keys: ["["], group: "look", about: "tab before" },
  tab_right: { keys: ["]"], group: "look", about: "next tab" },
  filter: { keys: ["/"], group: "look", about: "filter the list; in a log, search it", short: "find" },
  next_hit: { keys: ["."], group: "look", about: "next hit of the search in a log", short: "next hit" },
  last_hit: { keys: [","], group: "look", about: "hit before" },
  mark: {
    keys: ["space"],
    group: "look",
    about: "mark the run, for comparing and for doing things to several",
    short: "mark",
  },
  compare: { keys: ["="], group: "look", about: "compare the marked runs", short: "compare" },
  sort: {
    keys: ["o"],
    group: "look",
    about: "order of the list: newest, name, longest, metric; of usage: by user, priority, week",
  },
  follow: { keys: ["f"], group: "look", about: "follow the end of the log, or stop following", short: "follow" },
  wrap: { keys: ["w"], group: "look", about: "wrap long lines, or cut them", short: "wrap" },
  subtitles: { keys: ["s"], group: "look", about: "show or hide hypotheses under the runs" },

  new_run: { keys: ["N"], group: "do", about: "queue a run from a form", short: "new run", changes: true },
  requeue: {
    keys: ["r"],
    group: "do",
    about: "queue the run again, with changed arguments",
    short: "requeue",
    changes: true,
  },
  priority: { keys: ["p"], group: "do", about: "change the priority of a waiting run", changes: true },
  hold: { keys: ["H"], group: "do", about: "hold a waiting run, or release it", changes: true },
  cancel: {
    keys: ["c"],
    group: "do",
    about: "stop the run: SIGTERM, then SIGKILL after its grace",
    short: "cancel",
    changes: true,
  },
  kill: { keys: ["K"], group: "do", about: "kill the run now, without grace", changes: true },
  delete: { keys: ["d"], group: "do", about: "delete an ended run with all its files", changes: true },
  pull: { keys: ["x"], group: "do", about: "copy the run's artifacts into this folder" },

  annotate: { keys: ["a"], group: "think", about: "add a note to the run", short: "annotate", changes: true },
  verdict: {
    keys: ["v"],
    group: "think",
    about: "write down what came of it: verdict, outcome, learnings",
    short: "verdict",
    changes: true,
  },
  edit_narrative: {
    keys: ["e"],
    group: "think",
    about: "edit hypothesis, context, intent and expectation",
    changes: true,
  },
  tag: { keys: ["t"], group: "think", about: "add or take away tags", changes: true },

  view_runs: { keys: ["1"], group: "screen", about: "runs" },
  view_queue: { keys: ["2"], group: "screen", about: "the waiting line: order, times, reasons" },
  view_machines: { keys: ["3"], group: "screen", about: "GPUs and workers" },
  view_data: { keys: ["4"], group: "screen", about: "datasets and what is warm" },
  view_containers: { keys: ["5"], group: "screen", about: "containers" },
  view_usage: { keys: ["6"], group: "screen", about: "who used what, and waited how long" },
  view_compare: { keys: ["7"], group: "screen", about: "marked runs side by side" },
  zoom_in: { keys: ["+"], group: "screen", about: "give the panel more room" },
  zoom_out: { keys: ["_", "-"], group: "screen", about: "give it less" },
  copy_id: { keys: ["y"], group: "screen", about: "copy the run's id to the clipboard (OSC 52)" },
  copy_command: { keys: ["Y"], group: "screen", about: "copy its command line" },
  palette: { keys: [":", "ctrl+p"], group: "screen", about: "everything that can be done, by name", short: "command" },
  help: { keys: ["?"], group: "screen", about: "these keys", short: "help" },
  redraw: { keys: ["ctrl+l"], group: "screen", about: "draw the screen anew and ask for everything again" },
  suspend: { keys: ["ctrl+z"], group: "screen", about: "back to the shell; `fg` returns" },
  quit: { keys: ["q", "ctrl+c"], group: "screen", about: "leave; runs go on" },
} as const satisfies Record<string, KeyEntry>;

export type Act = keyof typeof keyTable;
export const acts = Object.keys(keyTable) as Act[];

export function entryOf(act: Act): KeyEntry {
  return keyTable[act];
}

export interface Keymap {
  /** The act of a key, or undefined. */
  actOf(key: string): Act | undefined;
  /** Keys of an act, the first being the one to show. */
  keysOf(act: Act): readonly string[];
}

const keyPattern =
  /^(ctrl\+|alt\+|shift\+)?([!-~]|space|enter|esc|tab|up|down|left|right|home|end|pageup|pagedown|f\d{1,2})$/;

/** `changes` is the setting: `cancel=X logs=L,ctrl+o`. Throws `bad_config` for unknown acts, keys, and keys given twice. */
export function makeKeymap(changes: string | null): Keymap {
  const keys = new Map<Act, readonly string[]>(acts.map((act) => [act, keyTable[act].keys]));
  const taken = new Map<string, Act>();
  for (const word of (changes ?? "").split(/\s+/).filter((one) => one !== "")) {
    const at = word.indexOf("=", 1);
    const act = word.slice(0, at) as Act;
    if (at < 1 || !(act in keyTable)) {
      const near = nearest(at < 1 ? word : act, acts);
      throw new MlError("bad_config", `\`tui_keys\` has \`${word}\`, which names no act of the terminal UI`, {
        hint: near === null ? "docs/tui.md lists them; write `cancel=X logs=L,ctrl+o`" : `did you mean \`${near}\`?`,
      });
    }
    const given = word.slice(at + 1).split(/,(?=.)/);
    for (const key of given) {
      if (!keyPattern.test(key))
        throw new MlError("bad_config", `\`tui_keys\` gives \`${act}\` the key \`${key}\`, which there is not`, {
          hint: "keys are written as `q`, `G`, `space`, `enter`, `ctrl+d`, `pageup`, `f5`",
        });
      const other = taken.get(key);
      if (other !== undefined)
        throw new MlError("bad_config", `\`tui_keys\` gives \`${key}\` to both \`${other}\` and \`${act}\``, {
          hint: "choose another key for one of them",
        });
      taken.set(key, act);
    }
    keys.set(act, given);
  }
  // A key that was given away works for its new act alone.
  for (const [act, own] of keys)
    keys.set(
      act,
      own.filter((key) => (taken.get(key) ?? act) === act),
    );
  const byKey = new Map([...keys].flatMap(([act, own]) => own.map((key) => [key, act] as const)));
  return { actOf: (key) => byKey.get(key), keysOf: (act) => keys.get(act) ?? [] };
}

const arrows: Record<string, string> = { up: "↑", down: "↓", left: "←", right: "→" };

/** A key as people read it: `↑`, `^D`, `Esc`. */
export function keyLabel(key: string, unicode: boolean): string {
  if (unicode && key in arrows) return arrows[key] ?? key;
  if (key.startsWith("ctrl+")) return `^${key.slice(5).toUpperCase()}`;
  return key;
}
