/**
 * `ml debug RUN`: what a run ran, once more, on a terminal, with Python's own debugger where it failed. Here where the run
 * ran on this machine and had no GPUs to itself; else as a run of its own on the worker's machine, which takes its turn
 * like any other. The run that is looked at stays as it is.
 */
import * as fs from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Connection } from "../../client/connection.ts";
import { MlError } from "../../core/error.ts";
import { quoteCommand } from "../../core/shell-quote.ts";
import type { Reply } from "../../protocol/requests.ts";
import { shortId } from "../../view/mark.ts";
import { safeText } from "../../view/safe-text.ts";
import { attachTo } from "../attach-to.ts";
import { type Arguments, type Command, type Context, defineCommand } from "../command.ts";
import { type DebugPlan, debugPlan, type FailingLine, failingLine, shellArgv } from "../debug-plan.ts";
import { type Launched, readLaunch } from "../debug-surroundings.ts";
import { changedArguments, codeOfSource, derivedRun, derivedWishes, readSource, type Source } from "../derived-run.ts";
import { flag } from "../flags.ts";
import { interruptible } from "../interruptible.ts";
import { fetchFile } from "../run-files.ts";
import { runFlags } from "../submission.ts";
import { submitRuns } from "../submit.ts";

/** Somebody sits at it: it may last longer than the script would. */
const sittingHours = 4;
const longestLaunchBytes = 4 * 1024 * 1024;

const flags = {
  ...runFlags,
  break: flag.on("stop before the line that failed, each time it is reached, and not only at the exception"),
  fromStart: flag.on("stop before the first line"),
  shell: flag.on("a shell in that place, whatever the command is"),
  here: flag.on("in this terminal, also where the run ran elsewhere or had GPUs"),
  queue: flag.on("as a run of its own on the worker's machine, on a terminal, also where it could be here"),
  keep: flag.on("keep the folder of a session here"),
  dryRun: flag.on("say what would be done, and do nothing", { short: "n" }),
};

export const command: Command = defineCommand({
  name: "debug",
  group: "queue",
  summary: "what a failed run ran, again, in a terminal under pdb where it failed",
  about: [
    "The exact code, arguments and environment of RUN. Python runs under its own pdb and goes on until the exception is there again; then you are at the line of your code that failed, with all its variables. Where RUN left no traceback it stops before the first line. What is no single Python process gets a shell in that place, with its command at hand.",
    "Where RUN ran on this machine and had no GPUs, the session is in this terminal, in a folder of its own that goes afterwards; with code that you changed there, it stays, and `ml queue` from there makes a child of RUN. Else it is queued as a run on a terminal (`--tty`) that waits for its turn and its GPUs, tagged `debug`, and attached to. RUN itself stays as it is.",
    `A queued session may last ${sittingHours} hours, or as long as RUN was allowed to, unless --max-runtime says otherwise. Flags that say what a run asks for are for a queued one.`,
  ].join("\n\n"),
  positionals: [{ name: "RUN", about: "the run to look into", complete: "run" }],
  flags,
  examples: [
    ["ml debug @failed", "at the line where the last failed run failed"],
    ["ml debug k3f9ab --break", "also before that line, each time"],
    ["ml debug k3f9ab --shell", "a shell in its code and environment"],
    ["ml debug k3f9ab --queue --gpus 1", "on the worker's machine, with a GPU of its own"],
  ],
  schemas: {
    "ml.debug/1":
      "with --dry-run: `run_id`, `where` (here, queue), `how` (pdb, shell), `why` (of a shell; else null), `command`, `failing` (null, or `path` and `line`)",
  },
  async run(context, args) {
    const [run = ""] = args.words;
    const { here, queue, dryRun } = args.flags;
    if (here && queue)
      throw new MlError("usage", "`--here` and `--queue` exclude each other", { hint: "give one of them" });
    if (!dryRun) requireTerminals(context, run);
    const connection = await context.connect();
    const source = await readSource(connection, run);
    const launched = await launchOf(connection, source);
    const failing = failingLine(source.manifest.failure?.traceback ?? null, launched.folder);
    const looked: Looked = { source, launched, failing };
    const inPlace = here || (!queue && ranHere(source) && source.manifest.resources.requested.gpus === 0);
    if (!inPlace) await requireReach(connection, source);
    if (dryRun) return tellPlan(context, args, { ...looked, inPlace });
    sayWhere(context, looked);
    sayMachine(context, source, inPlace ? hostname() : connection.hello.host);
    if (!inPlace) return debugThere(context, connection, { ...looked, args });
    const { debugHere } = await import("../debug-session.ts");
    const planFor = (argv: string[], work: string) => planOf(args, looked, { argv, work });
    return debugHere(context, connection, { ...looked, planFor, keep: args.flags.keep });
  },
});

