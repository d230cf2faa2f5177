/**
 * The keys of the terminal UI, declared once: the help screen, the footer, the palette and the table in docs/tui.md come
 * from here, and the setting `tui_keys` changes them. What an entry does stands in acts.ts under the same name; whether it
 * can be done now, and why not, is asked there too. `commands` are those of the command line that an entry stands for:
 * the palette finds it by them, and a test holds the whole command line against this table.
 *
 * A key is written as it is typed: `q`, `G`, `?`, `space`, `enter`, `esc`, `tab`, `up`, `pageup`, `ctrl+d`, `shift+tab`; one
 * key after another with `>` between them: `i>s`. What may follow the first is shown once that is typed.
 */

export const actGroups = ["move", "look", "ask", "do", "again", "sweep", "think", "keep", "data", "screen"] as const;
export type ActGroup = (typeof actGroups)[number];

export const groupTitles: Record<ActGroup, string> = {
  move: "Moving",
  look: "Looking",
  ask: "Asking about runs",
  do: "Doing",
  again: "Again",
  sweep: "Sweeps",
  think: "Thinking",
  keep: "Keeping",
  data: "Data",
  screen: "The screen",
};

export interface KeyEntry {
  keys: readonly string[];
  group: ActGroup;
  /** One line for help and palette, lower case. */
  about: string;
  /** A word or two for the footer, where the entry is worth a place in it. */
  short?: string;
  /** Changes something on the server: not there with --readonly. */
  changes?: true;
  /** Of the command line, without `ml`. The first one has to be there, or the entry is not. */
  commands?: readonly string[];
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
  open: {
    keys: ["enter"],
    group: "move",
    about: "open what is selected; on a page go to the run",
    short: "open",
    commands: ["info", "why"],
  },
  back: {
    keys: ["esc"],
    group: "move",
    about: "back: close, clear the filter, leave the panel; never quits",
    short: "back",
  },
  next_panel: { keys: ["tab"], group: "move", about: "next panel; on a page the next run that it names" },
  last_panel: { keys: ["shift+tab"], group: "move", about: "panel before; on a page the run named before" },

  logs: { keys: ["l"], group: "look", about: "the log of the run", short: "logs", commands: ["logs"] },
  metrics: {
    keys: ["m"],
    group: "look",
    about: "the metric curves of the run",
    short: "metrics",
    commands: ["metrics", "plot"],
  },
  narrative: {
    keys: ["n"],
    group: "look",
    about: "why the run was made and what came of it",
    short: "narrative",
    commands: ["narrative show"],
  },
  files: { keys: ["F"], group: "look", about: "the files of the run", commands: ["ls"] },
  tab_left: { keys: ["["], group: "look", about: "tab before" },
  tab_right: { keys: ["]"], group: "look", about: "next tab" },
  filter: {
    keys: ["/"],
    group: "look",
    about: "filter the list; search a log; on a page about several runs: which ones",
    short: "find",
    commands: ["find"],
  },
  next_hit: { keys: ["."], group: "look", about: "next hit of the search in a log", short: "next hit" },
  last_hit: { keys: [","], group: "look", about: "hit before" },
  mark: {
    keys: ["space"],
    group: "look",
    about: "mark the run, for comparing and for doing things to several",
    short: "mark",
  },
  compare: { keys: ["="], group: "look", about: "compare the marked runs", short: "compare", commands: ["compare"] },
  sort: {
    keys: ["o"],
    group: "look",
    about: "order of the list: newest, name, longest, metric; of usage: by user, priority, week",
  },
  follow: { keys: ["f"], group: "look", about: "follow the end of the log, or stop following", short: "follow" },
  wrap: { keys: ["w"], group: "look", about: "wrap long lines, or cut them", short: "wrap" },
  subtitles: { keys: ["s"], group: "look", about: "show or hide hypotheses under the runs" },

  similar: { keys: ["i>s"], group: "ask", about: "runs like it, and what they yielded", commands: ["similar"] },
  diff: {
    keys: ["i>d"],
    group: "ask",
    about: "how two runs differ: the marked ones, or it and its source",
    commands: ["diff"],
  },
  why_different: {
    keys: ["i>w"],
    group: "ask",
    about: "what most plausibly explains the gap between the two",
    commands: ["why-different"],
  },
  lineage: {
    keys: ["i>t"],
    group: "ask",
    about: "the tree it is part of: what follows from what",
    commands: ["lineage"],
  },
  insights: {
    keys: ["i>m"],
    group: "ask",
    about: "what moved the metric among the runs of its group",
    commands: ["insights"],
  },
  lessons: { keys: ["i>l"], group: "ask", about: "what was learned", commands: ["lessons"] },
  dead_ends: { keys: ["i>x"], group: "ask", about: "what was refuted, and what never worked", commands: ["dead-ends"] },
  notebook: { keys: ["i>n"], group: "ask", about: "a day or a group as a notebook page", commands: ["notebook"] },
  told: { keys: ["i>h"], group: "ask", about: "its narrative with every change of it", commands: ["narrative show"] },
  audit: { keys: ["i>a"], group: "ask", about: "who did what to it, and why", commands: ["audit"] },
  read_file: { keys: ["i>f"], group: "ask", about: "read one of its files", commands: ["cat"] },

