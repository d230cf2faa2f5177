/**
 * `ml sweep`: one script over many parameters. What it expands to, how many runs that are and what they will take is shown
 * before anything is queued. A sweep is kept as an object; what can be done to one is in ../sweep-actions.ts.
 */
import { MlError } from "../../core/error.ts";
import { nearest } from "../../core/nearest.ts";
import type { QueuedLook } from "../../protocol/data-requests.ts";
import type { Body, Reply } from "../../protocol/requests.ts";
import { span } from "../../view/face.ts";
import { previewLines } from "../../view/sweep-page.ts";
import { checkInTree, codeLines, collectCode } from "../code.ts";
import { type Arguments, type Command, type Context, defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { interruptible, type Stage } from "../interruptible.ts";
import { pageText, sayPage } from "../page.ts";
import { type PlannedRun, planRun } from "../planned-run.ts";
import { submitFlags } from "../queue-runs.ts";
import { askQueuedData, sayQueuedData } from "../queued-data.ts";
import { requireUtf8 } from "../raw-arguments.ts";
import { runFlags } from "../submission.ts";
import { sweepActions } from "../sweep-actions.ts";
import { goalOf, halvingOf, joinPlans, planFlags, planOf, readSweepFile, type SweepFile } from "../sweep-plan.ts";

const { dryRun } = submitFlags;
const flags = {
  ...runFlags,
  ...planFlags,
  dryRun,
  from: flag.text("FILE", "read the sweep from a TOML file; flags add to it", { complete: "file" }),
  maxConcurrent: flag.number("N", "at most so many of its runs at a time", { least: 1, most: 10_000, whole: true }),
  stopIf: flag.text("CONDITION", "cancel what still waits once a run meets it: `val_acc>=0.95`"),
  goal: flag.text("METRIC", "what counts: `val_acc`, `min:loss`; for best-so-far, the plot and the shares", {
    complete: "metric",
  }),
  halving: flag.text(
    "RULE",
    "stop what is behind: `min=3,factor=3` lets the best third of all go on at step 3 of the goal, the best ninth at step 9, …",
  ),
  limit: flag.number("N", "refuse more runs than this; default 1000", { least: 1, most: 100_000, whole: true }),
  skipAnswered: flag.on("queue no run that a completed run of the same code and command has answered"),
  noCode: flag.on("send no code: the runs start in an empty folder"),
  yes: flag.on("do not ask before many runs", { short: "y" }),
};
type Given = Arguments<typeof flags>;
type CreateBody = Body<"sweep.create">;

/** More than this is asked about on a terminal. */
const manyRuns = 50;

export const command: Command = defineCommand({
  name: "sweep",
  group: "queue",
  summary: "queue a script over a grid of parameters; list, show, pause, extend sweeps",
  about: [
    "Every value of each --grid is combined with every value of the others. Values take the place of `{name}` in the script's arguments, or are given as `--name value` (--style says how). The name of the sweep is also the group of its runs, and what --hypothesis and its like say is kept with the group.",
    "Forms of VALUES: `a,b,c` · `32:256:x2` (times 2) · `1:10:3` (plus 3) · `1e-4:1e-1:log4` and `0:1:lin5` (so many, evenly spaced) · with --random also `1e-5:1e-1:log`, `0:1:uniform`, `1:8:int` (any value between).",
    "Interrupted while it is queued, by whatever: `ml sweep resume NAME` queues what is missing, and nothing twice.",
  ].join("\n\n"),
  startsServer: true,
  script: true,
  positionals: [
    { name: "SCRIPT", about: "a .py file or a command", complete: "file" },
    { name: "ARGS", about: "arguments that all runs have; after `--` everything is", optional: true, many: true },
  ],
  flags,
  examples: [
    ["ml sweep train.py --grid lr=1e-3,3e-4 --grid bs=32:256:x2 -- --epochs 10", "eight runs"],
    ["ml sweep train.py --random 20 --seed 1 --grid lr=1e-5:1e-1:log --goal val_acc", "twenty drawn at random"],
    ["ml sweep train.py --grid lr=1e-4:1e-1:log27 --goal val_acc --halving min=1,factor=3", "27, 9, 3, 1 go on"],
    ["ml sweep --from sweep.toml --max-concurrent 2 -n", "what a file would become"],
    ["ml sweep show train-lr-bs", "how it stands, and what moved the metric"],
  ],
  schemas: {
    "ml.sweep/1":
      "`sweep` (null for a dry run), `preview` (`name`, `parameters`, `points`, `count`, `answered`, `estimate`), `dry_run`, `datasets` (as in `ml.queue/1`)",
  },
  actions: sweepActions,
  async run(context, args) {
    requireUtf8(args.script);
    requireScript(args);
    const file = args.flags.from === null ? null : await readSweepFile(args.flags.from);
    return createSweep(context, args, file);
  },
});

/** `ml sweep shw` is no script without parameters, but a mistyped word of ours. */
function requireScript({ script, flags: { grid, zip, from } }: Given): void {
  const [word = ""] = script;
  const near =
    script.length <= 2 && grid.length + zip.length === 0 && from === null
      ? nearest(word, Object.keys(sweepActions))
      : null;
  if (near === null) return;
  throw new MlError("usage", `\`ml sweep\` has no \`${word}\``, { hint: `did you mean \`ml sweep ${near}\`?` });
}

function bodyOf(
  context: Context,
  args: Given,
  file: SweepFile | null,
): { body: CreateBody; script: string | null; wishes: Pick<PlannedRun["wishes"], "datasets"> } {
  const { flags: given } = args;
  if (file !== null && file.words.length > 0 && args.script.length > 0) {
    throw new MlError("usage", "the sweep file names a command, and one was typed as well", {
      hint: "leave one of them out",
    });
  }
  const { env, settings, cwd } = context;
  const local = settings.server_url === null && settings.worker_host === null;
  const words = args.script.length > 0 ? args.script : (file?.words ?? []);
  const planned = planRun(words, given, { settings, env, cwd, local });
  const { name: _, ...wishes } = planned.wishes;
  return {
    script: planned.script,
    wishes,
    body: {
      create_id: crypto.randomUUID(),
      name: given.name ?? file?.name ?? null,
      run: { ...wishes, argv: planned.argv },
      plan: file === null ? planOf(given) : joinPlans(file.plan, planOf(given), args.given),
      max_concurrent: given.maxConcurrent ?? file?.maxConcurrent ?? null,
      stop_if: given.stopIf ?? file?.stopIf ?? null,
      goal: goalOf(given.goal ?? file?.goal ?? null),
      halving: halvingOf(given.halving ?? file?.halving ?? null),
      skip_answered: given.skipAnswered,
      ...(given.limit === null ? {} : { limit: given.limit }),
    },
  };
}

/** Sends the code where the server lacks it; the same `create_id` then makes the same sweep. */
async function create(
  context: Context,
  body: CreateBody,
  options: { code: Awaited<ReturnType<typeof collectCode>> | null; stage: Stage },
): Promise<Reply<"sweep.create">> {
  const { code, stage } = options;
  const connection = await context.connect();
  const ask = () => stage.finishing(() => connection.ask("sweep.create", body, { timeoutMs: createMs }));
  try {
    return await ask();
  } catch (cause) {
    if (!(cause instanceof MlError && cause.code === "snapshot_missing") || code === null) throw cause;
  }
  stage.stopHere();
  const { sendCode } = await import("../send-code.ts");
  const sent = await sendCode(context, code, { connection, signal: stage.signal });
  sayPage(
    context,
    codeLines(code, { sent, verbose: false, dryRun: false }).map((line) => [span(line, "dim")]),
  );
  return ask();
}

/** Thousands of runs take a while to be made durable. */
const createMs = 300_000;

async function createSweep(context: Context, args: Given, file: SweepFile | null): Promise<number> {
  const { output } = context;
  const { dryRun: dry, noCode, skipAnswered, yes } = args.flags;
  const { body, script, wishes } = bodyOf(context, args, file);
  const outcome = await interruptible(async (stage) => {
    const connection = await context.connect();
    const code = noCode ? null : await collectCode(context);
    if (code !== null) {
      checkInTree(context, code.tree, [{ argv: [], pythonFrom: null, wishes: {}, where: null, script }]);
      body.run = { ...body.run, ...code.fields };
    } else body.run = { ...body.run, cwd: ".", snapshot: null, git: null };
    const { preview } = await connection.ask("sweep.create", { ...body, dry_run: true });
    if (output.mode === "human" && !dry) sayPage(context, previewLines(preview, { skipsAnswered: skipAnswered }));
    const asks = preview.count > manyRuns && !yes && context.terminal.stdin && context.terminal.stderr;
    if (dry || (asks && !(await context.confirm(`queue ${preview.count} runs?`)))) return { sweep: null, preview };
    return create(context, body, { code, stage });
  });
  if (outcome.kind === "interrupted") {
    output.say(`${context.terminal.stderr ? "\n" : ""}interrupted: nothing was queued`);
    return 130;
  }
  const reply = outcome.value;
  const asked = output.mode === "quiet" ? [] : askQueuedData(await context.connect(), [{ wishes }]);
  const data = output.mode === "json" ? await asked : [];
  report(context, reply, { dry, skipsAnswered: skipAnswered, data });
  if (output.mode !== "json") await sayQueuedData(context, await asked);
  return outcome.interrupted ? 130 : reply.sweep === null && !dry ? 1 : 0;
}

function report(
  context: Context,
  { sweep, preview }: Reply<"sweep.create">,
  { dry, skipsAnswered, data }: { dry: boolean; skipsAnswered: boolean; data: readonly QueuedLook[] },
): void {
  context.output.result({
    schema: "ml.sweep/1",
    value: () => ({ sweep, preview, dry_run: dry, datasets: data }),
    ids: () => (sweep === null ? [] : [sweep.sweep_id]),
    rows: () => preview.points.map(({ command: line, answered_by: by }) => [sweep?.sweep_id ?? null, line, by]),
    human() {
      if (sweep === null)
        return dry ? pageText(previewLines(preview, { skipsAnswered }), context.output) : "nothing was queued\n";
      const queued = sweep.counts.points - sweep.counts.answered;
      return `queued ${queued} ${queued === 1 ? "run" : "runs"} as sweep ${sweep.name} (${sweep.sweep_id}): \`ml sweep show ${sweep.name}\`\n`;
    },
  });
}