type Given = Arguments<typeof flags>;

interface Looked {
  source: Source;
  launched: Launched;
  failing: FailingLine | null;
}

function requireTerminals({ terminal, output }: Context, run: string): void {
  if (terminal.stdin && terminal.stdout && output.mode === "human") return;
  throw new MlError("usage", "`ml debug` is for a person at a terminal, and this is none", {
    hint: `\`ml debug ${run} --dry-run\` says what it would do; \`ml info ${run}\` shows the traceback`,
  });
}

/** How it was started. Throws `conflict` for what is not over, or never began. */
async function launchOf(connection: Connection, { manifest }: Source): Promise<Launched> {
  const { run_id: runId, status } = manifest;
  if (status === "queued" || status === "starting" || status === "running") {
    const hint =
      status === "running" && manifest.launch.tty
        ? `ml attach ${shortId(runId)}`
        : `wait for its end (\`ml wait ${shortId(runId)}\`), or queue it with \`--tty\` and \`breakpoint()\` in it`;
    throw new MlError("conflict", `run \`${runId}\` is ${status}: there is nothing yet to look back at`, { hint });
  }
  const never = (cause?: string) =>
    new MlError("conflict", `run \`${runId}\` never started, so there is no environment to repeat`, {
      cause: manifest.failure?.message ?? cause,
      hint: manifest.failure?.hint ?? `ml requeue ${shortId(runId)} --tty`,
    });
  try {
    const { body, totalBytes } = await fetchFile(connection, { runId, path: ".run/launch.sh" });
    if (totalBytes > longestLaunchBytes) throw never("how it was started is longer than it can be");
    const launched = readLaunch(await new Response(body as unknown as ReadableStream).text());
    if (launched !== null) return launched;
  } catch (cause) {
    if (!(cause instanceof MlError) || cause.code !== "not_found") throw cause;
  }
  throw never();
}

/** It ran on this machine, and its folder is here to be seen. */
function ranHere({ manifest, folder }: Reply<"run.get">): boolean {
  return manifest.resources.host === hostname() && fs.existsSync(join(folder, "run_manifest.json"));
}

/**
 * The terminal of a run is a device of the machine that it runs on, and the server reaches its own alone; nobody chooses which
 * worker takes a run. Throws `conflict` where a session might start out of reach.
 */
async function requireReach(connection: Connection, { manifest }: Source): Promise<void> {
  const { host: reached } = connection.hello;
  const { workers } = await connection.ask("workers", { watch: false });
  const far = workers.find((worker) => worker.alive && worker.host !== reached)?.host;
  if (far === undefined) return;
  const { run_id: runId, resources } = manifest;
  const ranOn =
    resources.host === null || resources.host === reached ? "" : `run \`${runId}\` ran on \`${resources.host}\`, and `;
  const place =
    resources.host === null || resources.host === reached
      ? ""
      : `; on \`${resources.host}\` itself it is that run's machine`;
  throw new MlError(
    "conflict",
    `${ranOn}a session that is queued may start on \`${far}\`, where this server on \`${reached}\` reaches no terminal`,
    { hint: `\`ml debug ${shortId(runId)} --here\` is in this terminal, on this machine${place}` },
  );
}

function sayMachine({ output }: Context, { manifest }: Source, host: string): void {
  const ranOn = manifest.resources.host;
  if (ranOn !== null && ranOn !== host)
    output.say(
      `it ran on \`${safeText(ranOn)}\`, and this is on \`${safeText(host)}\`: hardware and what is installed may differ`,
    );
}

