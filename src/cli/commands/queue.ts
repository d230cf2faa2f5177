/**
 * `ml queue`: a script or any command into the line, with the code as it is at this moment. What was understood is
 * echoed; nothing that was typed is changed in silence.
 */
import type { Connection } from "../../client/connection.ts";
import { MlError } from "../../core/error.ts";
import type { Submitted } from "../../protocol/requests.ts";
import { similarLines } from "../../view/asked-used.ts";
import { span } from "../../view/face.ts";
import { shortId } from "../../view/mark.ts";
import { safeText } from "../../view/safe-text.ts";
import { submittedLine } from "../../view/submitted-line.ts";
import { readBatch } from "../batch-file.ts";
import { type Code, checkInTree, codeLines, collectCode } from "../code.ts";
import { type Arguments, type Command, type Context, defineCommand } from "../command.ts";
import type { Draft } from "../editor.ts";
import { flag } from "../flags.ts";
import { interruptible } from "../interruptible.ts";
import { faceOf, pageText, sayPage, serverNowMs, talkFace } from "../page.ts";
import { type PlannedRun, planBatch, planRun } from "../planned-run.ts";
import { requireUtf8 } from "../raw-arguments.ts";
import { runFlags } from "../submission.ts";
import { type Submission, submitRuns } from "../submit.ts";

const flags = {
  ...runFlags,
  follow: flag.on("stay, show its output, end with its verdict (exit code 5 where it did not succeed)", { short: "f" }),
  from: flag.text("FILE", "queue every line of FILE, `-` for standard input", { complete: "file" }),
  edit: flag.on("say why in your editor before it is queued", { short: "e", scriptKeeps: true }),
  noCode: flag.on("send no code: the run starts in an empty folder"),
  dryRun: flag.on("check everything and say what would be queued, and queue nothing", { short: "n" }),
  verbose: flag.on("name everything that is left out of the code", { short: "v" }),
};
type QueueFlags = Arguments<typeof flags>["flags"];

export const command: Command = defineCommand({
  name: "queue",
  group: "queue",
  summary: "queue a script or any command, with the code as it is now",
  about: [
    "The folder (with git: tracked and new files that are not ignored; without: all but .mlignore) is frozen as a snapshot, and what changes afterwards changes nothing about the run. Only what the server lacks is sent.",
    "A `.py` file runs with --python, the setting `python`, the active virtual or conda environment where the server is on this machine, or python3. Everything else runs as typed, without a shell.",
    "With --from each line is a command as in a shell (flags before the script, `#` comments, nothing expanded), or a JSON object with `command` or `argv` and the keys `name`, `note`, `priority`, `tags`, `hypothesis`, `context`, `intent`, `expected_outcome`, `parent`, `group`, `requested`, `env`, `held`, `split_output`, `grace_seconds`. All lines are checked before anything is sent.",
  ].join("\n\n"),
  startsServer: true,
  script: true,
  positionals: [
    { name: "SCRIPT", about: "a .py file or a command", complete: "file" },
    { name: "ARGS", about: "its own arguments; after `--` everything is", optional: true, many: true },
  ],
  flags,
  examples: [
    ["ml queue train.py --epochs 5", "python3 train.py --epochs 5"],
    ['ml queue -f --hypothesis "warmup helps" train.py --warmup 500', "say why, and follow it"],
    ['ml queue --expect "val_acc>=0.85 in <4h" train.py', "checked when it ends"],
    ["ml queue --gpus 1 --ram 16G --max-runtime 4h -- ./run.sh x", "any command, with what it needs"],
    ["ml queue --group sweep1 --from runs.txt", "a command a line"],
  ],
  schemas: {
    "ml.queue/1":
      "`runs` (each `run_id`, `name`, `status`, `position`, `eta`, `folder`, `command`, `duplicate`, `similar`: what runs like it took and `proposed`, or null), `dry_run`, `code` (`snapshot`, `root`, `files`, `size_bytes`, `sent_bytes`, `left_out`, or null)",
    "ml.follow/1": "with -f, one line each: `kind` submitted, queued, held, starting, running, log, restarted, ended",
  },
  async run(context, args) {
    requireUtf8(args.script);
    const edited = args.flags.edit ? await (await import("../edit-wishes.ts")).editWishes(context, args.flags) : null;
    const flags = { ...args.flags, ...edited?.flags };
    const runs = await planned(context, { ...args, flags }).catch((cause) => {
      throw edited?.draft.kept(cause, "copy it into the flags") ?? cause;
    });
    if (args.flags.follow && runs.length > 1) {
      throw new MlError("usage", `--follow follows one run, and these are ${runs.length}`, {
        hint: "leave `-f` out and see `ml status --watch`",
      });
    }
    return queueRuns(context, runs, { flags, draft: edited?.draft ?? null });
  },
});

