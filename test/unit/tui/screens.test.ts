/** The screens as one sees them, at the sizes that people have, and what keys do to them; without a terminal. */
import { describe, expect, test } from "bun:test";
import { MlError } from "../../../src/core/error.ts";
import { clicked, wheel } from "../../../src/tui/pointing.ts";
import { views } from "../../../src/tui/state.ts";
import { cancelled, completed, failed, held, running, summary, waiting } from "../view/sample.ts";
import { openStage } from "./stage.ts";

const runs = [running, waiting, held, failed, completed, cancelled];
const lines = (screen: string) => screen.trimEnd().split("\n");

describe("screens", () => {
  test("one glance at 80x24: what runs and how far, what waits, what failed and why, the machines", async () => {
    const { screen } = await openStage({ runs });
    const text = await screen(80, 24);
    expect(lines(text)).toHaveLength(24);
    for (const part of ["gpu01", "1 running", "2 queued", "batch_size_64", "45/100", "gpu_oom", "GPU 0", "● live"])
      expect(text).toContain(part);
    expect(text).toContain("“linear LR scaling holds”");
  });

  test("[C3] every view and tab fills exactly the screen, from 1x1 to 500x200", async () => {
    const stage = await openStage({ runs });
    for (const view of views) {
      stage.app.setView(view);
      for (const [width, height] of [
        [1, 1],
        [20, 5],
        [59, 14],
        [60, 15],
        [80, 24],
        [120, 40],
        [200, 60],
        [500, 200],
      ] as const) {
        const frame = stage.app.frame(width, height);
        for (const layer of frame.layers) {
          expect(layer.x + layer.width).toBeLessThanOrEqual(width);
          expect(layer.rows.length).toBeLessThanOrEqual(Math.max(1, height));
        }
      }
      expect(lines(await stage.screen(120, 40)).length).toBe(40);
    }
    expect(await stage.screen(59, 14)).toContain("ml needs 60x15; this is 59x14");
  });

  test("[C4] without UTF-8 nothing but ASCII is drawn", async () => {
    const stage = await openStage({ runs: [running, waiting, failed, completed], unicode: false });
    for (const keys of [[], ["l"], ["m"], ["n"], ["?"], ["esc"], ["esc", "a"]]) {
      stage.press(...keys);
      expect(await stage.screen(120, 40)).toMatch(/^[\n -~]*$/);
    }
  });

  test("two panes from 110 columns, one below, and enter and esc go between them", async () => {
    const stage = await openStage({ runs });
    expect(await stage.screen(120, 40)).toContain("[Overview]");
    expect(await stage.screen(80, 24)).not.toContain("[Overview]");
    stage.press("enter");
    expect(await stage.screen(80, 24)).toContain("[Overview]");
    stage.press("esc");
    expect(await stage.screen(80, 24)).toContain("╭ Runs ");
  });

  test("the log folds bars, follows, wraps and scrolls", async () => {
    const stage = await openStage({ runs });
    stage.logText = `${Array.from({ length: 100 }, (_, at) => `line ${at}`).join("\n")}\n 0%\r50%\r99% done`;
    stage.press("l");
    const shown = await stage.screen(80, 24);
    expect(shown).toContain("99% done");
    expect(shown).toContain("following");
    stage.press("g");
    expect(await stage.screen(80, 24)).toContain("line 0");
    stage.press("G");
    expect(await stage.screen(80, 24)).toContain("99% done");
  });

  test("searching a log goes to the line that holds the words, the last one first", async () => {
    const stage = await openStage({ runs });
    const padding = "some words of a script that prints a lot\n".repeat(5000);
    stage.logText = `${padding}CUDA out of memory\n${padding}`;
    stage.press("l");
    await stage.screen();
    stage.press("/");
    stage.type("out of memory");
    stage.press("enter");
    expect(await stage.screen()).toContain("CUDA out of memory");
    expect(stage.last("log.search")).toMatchObject({ text: "out of memory", direction: "backward" });
  });

  test("metrics are a curve with axes and a table", async () => {
    const stage = await openStage({ runs });
    stage.press("m");
    const text = await stage.screen(100, 30);
    expect(text).toMatch(/[⠁-⣿]/);
    expect(text).toMatch(/0 +10 +20 +30 +40/);
    expect(text).toMatch(/loss +█?[▁-█]+/);
  });

  test("the selection stays with its run when the list moves", async () => {
    const stage = await openStage({ runs });
    stage.press("j");
    await stage.screen();
    expect(stage.app.selected()?.name).toBe("warmup_test");
    stage.event({ kind: "run", run: summary({ run_id: "2026-11-23_zzzzzz", name: "newcomer" }) });
    await stage.screen();
    expect(stage.app.selected()?.name).toBe("warmup_test");
  });

  test("when the selected run is deleted its neighbour is selected", async () => {
    const stage = await openStage({ runs });
    stage.press("j");
    await stage.screen();
    stage.event({ kind: "removed", run_id: waiting.run_id });
    await stage.screen();
    expect(stage.app.selected()?.name).toBe("预训练_base");
  });

  test("the filter narrows while it is typed, and esc takes it away", async () => {
    const stage = await openStage({ runs });
    stage.press("/");
    stage.type("li gpu_oom");
    const text = await stage.screen();
    expect(text).toContain("batch_128");
    expect(text).not.toContain("imagenet_baseline");
    stage.press("enter");
    expect(await stage.screen()).toContain("/li gpu_oom");
    await stage.answered("find");
    expect(stage.last("find")).toMatchObject({ query: "li gpu_oom" });
    stage.press("esc");
    expect(await stage.screen()).toContain("imagenet_baseline");
  });

  test("marked runs are compared by what differs", async () => {
    const stage = await openStage({ runs });
    stage.press("space", "space", "=");
    const text = await stage.screen(120, 40);
    expect(text).toContain("╭ Compare");
    expect(text).toMatch(/batch_size_64 .*0\.9★/);
    expect(text).toContain("the same in all: script train.py");
    expect(text).toMatch(/[⠁-⣿]/);
    expect(stage.last("runs.compare")).toEqual({ runs: [running.run_id, waiting.run_id] });
  });

  test("why a run waits stands in its overview, who used what in a view of its own", async () => {
    const stage = await openStage({ runs });
    stage.press("j", "enter");
    expect(await stage.screen(100, 30)).toContain("runs go first");
    stage.press("6");
    expect(await stage.screen(100, 30)).toMatch(/ana +3 +1 +4\.2/);
    stage.press("o");
    await stage.screen(100, 30);
    expect(stage.last("usage")).toMatchObject({ by: "priority" });
    stage.press("3");
    expect(await stage.screen(100, 40)).toMatch(/RTX 3090 +\S+ GB +97%/);
  });

  test("a key that cannot act now says why", async () => {
    const stage = await openStage({ runs: [completed] });
    stage.press("c");
    expect(await stage.screen()).toContain("cancel: it has ended");
    stage.press("=");
    expect(await stage.screen()).toContain("compare: mark two runs or more first");
  });

  test("help lists every key of the table, searches it, and does what is chosen", async () => {
    const stage = await openStage({ runs });
    stage.press("?");
    const text = await stage.screen(120, 60);
    expect(text).toContain("Moving");
    stage.type("hypotheses");
    expect(await stage.screen(120, 60)).toContain("show or hide hypotheses");
    stage.press("enter");
    expect(await stage.screen()).not.toContain("“linear LR scaling holds”");
  });

  test("--readonly has no acts that change something, in help, footer and palette", async () => {
    const stage = await openStage({ runs, readonly: true });
    expect(await stage.screen(120, 40)).not.toContain("annotate");
    stage.press("?");
    expect(await stage.screen(120, 60)).not.toContain("SIGTERM");
    stage.press("esc", "c");
    expect(await stage.screen()).toContain("opened with --readonly");
    expect(stage.last("run.cancel")).toBeUndefined();
  });

  test("[N3] while the server is away it says since when, keeps the picture, and heals", async () => {
    const stage = await openStage({ runs });
    stage.connectionState("reconnecting");
    const away = await stage.screen();
    expect(away).toMatch(/reconnecting \d+ s/);
    expect(away).toContain("batch_size_64");
    expect(stage.app.greyed).toBe(true);
    stage.press("c");
    expect(await stage.screen()).toContain("cancel: not connected");
    stage.connectionState("open");
    stage.press("esc");
    expect(await stage.screen()).toContain("● live");
  });
});

