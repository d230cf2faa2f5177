/** The command line against the terminal UI: what acts on runs has an act, all else a reason; and no reason outlives its command. */
import { describe, expect, test } from "bun:test";
import { commands } from "../../../src/cli/commands.ts";
import { acts, entryOf } from "../../../src/tui/key-table.ts";

/** Why a command has no place on the screen. */
const reasons: Record<string, string> = {
  init: "writes the config that the screen was opened with",
  server: "starts and stops what the screen looks at",
  worker: "is a process of its own",
  key: "is about people, not runs",
  config: "is about this machine",
  disable: "is about machines, for administrators",
  enable: "is about machines, for administrators",
  doctor: "looks for what keeps a screen from opening",
  reindex: "is about the server's index",
  service: "is about this machine",
  completion: "is for shells",
  version: "stands in the view of machines",
  wait: "is for scripts: a screen shows the end by itself",
  reserve: "is about GPUs, for administrators",
  monitor: "is the screen itself",
  push: "brings files that no run has yet",
  sync: "queues nothing",
};

/** `sweep`, `sweep pause`: what can be typed. */
async function typed(): Promise<string[]> {
  const names: string[] = [];
  for (const entry of commands) {
    if (entry.hidden) continue;
    const { command } = await entry.load();
    const actions = Object.keys(command.actions ?? {});
    // A command with actions that takes nothing itself does nothing by itself.
    const isDoing = actions.length === 0 || command.positionals.length > 0 || entry.name in reasons;
    if (isDoing) names.push(entry.name);
    if (!(entry.name in reasons)) names.push(...actions.map((action) => `${entry.name} ${action}`));
  }
  return names;
}

describe("everything that the command line does to a run", () => {
  const reached = new Set(acts.flatMap((act) => entryOf(act).commands ?? []));

  test("can be done on the screen, or there is a reason why not", async () => {
    const lost = (await typed()).filter((name) => !reached.has(name) && !(name in reasons));
    expect(lost).toEqual([]);
  });

  test("no command has both an act and a reason, and none is named that there is not", async () => {
    const known = new Set(await typed());
    expect(Object.keys(reasons).filter((name) => reached.has(name) || !known.has(name))).toEqual([]);
    expect([...reached].filter((name) => !known.has(name))).toEqual([]);
  });
});
