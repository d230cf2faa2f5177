/** The table of commands: what `ml help` lists, what completion offers, and how each is loaded. One line a command. */
import type { CommandEntry } from "./command.ts";

export const commands: readonly CommandEntry[] = [
  {
    name: "init",
    group: "set up",
    summary: "write the config file, asking what it needs",
    load: () => import("./commands/init.ts"),
  },
  {
    name: "server",
    group: "set up",
    summary: "serve a base directory; start, stop, status of the one in the background",
    load: () => import("./commands/server.ts"),
  },
  {
    name: "worker",
    group: "set up",
    summary: "run what is queued, without serving",
    load: () => import("./commands/worker.ts"),
  },
  {
    name: "key",
    group: "set up",
    summary: "add, list and revoke API keys",
    load: () => import("./commands/key.ts"),
  },
  {
    name: "config",
    group: "set up",
    summary: "show and change settings",
    load: () => import("./commands/config.ts"),
  },
  {
    name: "doctor",
    group: "set up",
    summary: "check everything that can be wrong, and name the cures",
    load: () => import("./commands/doctor.ts"),
  },
  {
    name: "reindex",
    group: "set up",
    summary: "rebuild the index from the run folders",
    load: () => import("./commands/reindex.ts"),
  },
  {
    name: "service",
    group: "set up",
    summary: "install the server as a systemd service",
    load: () => import("./commands/install-service.ts"),
  },
  {
    name: "completion",
    group: "set up",
    summary: "print the completion script of a shell",
    load: () => import("./commands/completion.ts"),
  },
  {
    name: "help",
    group: "set up",
    summary: "explain a command",
    load: () => import("./commands/help.ts"),
  },
  {
    name: "version",
    group: "set up",
    summary: "print the version",
    load: () => import("./commands/version.ts"),
  },
  {
    name: "queue",
    group: "queue",
    summary: "queue a script or any command, with the code as it is now",
    load: () => import("./commands/queue.ts"),
  },
  {
    name: "requeue",
    group: "queue",
    summary: "queue a run again with other arguments, or go on from what it left",
    load: () => import("./commands/requeue.ts"),
  },
  {
    name: "clone",
    group: "queue",
    summary: "queue the same run again, as it was",
    load: () => import("./commands/clone.ts"),
  },
  {
    name: "cancel",
    group: "queue",
    summary: "stop runs, waiting or running",
    load: () => import("./commands/cancel.ts"),
  },
  {
    name: "priority",
    group: "queue",
    summary: "move waiting runs up or down the line",
    load: () => import("./commands/priority.ts"),
  },
  {
    name: "hold",
    group: "queue",
    summary: "keep waiting runs from starting",
    load: () => import("./commands/hold.ts"),
  },
  {
    name: "release",
    group: "queue",
    summary: "let held runs start again",
    load: () => import("./commands/release.ts"),
  },
  {
    name: "wait",
    group: "queue",
    summary: "wait until runs have ended",
    load: () => import("./commands/wait.ts"),
  },
  {
    name: "status",
    group: "watch",
    summary: "what runs, what waits, what ended",
    load: () => import("./commands/status.ts"),
  },
  {
    name: "info",
    group: "watch",
    summary: "everything about one run",
    load: () => import("./commands/info.ts"),
  },
  {
    name: "logs",
    group: "watch",
    summary: "what a run prints",
    load: () => import("./commands/logs.ts"),
  },
  {
    name: "metrics",
    group: "watch",
    summary: "the metrics of a run",
    load: () => import("./commands/metrics.ts"),
  },
  {
    name: "ls",
    group: "watch",
    summary: "the files of a run",
    load: () => import("./commands/ls.ts"),
  },
  {
    name: "cat",
    group: "watch",
    summary: "print a file of a run",
    load: () => import("./commands/cat.ts"),
  },
  {
    name: "pull",
    group: "watch",
    summary: "copy files of a run here",
    load: () => import("./commands/pull.ts"),
  },
  {
    name: "monitor",
    group: "watch",
    summary: "the terminal UI (not in this build)",
    load: () => import("./commands/monitor.ts"),
  },
  {
    name: "annotate",
    group: "think",
    summary: "add a note to a run",
    load: () => import("./commands/annotate.ts"),
  },
  {
    name: "validate",
    group: "keep",
    summary: "check a run against its own record",
    load: () => import("./commands/validate.ts"),
  },
  {
    name: "narrative",
    group: "think",
    summary: "show and change what you think of a run or a group",
    load: () => import("./commands/narrative.ts"),
  },
  {
    name: "conclude",
    group: "think",
    summary: "say what came of a run: verdict, outcome, lessons, next steps",
    load: () => import("./commands/conclude.ts"),
  },
  {
    name: "review",
    group: "think",
    summary: "go through ended runs without a verdict, one at a time",
    load: () => import("./commands/review.ts"),
  },
  {
    name: "diff",
    group: "think",
    summary: "how two runs differ: arguments, code, packages, data, machine, results",
    load: () => import("./commands/diff.ts"),
  },
  {
    name: "compare",
    group: "think",
    summary: "several runs side by side: what varies, what came out",
    load: () => import("./commands/compare.ts"),
  },
  {
    name: "why-different",
    group: "think",
    summary: "what most plausibly explains the gap between two runs",
    load: () => import("./commands/why-different.ts"),
  },
  {
    name: "tag",
    group: "think",
    summary: "put labels on runs and take them away",
    load: () => import("./commands/tag.ts"),
  },
  {
    name: "prune",
    group: "keep",
    summary: "free the space of old artifacts; records always stay",
    load: () => import("./commands/prune.ts"),
  },
  {
    name: "delete",
    group: "keep",
    summary: "delete ended runs",
    load: () => import("./commands/delete.ts"),
  },
  {
    name: "__complete",
    group: "set up",
    summary: "words that may stand next, for completion scripts",
    hidden: true,
    load: () => import("./commands/complete.ts"),
  },
];

export function findCommand(name: string): CommandEntry | null {
  return commands.find((entry) => entry.name === name) ?? null;
}
