/** Sweeps: the page that shows how one stands, the form that makes one after a look at what it would be, and changes of one. */
import { MlError } from "../core/error.ts";
import { quoteCommand } from "../core/shell-quote.ts";
import { shellWords } from "../core/shell-words.ts";
import type { Body, Reply } from "../protocol/requests.ts";
import { safeText } from "../view/safe-text.ts";
import { previewLines, sweepListPage, sweepPage } from "../view/sweep-page.ts";
import type { Desk } from "./desk.ts";
import type { Confirmation, FormState, PageWish, Values } from "./form.ts";
import { choice, filled, flagLines, flagsOf, form, line, linesOf, requireDone, text, wordsOf } from "./form-parts.ts";
import { naming } from "./mentions.ts";
import { queueWords } from "./run-forms.ts";

type Summary = Reply<"sweep.get">["sweep"];

/** Thousands of runs take a while to be made durable. */
const changeMs = 300_000;
const liveMs = 2000;

export function sweepWish({ connection }: Desk, sweepId: string): PageWish {
  return {
    title: "Sweep",
    command: `ml sweep show ${sweepId}`,
    runId: null,
    sweepId,
    everyMs: liveMs,
    async load() {
      const whole = await connection.ask("sweep.get", { sweep: sweepId });
      return naming(whole, (face) => sweepPage(whole, face));
    },
  };
}

/** `/` there asks for the page of one. */
export function sweepListWish(desk: Desk): PageWish {
  const { connection } = desk;
  return {
    refine: () => sweepChoice(desk),
    title: "Sweeps",
    command: "ml sweep list",
    runId: null,
    everyMs: 2 * liveMs,
    async load() {
      const { sweeps } = await connection.ask("sweep.list", { all: true });
      return (face) => sweepListPage(sweeps, face);
    },
  };
}

function sweepChoice(desk: Desk): FormState {
  return form({
    id: "sweep-choice",
    title: "The page of which sweep",
    fields: [line("sweep", "sweep", { hint: "its name, the beginning of its id, @last" })],
    command: (values) => `ml sweep show ${quoteCommand([filled(values.sweep)])}`,
    async submit(values) {
      const { sweep } = await desk.connection.ask("sweep.get", { sweep: filled(values.sweep) });
      return { page: sweepWish(desk, sweep.sweep_id) };
    },
  });
}

const planFlags = { random: "--random", seed: "--seed" };
const limitFlags = { goal: "--goal", concurrent: "--max-concurrent", stop: "--stop-if" };

function gridWords(values: Values): string[] {
  return [...flagLines(values.grid, "--grid"), ...flagsOf(values, planFlags)];
}

const gridHint = "lr=1e-3,3e-4 or bs=32:256:x2, one parameter a line";

/** Shows what the sweep would be, by our own command, before it asks; a no leads back to the form. */
export function sweepForm(desk: Desk): FormState {
  const words = (values: Values) => [
    ...["sweep", ...gridWords(values), ...flagsOf(values, limitFlags)],
    ...(values.answered === "yes" ? ["--skip-answered"] : []),
    ...[...queueWords(values), "--", ...wordsOf(filled(values.command))],
  ];
  return form({
    id: "sweep",
    title: `New sweep, with the code in ${process.cwd()}`,
    fields: [
      line("command", "command", { hint: "train.py --epochs 10: what all runs have" }),
      text("grid", "grid", { hint: gridHint }),
      line("random", "random", { hint: "draw so many points instead of all" }),
      line("seed", "seed", {}),
      line("goal", "goal", { hint: "val_acc, min:loss" }),
      line("concurrent", "at most", { hint: "so many of its runs at a time" }),
      line("stop", "stop if", { hint: "val_acc>=0.95" }),
      choice("answered", "skip answered", { choices: ["yes"] }),
      line("name", "name", {}),
      text("hypothesis", "hypothesis", { hint: "what you think is true" }),
      line("more", "more", { hint: "--gpus 1 --max-runtime 4h: any flag of ml sweep" }),
    ],
    command: (values) => `ml ${quoteCommand(words(values))}`,
    async submit(values, onTalk) {
      for (const each of [values.command, values.more]) shellWords(filled(each));
      if (filled(values.command) === "")
        throw new MlError("usage", "what is to be run? the command is empty", { hint: "train.py --epochs 10" });
      const [first = "", ...rest] = words(values);
      const looked = requireDone(await desk.runCommand([first, "--dry-run", "--json", ...rest], onTalk));
      const { preview } = JSON.parse(looked.stdout) as { preview: Reply<"sweep.create">["preview"] };
      return { question: sweepQuestion(desk, preview, { words: [first, ...rest], skips: values.answered === "yes" }) };
    },
  });
}

