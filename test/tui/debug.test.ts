/** `ml debug` on a real terminal: pdb at the line that failed, a shell where there is no pdb, and the run as it was. */
import { describe, expect } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Lab, openLab } from "../e2e/lab.ts";
import { mlBinary, mlEnv } from "../support/binary.ts";
import { needs } from "../support/require.ts";
import { tempFolder } from "../support/temp.ts";
import { openTerminal, type Terminal } from "./tmux.ts";

const desk = needs("tmux", "python3", "script");

const train = `import json, os, sys
def step(at):
    if at == 3:
        return json.loads(sys.argv[1])
    return at
print("wrote into", os.environ["ML_RUN_DIR"])
import ml_runner
for at in range(9):
    ml_runner.log_metric("at", step(at), step=at)
`;

interface Desk {
  lab: Lab;
  runId: string;
  terminal: Terminal;
  /** Folders of sessions that are still there. */
  left(): string[];
}

const sessionsIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.startsWith("ml-debug-"))
    .map((name) => join(folder, name));

async function debug(words: string, options: { queue: string[]; env?: Record<string, string> }): Promise<Desk> {
  const lab = openLab();
  lab.put("train.py", train);
  lab.put("fail.sh", "#!/bin/sh\nmarker=$1; exit 3\n");
  const runId = await lab.queue(options.queue);
  await lab.ml(["wait", runId]);
  const folder = tempFolder();
  const env = mlEnv({ home: lab.home, env: { TMPDIR: folder, SHELL: "/bin/bash", ...options.env } });
  const terminal = openTerminal(`${mlBinary()} debug ${runId} ${words}; echo "ended $?"`, {
    ...{ columns: 120, rows: 70, cwd: lab.project, env },
  });
  return { lab, runId, terminal, left: () => sessionsIn(folder) };
}

const recordOf = ({ lab, runId }: Desk) =>
  ["run_manifest.json", "metrics.jsonl", "SHA256SUMS"].map((name) =>
    readFileSync(join(lab.folder(runId), name), "utf8"),
  );

describe("ml debug", () => {
  desk("is at the line that failed with its variables, in a folder of its own that goes afterwards", async () => {
    const desk = await debug("", { queue: ["train.py", "{bad", "--env", "WHY=because"] });
    const before = recordOf(desk);
    const { terminal } = desk;
    await terminal.sees("data_error at train.py:4", "Entering post mortem", "(Pdb)");
    terminal.type("p at, sys.argv, os.environ['WHY'], os.environ['ML_RUN_ID'][:6]\n");
    await terminal.sees("(3, ['train.py', '{bad'], 'because', 'debug-')");
    terminal.type("q\n");
    await terminal.sees("will be restarted");
    terminal.type("q\n");
    await terminal.sees("ended 0");
    expect(desk.left()).toEqual([]);
    expect(recordOf(desk)).toEqual(before);
    expect((await desk.lab.ml(["validate", desk.runId])).code).toBe(0);
  });

  desk("with --break stops before the line, and code that was changed there is kept", async () => {
    const desk = await debug("--break", { queue: ["train.py", "{bad"] });
    const { terminal } = desk;
    await terminal.sees("Breakpoint 1 at", "-> return json.loads(sys.argv[1])");
    terminal.type("!open('train.py', 'a').write('# mended')\n");
    await terminal.sees("8\n");
    terminal.type("q\n");
    await terminal.sees("you changed train.py; it all stays in", "ended 0");
    const [left = ""] = desk.left();
    expect(readFileSync(join(left, "work/train.py"), "utf8")).toEndWith("# mended");
    // What is queued from there is a child of the run.
    const child = await desk.lab.ml(["queue", "-q", "train.py", "{}"], { cwd: join(left, "work") });
    const manifest = JSON.parse(readFileSync(join(desk.lab.folder(child.stdout.trim()), "run_manifest.json"), "utf8"));
    expect(manifest.lineage).toMatchObject({ kind: "fork", source_run: desk.runId });
  });

  desk("gives a shell to what is no Python, with the command at hand", async () => {
    const desk = await debug("", { queue: ["--", "./fail.sh", "it's"] });
    const { terminal } = desk;
    await terminal.sees("a shell, because `fail.sh` is no Python", `this runs it: ./fail.sh 'it'\\''s'`, "(debug)");
    terminal.press("Up", "Enter");
    terminal.type("echo status $? in ${PWD##*/}\n");
    await terminal.sees("status 3 in work");
    terminal.type("exit\n");
    await terminal.sees("ended 0");
    expect(desk.left()).toEqual([]);
  });

  desk("queued, it waits for its turn like any run and is attached to", async () => {
    const desk = await debug("--queue", { queue: ["--group", "bs", "train.py", "{bad"] });
    const { terminal, lab, runId } = desk;
    await terminal.sees("queued 2", "attached to", "(Pdb)");
    terminal.type("p at\n");
    await terminal.sees(/\n3\n/);
    const { running } = await lab.json<{ running: { run_id: string; name: string }[] }>(["status"]);
    expect(running.map(({ name }) => name)).toEqual(["debug-train"]);
    const manifest = JSON.parse(readFileSync(join(lab.folder(running[0]?.run_id ?? ""), "run_manifest.json"), "utf8"));
    expect(manifest.lineage).toMatchObject({ kind: "requeue", source_run: runId });
    expect(manifest.narrative).toMatchObject({ experiment_group: null, tags: ["debug"] });
    terminal.type("q\nq\n");
    await terminal.sees("ended 0");
  });

  desk("names the interpreter that is gone, and what to do; off a terminal it says what it would do", async () => {
    const lab = openLab();
    lab.put("train.py", train);
    lab.put("python3", '#!/bin/sh\nexec /usr/bin/env python3 "$@"\n');
    const python = join(lab.project, "python3");
    const runId = await lab.queue(["--python", python, "train.py", "{bad"]);
    await lab.ml(["wait", runId]);
    const off = await lab.ml(["debug", runId]);
    expect([off.code, off.stderr]).toEqual([2, expect.stringContaining("is for a person at a terminal")]);
    expect(await lab.json(["debug", runId, "-n"])).toMatchObject({ where: "here", how: "pdb", failing: { line: 4 } });
    Bun.spawnSync(["rm", python]);
    const window = lab.terminal(["debug", runId]);
    expect(await window.ended).toBe(3);
    expect(window.screen()).toContain(`the program of the run, \`${python}\`, is not on this machine`);
    expect(window.screen()).toContain("--python PATH");
    const waiting = await lab.queue(["--hold", "train.py", "x"]);
    const early = lab.terminal(["debug", waiting]);
    expect(await early.ended).toBe(7);
    expect(early.screen()).toContain("is queued");
  });
});