function planOf(args: Given, { source, failing }: Looked, at: { argv: string[]; work: string | null }): DebugPlan {
  const { shell, fromStart, python } = args.flags;
  const argv =
    python === null
      ? at.argv
      : changedArguments(
          { ...source, manifest: { ...source.manifest, argv: at.argv } },
          { words: [], mode: "append", python },
        );
  if (shell) return { how: "shell", argv, why: "you asked for one" };
  return debugPlan(argv, { failing, cwd: source.manifest.cwd, work: at.work, breaks: args.flags.break, fromStart });
}

function tellPlan(context: Context, args: Given, looked: Looked & { inPlace: boolean }): number {
  const { source, launched, failing, inPlace } = looked;
  const plan = planOf(args, looked, { argv: inPlace ? launched.argv : source.manifest.argv, work: null });
  const line = quoteCommand(plan.argv);
  const runId = source.manifest.run_id;
  const where = inPlace ? "here" : "queue";
  const why = plan.how === "shell" ? plan.why : null;
  context.output.result({
    schema: "ml.debug/1",
    value: () => ({
      run_id: runId,
      where,
      how: plan.how,
      why,
      command: line,
      failing: failing === null ? null : { path: failing.path, line: failing.line },
    }),
    ids: () => [runId],
    rows: () => [[runId, where, plan.how, line, why, failing === null ? null : `${failing.path}:${failing.line}`]],
    human() {
      const place = inPlace ? "in this terminal" : "as a run on the worker's machine";
      const how = plan.how === "pdb" ? "under pdb" : `in a shell, because ${plan.why}`;
      return `${place}, ${how}: ${safeText(line)}\n`;
    },
  });
  return 0;
}

function sayWhere({ output }: Context, { source, failing }: Looked): void {
  const { failure, run_id: runId } = source.manifest;
  const at = failing === null ? "" : ` at ${safeText(failing.path)}:${failing.line}`;
  output.say(
    `${runId}: ${failure === null ? `${source.manifest.status}` : `${failure.kind}${at}: ${safeText(failure.message)}`}`,
  );
  if (failure !== null && failing === null)
    output.say("it left no traceback of its own code, so pdb stops before the first line");
}

/** As a run of its own, which waits for its turn; then our terminal is its. */
async function debugThere(context: Context, connection: Connection, looked: Looked & { args: Given }): Promise<number> {
  const { source, args } = looked;
  const { manifest } = source;
  const plan = planOf(args, looked, { argv: manifest.argv, work: null });
  const argv = plan.how === "pdb" ? plan.argv : shellArgv(plan);
  const asked = derivedWishes(source, args, context);
  const allowed = manifest.resources.requested.max_runtime_hours;
  const hours = args.given.has("maxRuntime")
    ? asked.requested?.max_runtime_hours
    : Math.max(sittingHours, allowed ?? 0);
  const run = derivedRun(argv, {
    wishes: {
      ...asked,
      name: args.flags.name ?? `debug-${manifest.name}`.slice(0, 128),
      tags: [...new Set([...(asked.tags ?? []), "debug"])],
      // Its figures are not those of an experiment.
      group: args.flags.group as string | null,
      expected_outcome: null,
      requested: { ...asked.requested, max_runtime_hours: hours ?? null },
      ...(args.given.has("maxRuntime") ? {} : { warn_signal: null, warn_seconds: null }),
      retries: args.flags.retries ?? 0,
      notify: args.flags.notify as "ended" | "failed" | "never" | null,
      split_output: false,
      tty: true,
      parent: args.flags.parent,
    },
    code: codeOfSource(source),
    lineage: { kind: "requeue", source: manifest.run_id },
  });
  const outcome = await interruptible((stage) =>
    submitRuns(context, [run], { connection, code: null, dryRun: false, stage }),
  );
  const [submitted] = outcome.kind === "done" ? outcome.value.runs : [];
  if (submitted === undefined) {
    context.output.say("interrupted: nothing was queued");
    return 130;
  }
  context.output.say(`queued ${submitted.run_id}: ${safeText(submitted.command)}`);
  await attachTo(context, connection, submitted.run_id);
  return 0;
}