  new_run: {
    keys: ["N"],
    group: "do",
    about: "queue a run from a form",
    short: "new run",
    changes: true,
    commands: ["queue"],
  },
  edit: {
    keys: ["E"],
    group: "do",
    about: "change a waiting run: command, name, what it asks for",
    short: "edit",
    changes: true,
    commands: ["edit"],
  },
  edit_in_editor: { keys: ["ctrl+e"], group: "do", about: "the same in $EDITOR", changes: true, commands: ["edit"] },
  priority: {
    keys: ["p"],
    group: "do",
    about: "change the priority of a waiting run",
    changes: true,
    commands: ["priority"],
  },
  hold: {
    keys: ["H"],
    group: "do",
    about: "hold a waiting run, or release it",
    changes: true,
    commands: ["hold", "release"],
  },
  cancel: {
    keys: ["c"],
    group: "do",
    about: "stop the run: SIGTERM, then SIGKILL after its grace",
    short: "cancel",
    changes: true,
    commands: ["cancel"],
  },
  kill: { keys: ["K"], group: "do", about: "kill the run now, without grace", changes: true, commands: ["cancel"] },
  attach: {
    keys: ["T"],
    group: "do",
    about: "type into the terminal of a run that was queued with --tty",
    changes: true,
    commands: ["attach"],
  },
  debug: { keys: ["B"], group: "do", about: "look into the run with a debugger", changes: true, commands: ["debug"] },

  requeue: {
    keys: ["r"],
    group: "again",
    about: "queue the run again, with changed arguments",
    short: "requeue",
    changes: true,
    commands: ["requeue"],
  },
  retry: {
    keys: ["R>r"],
    group: "again",
    about: "queue it again as it was, or with more of something",
    changes: true,
    commands: ["retry"],
  },
  clone: {
    keys: ["R>c"],
    group: "again",
    about: "repeat it, once or several times",
    changes: true,
    commands: ["clone"],
  },
  reproduce: {
    keys: ["R>p"],
    group: "again",
    about: "run it again and see whether the same comes out",
    changes: true,
    commands: ["reproduce"],
  },
  reproduced: { keys: ["R>v"], group: "again", about: "what became of its reproduction", commands: ["reproduce"] },
  fork: {
    keys: ["R>f"],
    group: "again",
    about: "its code into a folder, to be changed and queued from there",
    commands: ["fork"],
  },
  checkout: { keys: ["R>o"], group: "again", about: "its exact code into a folder", commands: ["checkout"] },

  sweep_new: {
    keys: ["S>n"],
    group: "sweep",
    about: "queue a script over a grid of parameters",
    changes: true,
    commands: ["sweep"],
  },
  sweep_show: {
    keys: ["S>s"],
    group: "sweep",
    about: "how the run's sweep stands: its points, what moved the metric",
    commands: ["sweep show"],
  },
  sweep_list: { keys: ["S>l"], group: "sweep", about: "all sweeps", commands: ["sweep list"] },
  sweep_pause: {
    keys: ["S>p"],
    group: "sweep",
    about: "hold what waits of the sweep; what runs goes on",
    short: "pause",
    changes: true,
    commands: ["sweep pause"],
  },
  sweep_resume: {
    keys: ["S>r"],
    group: "sweep",
    about: "release it, and queue what is missing",
    short: "resume",
    changes: true,
    commands: ["sweep resume"],
  },
  sweep_retry: {
    keys: ["S>t"],
    group: "sweep",
    about: "queue its failed and cancelled points again",
    short: "retry",
    changes: true,
    commands: ["sweep retry"],
  },
  sweep_extend: {
    keys: ["S>e"],
    group: "sweep",
    about: "add points to the sweep",
    short: "extend",
    changes: true,
    commands: ["sweep extend"],
  },
  sweep_cancel: {
    keys: ["S>c"],
    group: "sweep",
    about: "end what waits and runs of the sweep",
    short: "cancel",
    changes: true,
    commands: ["sweep cancel"],
  },