/** True where the worker is on this machine for certain: the embedded server, or its socket. */
function isLocal({ settings }: Context): boolean {
  if (settings.server_url !== null)
    return settings.server_url.startsWith("/") || settings.server_url.startsWith("unix:");
  return settings.worker_host === null;
}

async function planned(context: Context, args: Arguments<typeof flags>): Promise<PlannedRun[]> {
  const { env, settings, cwd } = context;
  const sources = { settings, env, cwd, local: isLocal(context) };
  const { from } = args.flags;
  if (from === null) return [planRun(args.script, args.flags, sources)];
  if (args.script.length > 0) {
    throw new MlError("usage", "`--from` names the commands, and one was typed as well", {
      hint: "leave one of them out",
    });
  }
  return planBatch(await readBatch(from), args.flags, { command, sources });
}

/** What somebody should know of an interpretation, though nothing is wrong with it. */
function remarks(context: Context, { argv, pythonFrom }: PlannedRun): string[] {
  const [program = ""] = argv;
  if (pythonFrom !== null) return [`python: ${safeText(program)} (${pythonFrom} is active)`];
  if (program.includes("/") || !isLocal(context) || Bun.which(program) !== null) return [];
  return [`note: no command \`${safeText(program)}\` is on your PATH; the worker may know it`];
}

/** What a program will check at the end, and what stays text: said while it can still be put differently. */
async function sayExpectations(context: Context, runs: readonly PlannedRun[]): Promise<void> {
  const texts = new Set(runs.flatMap((run) => run.wishes.expected_outcome ?? []));
  if (texts.size === 0) return;
  const [{ parseExpectation }, { clauseText }, { understoodText }] = await Promise.all([
    import("../../think/expectation.ts"),
    import("../../think/expectation-check.ts"),
    import("../../view/expectation-lines.ts"),
  ]);
  for (const text of [...texts].slice(0, saidExpectations)) {
    const { clauses, unread } = parseExpectation(text);
    context.output.say(understoodText({ clauses: clauses.map(clauseText), unread }));
  }
}

const saidExpectations = 5;

interface Given {
  flags: QueueFlags;
  /** What was written with `--edit`; kept until it is queued. */
  draft: Draft | null;
}

async function queueRuns(
  context: Context,
  runs: readonly PlannedRun[],
  { flags: given, draft }: Given,
): Promise<number> {
  const { output } = context;
  for (const line of new Set(runs.flatMap((run) => remarks(context, run)))) output.say(line);
  await sayExpectations(context, runs);
  const outcome = await interruptible(async (stage) => {
    // The tree is looked at while the connection opens; where both fail, the tree is the one to mend first.
    const opening = context.connect();
    opening.catch(() => {});
    const code = given.noCode ? null : await collectCode(context);
    if (code !== null) checkInTree(context, code.tree, runs);
    const connection = await opening;
    const submission = await submitRuns(context, runs, { connection, code, dryRun: given.dryRun, stage });
    return { connection, code, submission };
  }).catch((cause) => {
    throw draft?.kept(cause, "copy it into the flags") ?? cause;
  });
  if (outcome.kind === "interrupted") {
    // Below whatever was being drawn, and the `^C` of the terminal.
    const kept = draft === null ? "" : `; what you typed is in ${draft.path}`;
    output.say(`${context.terminal.stderr ? "\n" : ""}interrupted: nothing was queued${kept}`);
    return 130;
  }
  draft?.discard();
  const { connection, code, submission } = outcome.value;
  report(context, { connection, code, submission, given, runs });
  if (submission.stopped || outcome.interrupted) {
    const { length } = submission.runs;
    const left = runs.length - length;
    output.say(
      `interrupted: ${length === 1 ? "the run was" : `${length} runs were`} queued before that${left > 0 ? `, ${left} were not` : ""}`,
    );
    return 130;
  }
  const [run] = submission.runs;
  if (!given.follow || given.dryRun || run === undefined) return 0;
  return follow(context, { connection, run, split: given.splitOutput });
}

