/** What can be done to a sweep once it is there: `ml sweep list·show·pause·resume·retry·cancel·extend`. */
import { MlError } from "../core/error.ts";
import type { Body } from "../protocol/requests.ts";
import { goalValue, sortedPoints, sweepListPage, sweepPage } from "../view/sweep-page.ts";
import { type Command, type Context, defineCommand, type Positional } from "./command.ts";
import { flag } from "./flags.ts";
import { faceOf, pageText, serverNowMs } from "./page.ts";
import { planFlags, planOf } from "./sweep-plan.ts";

const sweepName: Positional = { name: "SWEEP", about: "name or id of a sweep, the beginning of an id, or `@last`" };

const list = defineCommand({
  name: "list",
  group: "queue",
  summary: "all sweeps, newest first",
  positionals: [],
  flags: { live: flag.on("only those with runs that wait, run, or are missing") },
  examples: [["ml sweep list", "how each stands"]],
  schemas: {
    "ml.sweep.list/1":
      "`sweeps`: each `sweep_id`, `name`, `user`, `state`, `reason`, `created_at`, `command`, `parameters`, `counts`, `best`, `eta`",
  },
  async run(context, args) {
    const connection = await context.connect();
    const { sweeps } = await connection.ask("sweep.list", { all: !args.flags.live });
    const { output } = context;
    output.result({
      schema: "ml.sweep.list/1",
      value: () => ({ sweeps }),
      ids: () => sweeps.map((sweep) => sweep.sweep_id),
      rows: () =>
        sweeps.map(({ sweep_id: id, name, user, state, counts }) => [
          id,
          name,
          user,
          state,
          counts.points,
          counts.completed,
          counts.failed,
          counts.running,
          counts.waiting,
          counts.missing,
        ]),
      human: () => pageText(sweepListPage(sweeps, faceOf(output, serverNowMs(connection))), output),
    });
  },
});

const show = defineCommand({
  name: "show",
  group: "queue",
  summary: "how a sweep stands: its points, best first, and what moved the metric",
  about:
    "With a metric the points are ordered by it, drawn as a parallel plot (an axis a parameter, a line a run), and each parameter's share of the metric's spread is worked out. That share says nothing of parameters acting together.",
  positionals: [sweepName],
  flags: { metric: flag.text("METRIC", "in place of the sweep's own goal", { complete: "metric" }) },
  examples: [["ml sweep show @last --metric val_acc", "the newest, by val_acc"]],
  schemas: {
    "ml.sweep.show/1":
      "`sweep`, `definition`, `points` (each `point`, `run`, `attempts`), `importance` (each `parameter`, `share`, `runs`, `values`)",
  },
  async run(context, args) {
    const connection = await context.connect();
    const reply = await connection.ask("sweep.get", { sweep: args.words[0] ?? "", metric: args.flags.metric });
    const { output } = context;
    const { goal } = reply.definition;
    output.result({
      schema: "ml.sweep.show/1",
      value: () => reply,
      ids: () => reply.points.flatMap((state) => state.run?.run_id ?? []),
      rows: () =>
        sortedPoints(reply).map((state) => [
          state.run?.run_id ?? null,
          state.run?.status ?? "not queued",
          goalValue(state, goal),
          state.run?.seconds ?? null,
          ...reply.sweep.parameters.map((name) => state.point[name] ?? null),
        ]),
      human: () => pageText(sweepPage(reply, faceOf(output, serverNowMs(connection))), output),
    });
  },
});

type Action = Body<"sweep.change">["action"];

async function change(context: Context, body: Body<"sweep.change">): Promise<undefined> {
  const connection = await context.connect();
  const reply = await connection.ask("sweep.change", body, { timeoutMs: 300_000 });
  const { sweep, queued, changed } = reply;
  context.output.result({
    schema: "ml.sweep.change/1",
    value: () => reply,
    ids: () => queued,
    rows: () => [[sweep.sweep_id, sweep.state, changed, queued.length]],
    human: () => `${said(body.action, sweep.name, { changed, queued: queued.length })}\n`,
  });
  return undefined;
}