function sweepQuestion(
  desk: Desk,
  preview: Reply<"sweep.create">["preview"],
  { words, skips }: { words: readonly string[]; skips: boolean },
): Confirmation {
  const [command = "", ...rest] = words;
  return {
    title: "Queue this sweep",
    text: [],
    lines: () => previewLines(preview, { skipsAnswered: skips }),
    command: `ml ${quoteCommand(words)}`,
    yes: "queue it",
    dangerous: false,
    async act() {
      desk.tell("queueing …");
      const made = requireDone(await desk.runCommand([command, "-q", "--yes", ...rest]));
      const sweepId = made.stdout.trim();
      desk.tell(`queued as sweep ${safeText(preview.name)}`, "good");
      desk.pages.open(sweepWish(desk, sweepId));
    },
  };
}

export function extendForm(desk: Desk, sweep: Summary): FormState {
  const words = (values: Values) => ["sweep", "extend", sweep.name, ...gridWords(values)];
  return form({
    id: `extend:${sweep.sweep_id}`,
    title: `More points for ${safeText(sweep.name)}`,
    fields: [
      text("grid", "grid", { hint: `${sweep.parameters.map((name) => `${name}=…`).join(", ")}, one parameter a line` }),
      line("random", "random", { hint: "draw so many points instead of all" }),
      line("seed", "seed", {}),
    ],
    command: (values) => `ml ${quoteCommand(words(values))}`,
    async submit(values, onTalk) {
      if (linesOf(values.grid).length === 0)
        throw new MlError("usage", "which values? the grid is empty", { hint: gridHint });
      const before = ["sweep", "extend", sweep.sweep_id];
      const made = requireDone(await desk.runCommand([...before, "-q", ...gridWords(values)], onTalk));
      const count = made.stdout.split("\n").filter((one) => one !== "").length;
      return `${count} ${count === 1 ? "run was" : "runs were"} queued for ${safeText(sweep.name)}`;
    },
  });
}

type Action = Exclude<Body<"sweep.change">["action"], "extend">;

const said: Record<Action, (changed: number, queued: number) => string> = {
  pause: (changed) => `paused: ${changed} held; what runs goes on`,
  resume: (changed, queued) => `resumed: ${changed} released, ${queued} queued that were missing`,
  retry: (_, queued) => `${queued} queued again`,
  cancel: (changed) => `cancelled: ${changed} ended or stopping`,
};

async function change(desk: Desk, sweep: Summary, action: Action): Promise<void> {
  const body = { sweep: sweep.sweep_id, action };
  const { changed, queued } = await desk.connection.ask("sweep.change", body, { timeoutMs: changeMs });
  desk.tell(`${safeText(sweep.name)} ${said[action](changed, queued.length)}`, "good");
  desk.pages.again();
}

/** Pausing and resuming are taken back with one key; the others are asked about first. */
export async function changeSweep(desk: Desk, sweepId: string, action: Action): Promise<void> {
  const { sweep } = await desk.connection.ask("sweep.get", { sweep: sweepId });
  if (action === "pause" || action === "resume") return change(desk, sweep, action);
  const { counts } = sweep;
  const live = counts.waiting + counts.running;
  const lost = counts.failed + counts.cancelled + counts.missing;
  if ((action === "cancel" ? live : lost) === 0) {
    const none =
      action === "cancel" ? "nothing of it waits or runs" : "no point of it failed, was cancelled or is missing";
    desk.tell(`${safeText(sweep.name)}: ${none}`, "warn");
    return;
  }
  const text =
    action === "cancel"
      ? `End ${counts.waiting} waiting and ${counts.running} running runs of ${safeText(sweep.name)}? What they left is kept.`
      : `Queue ${lost} points of ${safeText(sweep.name)} again: those that failed, were cancelled or never queued?`;
  desk.confirm({
    title: action === "cancel" ? "Cancel the sweep" : "Retry the sweep",
    text: [text],
    command: `ml sweep ${action} ${quoteCommand([sweep.name])}${action === "cancel" ? " --yes" : ""}`,
    yes: action === "cancel" ? "end it" : "queue them",
    dangerous: action === "cancel",
    act: () => change(desk, sweep, action),
  });
}
