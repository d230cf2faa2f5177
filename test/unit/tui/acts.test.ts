/** Asking, changing and keeping from the screen: what is asked of the server, which command line is shown, what comes back. */
import { describe, expect, test } from "bun:test";
import { MlError } from "../../../src/core/error.ts";
import { until } from "../../support/temp.ts";
import { completed, failed, held, images, running, status, summary, waiting } from "../view/sample.ts";
import { openStage, type Stage } from "./stage.ts";

const runs = [running, waiting, held, failed, completed];
const whole = {
  sweep: {
    ...{ sweep_id: "s1", name: "lr", user: "ana", state: "active", reason: null, created_at: "" },
    ...{ command: "train.py", parameters: ["lr"], best: null, eta: null },
    counts: { points: 4, waiting: 2, running: 1, completed: 1, failed: 0, cancelled: 0, missing: 0, answered: 0 },
  },
  definition: { goal: null },
  points: [],
  importance: [],
};

/** Presses keys and waits until the code for what they open is there. */
async function open(stage: Stage, ...keys: string[]): Promise<string> {
  stage.press(...keys);
  return stage.opened();
}

describe("keys one after the other", () => {
  test("the first shows what may follow, and why not; the second does it; esc forgets it", async () => {
    const stage = await openStage({ runs });
    stage.press("i");
    const text = await stage.screen(100, 30);
    expect(text).toMatch(/i … Asking about runs/);
    expect(text).toMatch(/s +runs like it, and what they yielded/);
    expect(text).toMatch(/d +how two runs differ.*\(mark two runs/);
    stage.press("esc");
    expect(await stage.screen(100, 30)).not.toContain("i … Asking");
    stage.press("i", "z");
    expect(await stage.screen(100, 30)).toContain("i z does nothing");
  });

  test("what is typed while a form is being opened stands in the form", async () => {
    const stage = await openStage({ runs: [completed] });
    for (const key of ["R", "f", ".", ".", "/", "q", "d"]) stage.press(key);
    expect(await stage.opened()).toMatch(/folder +\.\.\/qd/);
    expect(stage.left).toBe(false);
  });
});

describe("pages", () => {
  test("show what the command line shows, name it, scroll, and esc leads back", async () => {
    const stage = await openStage({ runs });
    stage.replies.set("run.similar", {
      run_id: running.run_id,
      behind: 0,
      runs: Array.from({ length: 40 }, () => ({
        ...{ run: completed, score: 0.9, same_code: true, learnings: [], outcome: "diverged" },
        differs: [{ name: "lr", here: 1, there: 2 }],
      })),
    });
    const text = await open(stage, "i", "s");
    expect(text).toContain("Runs like batch_size_64");
    expect(text).toContain("$ ml similar k3f9ab -n 20");
    expect(text).toContain("diverged");
    expect(text).toMatch(/1–\d+ of 80/);
    stage.press("G");
    expect(await stage.screen()).toContain("–80 of 80");
    stage.press("esc");
    expect(await stage.screen()).toContain("╭ Runs ");
  });

  test("a run that a page names is chosen with tab and gone to with enter, also one that the list does not have", async () => {
    const old = summary({ run_id: "2025-01-05_zzzzzz", name: "long_ago" });
    const stage = await openStage({ runs });
    const like = (run: typeof old) => ({
      ...{ run, score: 0.9, same_code: true, learnings: [], outcome: "passed aaaaab" },
      differs: [],
    });
    stage.replies.set("run.similar", {
      ...{ run_id: running.run_id, behind: 0 },
      runs: [like(completed), ...Array.from({ length: 30 }, () => like(failed)), like(old)],
    });
    const text = await open(stage, "i", "s");
    expect(text).toMatch(/tab one of 32 runs/);
    expect(text).not.toContain("▸");
    stage.press("tab");
    expect(await stage.screen()).toMatch(/▸.*aaaaaa/);
    stage.press("shift+tab");
    const last = await stage.screen();
    expect(last).toMatch(/▸.*zzzzzz/);
    expect(last).toContain("run 32 of 32");
    stage.replies.set("run.get", { summary: old });
    stage.press("enter");
    const list = await stage.opened();
    expect(stage.last("run.get")).toEqual({ run: old.run_id });
    expect(list).toContain("╭ Runs ");
    expect(stage.app.selected()?.name).toBe("long_ago");
  });

  test("[C4] a page without UTF-8 is ASCII, with the mark of what was chosen and where one is", async () => {
    const stage = await openStage({ runs, unicode: false });
    const like = { run: completed, score: 0.9, same_code: true, learnings: [], outcome: "diverged", differs: [] };
    stage.replies.set("run.similar", { run_id: running.run_id, behind: 0, runs: Array(40).fill(like) });
    await open(stage, "i", "s");
    stage.press("tab");
    const text = await stage.screen();
    expect(text).toMatch(/\|> *90%/);
    expect(text).toMatch(/tab run 1 of 40 {2}1-\d+ of 80/);
    expect(text).toMatch(/^[\n -~]*$/);
  });

  test("a page that names no run says so", async () => {
    const stage = await openStage({ runs });
    stage.replies.set("memory.lessons", { lessons: [], more: false, looked_at: 3, query: null });
    await open(stage, "i", "l");
    stage.press("enter");
    expect(await stage.screen()).toContain("this page names no run");
  });

  test("about two runs: the marked ones, the elder first", async () => {
    const elder = summary({ run_id: "2026-11-20_eeeeee", name: "elder", queued_at: "2026-11-20T10:00:00Z" });
    const stage = await openStage({ runs: [running, elder] });
    stage.press("space", "space");
    stage.replies.set("run.diff", {
      a: { run_id: elder.run_id, name: "elder" },
      b: { run_id: running.run_id, name: running.name },
      facets: [],
      code: { known: true, more: 0, files: [] },
    });
    await open(stage, "i", "d");
    expect(stage.last("run.diff")).toEqual({ a: elder.run_id, b: running.run_id });
  });

  test("about many runs: of the group of the selected one, and / asks which else", async () => {
    const stage = await openStage({ runs: [summary({ group: "bs" })] });
    stage.replies.set("memory.lessons", { lessons: [], looked_at: 3, more: false, query: null });
    expect(await open(stage, "i", "l")).toContain("$ ml lessons --group bs");
    expect(stage.last("memory.lessons")).toMatchObject({ group: "bs" });
    stage.press("/", "tab");
    await stage.screen();
    stage.type("ablation");
    expect(await stage.screen(100, 40)).toContain("$ ml lessons --group bs --tag ablation");
    stage.press("ctrl+s");
    await stage.opened();
    expect(stage.last("memory.lessons")).toMatchObject({ group: "bs", tag: "ablation" });
  });

  test("an answer in another shape costs the page, not the screen", async () => {
    const stage = await openStage({ runs });
    stage.replies.set("run.similar", { run_id: "x" });
    expect(await open(stage, "i", "s")).toContain("this page cannot be shown");
    stage.press("esc");
    expect(await stage.screen()).toContain("╭ Runs ");
  });

  test("a page that failed says why, and one over the list keeps keys from runs that are not seen", async () => {
    const stage = await openStage({ runs });
    stage.failing.set("memory.dead_ends", new MlError("try_later", "the server is starting"));
    expect(await open(stage, "i", "x")).toContain("the server is starting");
    stage.press("c");
    expect(await stage.screen()).toContain("esc closes this page first");
    expect(stage.last("run.cancel")).toBeUndefined();
  });
});

describe("forms that change", () => {
  test("a waiting run is edited: only what was changed is sent", async () => {
    const stage = await openStage({ runs: [waiting] });
    await open(stage, "E");
    stage.app.edited(`edit:${waiting.run_id}/priority`, "8");
    stage.app.edited(`edit:${waiting.run_id}/ram`, "16G");
    expect(await stage.screen(100, 40)).toContain("$ ml edit x2k4aa && ml priority x2k4aa 8");
    stage.replies.set("run.edit", { run_id: waiting.run_id, changed: ["resources.requested"] });
    stage.press("ctrl+s");
    await stage.opened();
    expect(stage.last("run.edit")).toMatchObject({ change: { requested: { ram_gb: 16, gpus: 0 } } });
    expect(Object.keys(stage.last("run.edit")?.change ?? {})).toEqual(["requested"]);
    expect(stage.last("run.priority")).toEqual({ runs: [waiting.run_id], priority: 8 });
  });

  test("a form that is higher than the screen moves with its fields", async () => {
    const stage = await openStage({ runs: [waiting] });
    await open(stage, "E");
    expect(await stage.screen(80, 15)).toContain("field 1 of 11");
    stage.press("shift+tab");
    const last = await stage.screen(80, 15);
    expect(last).toMatch(/variables/);
    expect(last).toContain("$ ml edit");
    stage.type("SEED=1");
    expect(await stage.screen(80, 15)).toContain("SEED=1");
  });

  test("a sweep is looked at before it is queued, and a no brings the form back as it was", async () => {
    const stage = await openStage({ runs });
    await open(stage, "S", "n");
    stage.app.edited("sweep/command", "train.py");
    stage.app.edited("sweep/grid", "lr=1e-3,3e-4");
    const preview = { name: "train-lr", parameters: ["lr"], points: [], count: 2, answered: 0, estimate: null };
    stage.commandResult = { code: 0, stdout: JSON.stringify({ preview }), stderr: "" };
    stage.press("ctrl+s");
    const asks = await stage.opened();
    expect(asks).toContain("sweep train-lr: 2 runs");
    expect(asks).toContain("$ ml sweep --grid lr=1e-3,3e-4 -- train.py");
    stage.press("n");
    expect(await stage.screen(100, 40)).toContain("lr=1e-3,3e-4");
    stage.press("esc");
    await open(stage, "S", "n");
    expect(await stage.screen(100, 40)).toContain("lr=1e-3,3e-4");
    stage.press("ctrl+s");
    await stage.opened();
    stage.commandResult = { code: 0, stdout: "sweep_1\n", stderr: "" };
    stage.replies.set("sweep.get", whole);
    stage.press("y");
    await stage.opened();
    expect(stage.commands.at(-1)).toEqual(["sweep", "-q", "--yes", "--grid", "lr=1e-3,3e-4", "--", "train.py"]);
    expect(stage.last("sweep.get")).toMatchObject({ sweep: "sweep_1" });
  });

  test("tags, verdicts and notes go to all marked runs, after a question that says how many", async () => {
    const stage = await openStage({ runs: [completed, failed, running] });
    stage.press("space", "space");
    const both = [...stage.app.ui.marked];
    expect(both).toHaveLength(2);
    expect(await open(stage, "t")).toContain("Tags of 2 marked runs");
    stage.type("ablation");
    const [one = "", other = ""] = both.map((runId) => runId.split("_")[1]);
    expect(await stage.screen()).toContain(`$ ml tag add ablation ${one} ${other}`);
    stage.press("ctrl+s");
    expect(await stage.opened()).toContain("Put ablation on 2 runs?");
    expect(stage.last("narrative.change")).toBeUndefined();
    stage.press("y");
    await stage.opened();
    expect(stage.last("narrative.change")).toEqual({
      targets: both,
      change: { add: { tags: ["ablation"] }, remove: { tags: [] } },
    });

    expect(await open(stage, "v")).toContain("What came of 2 marked runs");
    stage.press("right", "ctrl+s");
    expect(await stage.opened()).toContain("Write `validates` of 2 runs?");
    stage.press("y");
    await stage.opened();
    expect(stage.last("narrative.change")).toEqual({
      targets: both,
      change: { set: { validation_status: "validates" }, add: { learnings: [], next_steps: [] } },
    });

    await open(stage, "a");
    stage.type("same spike");
    stage.press("ctrl+s");
    expect(await stage.opened()).toContain("Note this on 2 runs?");
    stage.press("y");
    await stage.opened();
    const noted = stage.asked.filter(({ name }) => name === "run.annotate").map(({ body }) => body);
    expect(noted).toEqual(both.map((run) => ({ run, note: "same spike" })));
    expect(await stage.screen()).toContain("noted on 2 runs");
  });

  test("pruning shows what would go, and frees it only after a yes", async () => {
    const stage = await openStage({ runs: [completed] });
    const found = { run_id: completed.run_id, name: completed.name, user: "ana", files: 1, size_bytes: 5e9 };
    const largest = [{ path: "step_10.ckpt", size_bytes: 5e9, sha256: "" }];
    stage.replies.set("run.prune", { dry_run: true, files: 1, size_bytes: 5e9, runs: [{ ...found, largest }] });
    stage.press("space");
    await open(stage, "X", "p");
    stage.press("right", "ctrl+s");
    const asks = await stage.opened();
    expect(asks).toContain("step_10.ckpt");
    expect(asks).toContain("y free 5.0 GB");
    expect(asks).toContain("$ ml prune aaaaaa --superseded --yes");
    expect(stage.last("run.prune")).toMatchObject({ dry_run: true, superseded: true, runs: [completed.run_id] });
    stage.press("y");
    await stage.opened();
    expect(stage.last("run.prune")).toMatchObject({ dry_run: false });
  });

  test("retry, clone, reproduce, fork, export and import run the command that they show", async () => {
    for (const [keys, field, text, words] of [
      [["R", "r"], `retry:${completed.run_id}/ram`, "32G", ["retry", "-q", completed.run_id, "--ram", "32G"]],
      [["R", "c"], `clone:${completed.run_id}/times`, "4", ["clone", "-q", completed.run_id, "--times", "4"]],
      [
        ["R", "p"],
        `reproduce:${completed.run_id}/tolerance`,
        "1%",
        ["reproduce", "-q", completed.run_id, "--tolerance", "1%"],
      ],
      [["R", "f"], `fork:${completed.run_id}/folder`, "../w", ["fork", completed.run_id, "../w"]],
      [["x"], `pull:${completed.run_id}/to`, "here", ["pull", completed.run_id, "--to", "here"]],
      [["X", "e"], `export:${completed.run_id}/redact`, "paths", null],
      [["X", "i"], "import/file", "b.tar.gz", ["import", "b.tar.gz"]],
    ] as const) {
      const stage = await openStage({ runs: [completed] });
      await open(stage, ...keys);
      stage.app.edited(field, text);
      const shown = await stage.screen(160, 40);
      stage.press("ctrl+s");
      await stage.opened();
      const ran = stage.commands.at(-1) ?? [];
      if (words !== null) expect(ran).toEqual([...words]);
      const said = ["ml", ...ran.filter((word) => word !== "-q")].join(" ").replace(completed.run_id, "aaaaaa");
      expect(shown).toContain(`$ ${said}`);
    }
  });

  test("what a command said of its failure stays in the form", async () => {
    const stage = await openStage({ runs: [completed] });
    await open(stage, "R", "f");
    stage.commandResult = { code: 7, stdout: "", stderr: "checking out 10 %\nml: `x` is not empty\nhint: another\n" };
    stage.press("ctrl+s");
    expect(await stage.opened()).toContain("! `x` is not empty; hint: another");
  });

  test("a sweep's page takes keys for the sweep", async () => {
    const stage = await openStage({ runs: [summary({ sweep: { id: "s1", point: {} } })] });
    stage.replies.set("sweep.get", whole);
    stage.replies.set("sweep.change", { sweep: whole.sweep, queued: [], changed: 2 });
    expect(await open(stage, "S", "s")).toContain("4 runs");
    await open(stage, "S", "p");
    expect(stage.last("sweep.change")).toEqual({ sweep: "s1", action: "pause" });
    expect(await open(stage, "S", "c")).toContain("$ ml sweep cancel lr --yes");
  });
});

describe("the terminal is lent", () => {
  test("to attach and to editors, for the selected run", async () => {
    const stage = await openStage({ runs });
    stage.press("T");
    await stage.screen();
    stage.press("j", "ctrl+e");
    await stage.screen();
    expect(stage.lent).toEqual([
      ["attach", running.run_id],
      ["edit", waiting.run_id],
    ]);
  });

  test("an act whose command is not there is not there either", async () => {
    const without = await openStage({ runs, commands: ["attach"] });
    without.press(":");
    without.type("debugger");
    expect(await without.screen()).toContain("nothing is called that");
    const withIt = await openStage({ runs, commands: ["debug"] });
    withIt.press("B");
    await withIt.screen();
    expect(withIt.lent).toEqual([["debug", running.run_id]]);
  });
});

describe("data", () => {
  test("the view shows what is warm, what comes, and what made room for what; keys act on the selected dataset", async () => {
    const stage = await openStage({ runs });
    stage.press("4");
    const text = await stage.screen(120, 40);
    expect(text).toMatch(/imagenet-train .*━━━━━━╌╌ 6\.1\/8\.0 GB, warm in 4m/);
    expect(text).toMatch(/removed cifar 1 \(200 MB\) just now for/);
    expect(text).toContain("imagenet-train: no waiting run needs it");
    expect(text).toContain("version v1, the current one");
    stage.press("D", "p");
    await stage.screen();
    expect(stage.last("prewarm.wish")).toEqual({ names: ["imagenet-train"], pin: true });
    stage.press("D", "c");
    await stage.screen();
    expect(stage.last("prewarm.cancel")).toEqual({ names: ["imagenet-train"] });
    expect(await open(stage, "D", "r")).toContain("$ ml dataset remove imagenet-train");
  });

  test("containers have their place, and say what is known", async () => {
    const inside = summary({ command: "docker run pytorch:2.4 train.py", name: "boxed" });
    const stage = await openStage({ runs: [inside] });
    stage.press("5");
    const text = await stage.screen(100, 30);
    expect(text).toContain("starts no containers of its own");
    expect(text).toContain("boxed");
  });

  test("images that were pulled ahead stand below the runs that start containers, and are never said to be removed", async () => {
    const stage = await openStage({ runs });
    const told = status();
    stage.replies.set("status", { ...told, workers: told.workers.map((worker) => ({ ...worker, images })) });
    stage.connectionState("open");
    stage.press("5");
    const text = await until("the images", async () => {
      const shown = await stage.screen(110, 30);
      return shown.includes("never removed by ml") ? shown : null;
    });
    expect(text).toMatch(/ghcr\.io\/lab\/train@sha256:abababab… podman +6\.1 GB +in 41 s/);
    expect(text).toContain("pulling alpine:3 by podman");
  });
});