  annotate: {
    keys: ["a"],
    group: "think",
    about: "add a note to the run",
    short: "annotate",
    changes: true,
    commands: ["annotate"],
  },
  verdict: {
    keys: ["v"],
    group: "think",
    about: "write down what came of it: verdict, outcome, learnings",
    short: "verdict",
    changes: true,
    commands: ["conclude"],
  },
  edit_narrative: {
    keys: ["e"],
    group: "think",
    about: "edit hypothesis, context, intent and expectation",
    changes: true,
    commands: ["narrative set"],
  },
  narrative_in_editor: {
    keys: ["ctrl+n"],
    group: "think",
    about: "the whole narrative in $EDITOR",
    changes: true,
    commands: ["narrative edit"],
  },
  tag: {
    keys: ["t"],
    group: "think",
    about: "add or take away tags",
    changes: true,
    commands: ["tag add", "tag remove"],
  },
  review: {
    keys: ["V"],
    group: "think",
    about: "go through ended runs without a verdict, one at a time",
    changes: true,
    commands: ["review"],
  },

  pull: { keys: ["x"], group: "keep", about: "copy files of the run into a folder", commands: ["pull"] },
  validate: { keys: ["X>v"], group: "keep", about: "check the run against its own record", commands: ["validate"] },
  export: { keys: ["X>e"], group: "keep", about: "the run, or the marked ones, as one file", commands: ["export"] },
  report: {
    keys: ["X>r"],
    group: "keep",
    about: "an experiment as a page or an appendix of a paper",
    commands: ["report"],
  },
  import: {
    keys: ["X>i"],
    group: "keep",
    about: "take in the runs of a bundle, or only check it",
    changes: true,
    commands: ["import", "verify"],
  },
  prune: {
    keys: ["X>p"],
    group: "keep",
    about: "free the space of old artifacts, after a look",
    changes: true,
    commands: ["prune"],
  },
  delete: {
    keys: ["d"],
    group: "keep",
    about: "delete an ended run with all its files",
    changes: true,
    commands: ["delete"],
  },

  data_prewarm: {
    keys: ["D>w"],
    group: "data",
    about: "bring the dataset to the local disks",
    short: "warm",
    changes: true,
    commands: ["prewarm"],
  },
  data_pin: {
    keys: ["D>p"],
    group: "data",
    about: "keep its copies there: never made room of",
    short: "pin",
    changes: true,
    commands: ["prewarm"],
  },
  data_unpin: {
    keys: ["D>u"],
    group: "data",
    about: "they may be made room of again; it is still asked for",
    short: "unpin",
    changes: true,
    commands: ["prewarm"],
  },
  data_cancel: {
    keys: ["D>c"],
    group: "data",
    about: "take that wish back",
    short: "let go",
    changes: true,
    commands: ["prewarm"],
  },
  data_verify: {
    keys: ["D>v"],
    group: "data",
    about: "look whether it is what was registered",
    short: "verify",
    changes: true,
    commands: ["dataset verify"],
  },
  data_add: {
    keys: ["D>a"],
    group: "data",
    about: "register a folder as a dataset, or a new version of one",
    short: "add",
    changes: true,
    commands: ["dataset add"],
  },
  data_remove: {
    keys: ["D>r"],
    group: "data",
    about: "forget a dataset; its files stay",
    short: "forget",
    changes: true,
    commands: ["dataset remove"],
  },

  view_runs: { keys: ["1"], group: "screen", about: "runs", commands: ["status"] },
  view_queue: {
    keys: ["2"],
    group: "screen",
    about: "the waiting line: order, times, reasons",
    commands: ["status", "why"],
  },
  view_machines: { keys: ["3"], group: "screen", about: "GPUs and workers", commands: ["gpus", "workers"] },
  view_data: {
    keys: ["4"],
    group: "screen",
    about: "datasets and what is warm",
    commands: ["dataset list", "dataset show", "prewarm"],
  },
  view_containers: { keys: ["5"], group: "screen", about: "containers" },
  view_usage: { keys: ["6"], group: "screen", about: "who used what, and waited how long", commands: ["usage"] },
  view_compare: { keys: ["7"], group: "screen", about: "marked runs side by side", commands: ["compare"] },
  zoom_in: { keys: ["+"], group: "screen", about: "give the panel more room" },
  zoom_out: { keys: ["_", "-"], group: "screen", about: "give it less" },
  copy_id: { keys: ["y"], group: "screen", about: "copy the run's id to the clipboard (OSC 52)" },
  copy_command: { keys: ["Y"], group: "screen", about: "copy its command line" },
  palette: { keys: [":", "ctrl+p"], group: "screen", about: "everything that can be done, by name", short: "command" },
  help: { keys: ["?"], group: "screen", about: "these keys", short: "help", commands: ["help"] },
  redraw: { keys: ["ctrl+l"], group: "screen", about: "draw the screen anew and ask for everything again" },
  suspend: { keys: ["ctrl+z"], group: "screen", about: "back to the shell; `fg` returns" },
  quit: { keys: ["q", "ctrl+c"], group: "screen", about: "leave; runs go on" },
} as const satisfies Record<string, KeyEntry>;

export type Act = keyof typeof keyTable;
export const acts = Object.keys(keyTable) as Act[];

export function entryOf(act: Act): KeyEntry {
  return keyTable[act];
}