const count = (number: number) => `${number} ${number === 1 ? "run" : "runs"}`;

function said(action: Action, name: string, { changed, queued }: { changed: number; queued: number }): string {
  if (action === "pause") return `paused ${name}: ${count(changed)} held; what runs goes on`;
  if (action === "cancel") return `cancelled ${name}: ${count(changed)} ended or stopping`;
  if (action === "resume")
    return `resumed ${name}: ${count(changed)} released, ${count(queued)} queued that were missing`;
  if (action === "retry") return `retried ${name}: ${count(queued)} queued`;
  return `extended ${name}: ${count(queued)} queued`;
}

function simple(
  action: Exclude<Action, "extend">,
  words: { summary: string; about: string; example: string },
): Command {
  return defineCommand({
    name: action,
    group: "queue",
    summary: words.summary,
    about: words.about,
    positionals: [sweepName],
    flags: {
      reason: flag.text("TEXT", "why, kept with the sweep and in the audit"),
      ...(action === "cancel" ? { yes: flag.on("do not ask", { short: "y" }) } : {}),
    },
    examples: [[`ml sweep ${action} @last`, words.example]],
    schemas: { "ml.sweep.change/1": "`sweep`, `queued` (ids), `changed` (how many runs)" },
    async run(context, args) {
      const [sweep = ""] = args.words;
      const reason = args.flags.reason as string | null;
      if (action === "cancel" && !(await mayCancel(context, sweep, args.flags.yes === true))) {
        context.output.say("nothing was cancelled");
        return 1;
      }
      return change(context, { sweep, action, reason });
    },
  });
}

async function mayCancel(context: Context, name: string, yes: boolean): Promise<boolean> {
  if (yes) return true;
  const connection = await context.connect();
  const { sweep } = await connection.ask("sweep.get", { sweep: name });
  const live = sweep.counts.waiting + sweep.counts.running;
  if (live <= 1) return true;
  if (!context.terminal.stdin || !context.terminal.stderr) {
    throw new MlError("usage", `this would cancel ${live} runs of ${sweep.name}, and there is no terminal to ask on`, {
      hint: `add \`--yes\`: \`ml sweep cancel ${name} --yes\``,
    });
  }
  return context.confirm(`cancel ${live} runs of ${sweep.name}?`);
}

const extend = defineCommand({
  name: "extend",
  group: "queue",
  summary: "add points to a sweep; those that it has are not run again",
  positionals: [sweepName],
  flags: {
    ...planFlags,
    limit: flag.number("N", "refuse more runs than this; default 1000", { least: 1, most: 100_000, whole: true }),
  },
  examples: [["ml sweep extend @last --grid lr=1e-4 --grid bs=32,64", "two more runs"]],
  schemas: { "ml.sweep.change/1": "`sweep`, `queued` (ids), `changed` (how many runs)" },
  async run(context, args) {
    const { limit } = args.flags;
    return change(context, {
      sweep: args.words[0] ?? "",
      action: "extend",
      plan: planOf(args.flags),
      ...(limit === null ? {} : { limit }),
    });
  },
});

export const sweepActions: Readonly<Record<string, Command>> = {
  list,
  show,
  pause: simple("pause", {
    summary: "hold what waits; what runs goes on",
    about: "`ml sweep resume` releases it.",
    example: "let others go first",
  }),
  resume: simple("resume", {
    summary: "release what is held, and queue what is missing",
    about: "A sweep that was interrupted while it was queued goes on here; nothing is queued twice.",
    example: "go on",
  }),
  retry: simple("retry", {
    summary: "queue failed and cancelled points again",
    about: "Only points whose newest run failed or was cancelled, and those that have none. The runs before stay.",
    example: "only what failed",
  }),
  cancel: simple("cancel", {
    summary: "end what waits and what runs",
    about: "The runs keep all that they left. `ml sweep retry` queues them again.",
    example: "enough",
  }),
  extend,
};