describe("doing things", () => {
  test("one's own waiting run is cancelled at once, a running one after a question with the command line", async () => {
    const stage = await openStage({ runs });
    stage.press("j", "c");
    await stage.screen();
    expect(stage.last("run.cancel")).toEqual({ runs: [waiting.run_id], now: false, reason: null });
    stage.press("k", "c");
    expect(await stage.screen()).toContain("$ ml cancel k3f9ab");
    stage.press("y");
    expect(await stage.screen()).toContain("stopping");
    expect(stage.last("run.cancel")).toMatchObject({ runs: [running.run_id] });
  });

  test("any other key than y leaves a question unanswered, and n closes it", async () => {
    const stage = await openStage({ runs });
    stage.press("K", "x", "enter", "n");
    expect(await stage.screen()).not.toContain("Kill now");
    expect(stage.last("run.cancel")).toBeUndefined();
  });

  test("deleting says what it frees before it asks", async () => {
    const stage = await openStage({ runs: [completed] });
    stage.press("d");
    expect(await stage.screen()).toContain("This frees 1.0 MB and cannot be undone");
    stage.press("y");
    await stage.screen();
    expect(stage.asked.filter((one) => one.name === "run.delete").map((one) => one.body.dry_run)).toEqual([
      true,
      undefined,
    ]);
  });

  test("a form keeps its text over esc, disconnection and resize, and shows the same as a command", async () => {
    const stage = await openStage({ runs });
    stage.press("a");
    stage.type("loss spikes at step 300");
    expect(await stage.screen()).toContain("$ ml annotate k3f9ab --note 'loss spikes at step 300'");
    stage.connectionState("reconnecting");
    await stage.screen(40, 10);
    stage.connectionState("open");
    expect(await stage.screen(100, 30)).toContain("loss spikes at step 300");
    stage.press("esc");
    await stage.screen();
    stage.press("a", "ctrl+s");
    await stage.screen();
    expect(stage.last("run.annotate")).toEqual({ run: running.run_id, note: "loss spikes at step 300" });
    stage.press("a");
    expect(await stage.screen()).not.toContain("loss spikes at step 300'");
  });

  test("what the server refuses stays in the form with the reason, and nothing typed is lost", async () => {
    const stage = await openStage({ runs });
    stage.failing.set("run.annotate", new MlError("no_space", "the disk is full", { hint: "free some space" }));
    stage.press("a");
    stage.type("important");
    stage.press("ctrl+s");
    const text = await stage.screen();
    expect(text).toContain("! the disk is full; free some space");
    expect(text).toContain("important");
  });

  test("a verdict is chosen, with outcome, learnings and next steps a line each", async () => {
    const stage = await openStage({ runs: [completed] });
    stage.press("v", "right", "right", "tab");
    await stage.screen();
    stage.type("no gain");
    stage.press("tab");
    stage.type("one\ntwo");
    expect(await stage.screen(100, 40)).toContain("ml conclude aaaaaa --refutes --outcome 'no gain' --learned one");
    stage.press("ctrl+s");
    await stage.screen();
    expect(stage.last("narrative.change")).toEqual({
      targets: [completed.run_id],
      change: {
        set: { validation_status: "refutes", outcome: "no gain", learnings: ["one", "two"], next_steps: [] },
      },
    });
  });

  test("a requeue runs the command that it shows", async () => {
    const stage = await openStage({ runs: [completed] });
    stage.press("r");
    await stage.screen();
    stage.type(" --epochs 200");
    expect(await stage.screen(100, 40)).toContain("ml requeue aaaaaa --replace -- --batch-size 64 --epochs 200");
    stage.press("ctrl+s");
    await stage.screen();
    expect(stage.commands).toEqual([
      ["requeue", "-q", completed.run_id, "--replace", "--", "--batch-size", "64", "--epochs", "200"],
    ]);
  });

  test("a viewer may look at everything and is told that changing is not theirs", async () => {
    const stage = await openStage({ runs, role: "viewer" });
    stage.press("c");
    expect(await stage.screen()).toContain("cancel: your key may only look");
  });

  test("ids and commands are copied", async () => {
    const stage = await openStage({ runs });
    await stage.screen();
    stage.press("y", "Y");
    expect(stage.copied).toEqual([running.run_id, "python train.py --batch-size 64"]);
  });

  test("the mouse selects, opens, turns tabs and scrolls", async () => {
    const stage = await openStage({ runs });
    await stage.screen(120, 40);
    const spots = () => stage.app.frame(120, 40).spots.map((spot) => spot.target);
    expect(spots()).toContain(`run:${waiting.run_id}`);
    clicked(stage.app, `run:${waiting.run_id}`);
    expect(stage.app.selected()?.name).toBe("warmup_test");
    clicked(stage.app, `run:${waiting.run_id}`);
    expect(stage.app.ui.panel).toBe("detail");
    clicked(stage.app, "tab:narrative");
    expect(await stage.screen(120, 40)).toContain("[Narrative]");
    wheel(stage.app, "list", 1);
    expect(stage.app.selected()?.name).toBe("imagenet_baseline");
    stage.press("?");
    await stage.screen(120, 40);
    expect(spots().filter((target) => target.startsWith("run:"))).toEqual([]);
  });

  test("q leaves, esc never does", async () => {
    const stage = await openStage({ runs });
    stage.press("esc", "esc", "esc");
    expect(stage.left).toBe(false);
    stage.press("q");
    expect(stage.left).toBe(true);
  });

  test("[S6] names and notes with control sequences are spelled out", async () => {
    const evil = summary({ name: "evil\x1b]0;x\x07", hypothesis: "\x1b[2Jboo", command: "python \x1b[31m" });
    const stage = await openStage({ runs: [evil] });
    for (const key of ["enter", "n", "esc", "?"]) {
      stage.press(key);
      expect(await stage.screen(120, 40)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
    }
  });
});