interface Report {
  connection: Connection;
  code: Code | null;
  submission: Submission;
  given: QueueFlags;
  runs: readonly PlannedRun[];
}

function report(context: Context, { connection, code, submission, given, runs }: Report): void {
  const { output } = context;
  const { sent } = submission;
  if (code !== null)
    sayPage(
      context,
      codeLines(code, { sent, verbose: given.verbose, dryRun: given.dryRun }).map((line) => [span(line, "dim")]),
    );
  const lineFor = (index: number) => ({
    dry: given.dryRun,
    held: runs[index]?.wishes.held === true,
  });
  const nowMs = serverNowMs(connection);
  const [planned] = runs;
  const similar = runs.length === 1 ? (submission.runs[0]?.similar ?? null) : null;
  const tellSimilar = () => {
    if (similar !== null && planned !== undefined)
      sayPage(context, similarLines(similar, planned.wishes.requested ?? {}));
  };
  if (given.follow && !given.dryRun) {
    const [run] = submission.runs;
    if (run === undefined) return;
    if (output.mode === "json") output.jsonLine("ml.follow/1", { kind: "submitted", ...run });
    else if (output.mode === "quiet") output.write(`${run.run_id}\n`);
    // Standard output is the script's own.
    else {
      sayPage(context, [submittedLine(run, { face: talkFace(context, nowMs), ...lineFor(0) })]);
      tellSimilar();
    }
    return;
  }
  output.result({
    schema: "ml.queue/1",
    value: () => ({
      runs: submission.runs,
      dry_run: given.dryRun,
      code: code === null ? null : codeValue(code, submission),
    }),
    ids: () => submission.runs.map((run) => run.run_id),
    rows: () =>
      submission.runs.map((run) => [run.run_id, run.name, run.status, run.position, run.eta, run.folder, run.command]),
    human() {
      const face = faceOf(output, nowMs);
      return pageText(
        submission.runs.map((run, index) => submittedLine(run, { face, ...lineFor(index) })),
        output,
      );
    },
  });
  if (output.mode === "human") tellSimilar();
}

function codeValue(code: Code, { sent }: Submission): object {
  const { hash, root, files, sizeBytes, leftOut } = code.tree;
  return {
    snapshot: hash,
    root,
    files: files.length,
    size_bytes: sizeBytes,
    sent_bytes: sent?.wireBytes ?? 0,
    left_out: leftOut,
  };
}

async function follow(
  context: Context,
  options: { connection: Connection; run: Submitted; split: boolean },
): Promise<number> {
  const { connection, run, split } = options;
  const short = shortId(run.run_id);
  const detached = `detached; run ${run.run_id} goes on: \`ml logs -f ${short}\` follows it again, \`ml cancel ${short}\` stops it`;
  return context.detachable(detached, async (signal) => {
    const { followRun, tellVerdict } = await import("../follow.ts");
    const detail = await followRun(context, {
      connection,
      runId: run.run_id,
      streams: split ? ["stdout", "stderr"] : ["output"],
      signal,
      silent: context.output.mode === "quiet",
    });
    return tellVerdict(context, connection, detail);
  });
}
