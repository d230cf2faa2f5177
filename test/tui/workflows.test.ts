/** The days of a researcher, on a real terminal: what is typed, what is seen, and what stands in the run folders then. */
import { describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { type Lab, openLab } from "../e2e/lab.ts";
import { mlBinary, mlEnv } from "../support/binary.ts";
import { needs } from "../support/require.ts";
import { until } from "../support/temp.ts";
import { openTerminal, type Terminal, type TerminalOptions } from "./tmux.ts";

const desk = needs("tmux");

function openUi(lab: Lab, words = "", options: Partial<TerminalOptions> = {}): Terminal {
  return openTerminal(`${mlBinary()} monitor ${words}`, {
    columns: 100,
    rows: 30,
    cwd: lab.project,
    env: mlEnv({ home: lab.home }),
    ...options,
  });
}

const manifestOf = (lab: Lab, runId: string) =>
  JSON.parse(readFileSync(`${lab.folder(runId)}/run_manifest.json`, "utf8"));
const sh = (name: string, script: string, ...flags: string[]) => ["--name", name, ...flags, "--", "sh", "-c", script];
const oom = "echo step 1; echo 'RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB' >&2; exit 1";

async function ended(lab: Lab, runId: string): Promise<string> {
  await lab.ml(["wait", runId]);
  return runId;
}

describe("workflows", () => {
  desk("morning: what finished, what failed and why, straight to its log", async () => {
    const lab = openLab();
    await ended(
      lab,
      await lab.queue(sh("overnight_good", "echo ml:metric val_acc=0.91", "--hypothesis", "it converges overnight")),
    );
    await ended(lab, await lab.queue(sh("overnight_bad", oom)));
    const ui = openUi(lab);
    await ui.sees("1 failed today", "1 done today", "gpu_oom", "“it converges overnight”");
    ui.press("/");
    await ui.sees("filter /");
    ui.type("status:failed");
    ui.press("Enter");
    await ui.misses("overnight_good");
    await ui.sees("overnight_bad", "1 of 1");
    ui.press("l");
    await ui.sees("CUDA out of memory. Tried to allocate", "[Logs]");
  });

  desk("a new series: queued from scripts, seen at once, put in another order", async () => {
    const lab = openLab();
    await lab.ml(["server", "start"]);
    const ui = openUi(lab);
    await ui.sees("Nothing has run yet");
    const blockers = await Promise.all(
      [1, 2, 3, 4].map((at) => lab.queue(sh(`busy_${at}`, "sleep 300", "--cpus", "1"))),
    );
    const runIds: string[] = [];
    for (const lr of ["1e-3", "3e-4", "1e-4"])
      runIds.push(await lab.queue(["--name", `lr_${lr}`, "--hypothesis", `lr ${lr} is best`, "--hold", "--", "true"]));
    await ui.sees("lr_1e-3", "lr_3e-4", "lr_1e-4", "held");
    ui.press("2");
    await ui.sees("╭ Queue", "lr_1e-4");
    ui.press("G");
    await ui.sees("lr_1e-4");
    ui.press("H");
    await ui.sees("released");
    ui.press("p");
    await ui.sees("Priority of");
    ui.press("BSpace");
    ui.type("9");
    await ui.sees("$ ml priority", "9");
    ui.press("Enter");
    const changed = () => runIds.some((runId) => manifestOf(lab, runId).priority === 9);
    await until("the priority in a manifest", changed);
    expect(blockers).toHaveLength(4);
  });

  desk("debugging: from the failed run to its log, a note, and the run again with other arguments", async () => {
    const lab = openLab();
    lab.put("train.py", "import sys\nprint(sys.argv[1:])\nraise MemoryError('batch 128 is too much')\n");
    const runId = await lab.queue(["--name", "batch_128", "train.py", "--batch", "128"]);
    await ended(lab, runId);
    const ui = openUi(lab, "@failed --tab logs");
    await ui.sees("batch 128 is too much");
    ui.press("a");
    await ui.sees("Note on batch_128");
    ui.type("memory runs out at 128; try 64");
    ui.press("C-s");
    await ui.sees("noted on batch_128");
    await until("the note", () => manifestOf(lab, runId).annotations[0]?.note === "memory runs out at 128; try 64");
    ui.press("r");
    await ui.sees("Requeue batch_128");
    ui.press("BSpace", "BSpace", "BSpace");
    ui.type("64");
    await ui.sees("-- --batch 64");
    ui.press("C-s");
    await ui.sees(/queued \d{4}-/);
    const { recent, running, waiting } = await lab.json<Record<string, { run_id: string; command: string }[]>>([
      "status",
    ]);
    const all = [...(recent ?? []), ...(running ?? []), ...(waiting ?? [])];
    expect(all.some((run) => run.command.endsWith("train.py --batch 64"))).toBe(true);
  });

  desk("the end of a day: runs side by side, and a verdict", async () => {
    const lab = openLab();
    const curve = (to: string) => `for i in 1 2 3 4 5 6; do echo "ml:metric val_acc=0.${to}$i step=$i"; done`;
    const first = await ended(lab, await lab.queue(sh("wide", curve("7"), "--hypothesis", "wider is better")));
    await ended(lab, await lab.queue(sh("narrow", curve("8"))));
    const ui = openUi(lab);
    await ui.sees("wide", "narrow", "“wider is better”");
    ui.press("Space", "Space", "=");
    await ui.sees("╭ Compare", "val_acc", "wide", "narrow");
    ui.press("1", "Escape");
    await ui.sees("╭ Runs");
    ui.press("G", "v");
    await ui.sees("What came of wide");
    ui.press("Right", "Right", "Tab");
    ui.type("narrow was better by a tenth");
    await ui.sees("ml conclude", "--refutes");
    ui.press("C-s");
    await ui.sees("wide: refutes");
    const { narrative } = manifestOf(lab, first);
    expect([narrative.validation_status, narrative.outcome]).toEqual(["refutes", "narrow was better by a tenth"]);
  });

  desk("months later: found by what was written, and read", async () => {
    const lab = openLab();
    const why = ["--hypothesis", "linear scaling holds up to batch 64", "--context", "paper XYZ suggests the rule"];
    await ended(lab, await lab.queue(sh("scaling", "echo ml:metric val_acc=0.87", ...why)));
    await ended(lab, await lab.queue(sh("unrelated", "true")));
    const ui = openUi(lab);
    await ui.sees("scaling", "unrelated");
    ui.press("/");
    ui.type("linear scaling");
    ui.press("Enter");
    await ui.misses("unrelated");
    ui.press("n");
    await ui.sees("hypothesis", "linear scaling holds up to batch 64", "paper XYZ suggests the rule");
  });

  desk("two people on one run: what one does the other sees", async () => {
    const lab = openLab();
    const runId = await lab.queue(
      sh("shared", "i=0; while [ $i -lt 600 ]; do echo tick $i; i=$((i+1)); sleep 0.1; done"),
    );
    const student = openUi(lab, `${runId} --tab logs`);
    const advisor = openUi(lab, `${runId} --tab narrative --readonly`);
    await Promise.all([student.sees(/tick \d+/, "following"), advisor.sees("Nothing was written down")]);
    student.press("a");
    await student.sees("Note on shared");
    student.type("the loss spikes here");
    student.press("C-s");
    await advisor.sees("the loss spikes here");
    advisor.press("c");
    await advisor.sees("opened with --readonly");
    student.press("c");
    await student.sees("$ ml cancel");
    student.press("y");
    await advisor.press("Escape");
    await advisor.sees(/shared +.*cancelled/);
  });
});
