/**
 * Hands planned runs to the server and reports on them: the last half of every command that queues something. What
 * was understood is echoed; with --follow one run is followed to its end.
 */
import type { Connection } from "../client/connection.ts";
import { MlError } from "../core/error.ts";
import type { QueuedLook } from "../protocol/data-requests.ts";
import type { Submitted } from "../protocol/requests.ts";
import { similarLines } from "../view/asked-used.ts";
import { span } from "../view/face.ts";
import { shortId } from "../view/mark.ts";
import { submittedLine } from "../view/submitted-line.ts";
import { reasonLines } from "../view/why-page.ts";
import { type Code, checkInTree, codeLines, collectCode } from "./code.ts";
import type { Context } from "./command.ts";
import { askSimilar } from "./duplicates.ts";
import type { Draft } from "./editor.ts";
import { flag } from "./flags.ts";
import { interruptible } from "./interruptible.ts";
import { faceOf, pageText, sayPage, serverNowMs, talkFace } from "./page.ts";
import type { PlannedRun } from "./planned-run.ts";
import { askQueuedData, sayQueuedData } from "./queued-data.ts";
import { type Submission, submitRuns } from "./submit.ts";

/** Flags of every command that queues. */
export const submitFlags = {
  follow: flag.on("stay, show its output, end with its verdict (exit code 5 where it did not succeed)", { short: "f" }),
  dryRun: flag.on("check everything and say what would be queued, and queue nothing", { short: "n" }),
};

export interface QueueOptions {
  /** Name and version of the JSON result, such as `ml.queue/1`. */
  schema: string;
  /** The tree around the folder in which the command was typed goes along; else each run brings its code, or has none. */
  collects: boolean;
  follow: boolean;
  dryRun: boolean;
  /** Names everything that is left out of the code. */
  verbose: boolean;
  /** What was written in an editor; kept until it is queued. */
  draft?: Draft | null;
  /** Says so where the run has run before, or its like in vain. */
  minds?: boolean;
  /** More keys of the JSON result. */
  more?: Readonly<Record<string, unknown>>;
}

/** Throws `usage` where several runs are to be followed. */
export function checkFollow(follow: boolean, runs: readonly PlannedRun[]): void {
  if (!follow || runs.length <= 1) return;
  throw new MlError("usage", `--follow follows one run, and these are ${runs.length}`, {
    hint: "leave `-f` out and see `ml status --watch`",
  });
}

/** What a program will check at the end, and what stays text: said while it can still be put differently. */
async function sayExpectations(context: Context, runs: readonly PlannedRun[]): Promise<void> {
  const texts = new Set(runs.flatMap((run) => run.wishes.expected_outcome ?? []));
  if (texts.size === 0) return;
  const [{ parseExpectation }, { clauseText }, { understoodText }] = await Promise.all([
    import("../think/expectation.ts"),
    import("../think/expectation-check.ts"),
    import("../view/expectation-lines.ts"),
  ]);
  for (const text of [...texts].slice(0, saidExpectations)) {
    const { clauses, unread } = parseExpectation(text);
    context.output.say(understoodText({ clauses: clauses.map(clauseText), unread }));
  }
}

const saidExpectations = 5;

/** Queues them all or nothing of a batch. Returns the exit code of the command. */
export async function queueRuns(context: Context, runs: readonly PlannedRun[], given: QueueOptions): Promise<number> {
  const { output } = context;
  const { draft = null } = given;
  await sayExpectations(context, runs);
  const outcome = await interruptible(async (stage) => {
    // The tree is looked at while the connection opens; where both fail, the tree is the one to mend first.
    const opening = context.connect();
    opening.catch(() => {});
    const code = given.collects ? await collectCode(context) : null;
    if (code !== null) checkInTree(context, code.tree, runs);
    const connection = await opening;
    const like = given.minds && output.mode !== "quiet" ? askSimilar(connection, runs, code) : [];
    const submission = await submitRuns(context, runs, { connection, code, dryRun: given.dryRun, stage });
    return { connection, code, submission, like: await like };
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
  const { connection, code, submission, like } = outcome.value;
  // Asked when the runs are in the line: nothing of the submission waits for it, and with -f the run is followed meanwhile.
  const asked = output.mode === "quiet" ? Promise.resolve([]) : askQueuedData(connection, runs);
  const follows = given.follow && !given.dryRun;
  const isInResult = output.mode === "json" && !follows;
  report(context, { connection, code, submission, given, runs, data: isInResult ? await asked : [] });
  if (like.length > 0) {
    const { duplicateLines } = await import("../view/similar-page.ts");
    sayPage(context, duplicateLines(like, talkFace(context, serverNowMs(connection))));
  }
  if (submission.stopped || outcome.interrupted) {
    const { length } = submission.runs;
    const left = runs.length - length;
    output.say(
      `interrupted: ${length === 1 ? "the run was" : `${length} runs were`} queued before that${left > 0 ? `, ${left} were not` : ""}`,
    );
    return 130;
  }
  const telling = isInResult ? null : asked.then((looks) => tellData(context, looks));
  const [run] = submission.runs;
  if (!follows || run === undefined) {
    await telling;
    return 0;
  }
  return follow(context, { connection, run, split: runs[0]?.wishes.split_output === true });
}

async function tellData(context: Context, looks: readonly QueuedLook[]): Promise<void> {
  if (context.output.mode !== "json") return sayQueuedData(context, looks);
  if (looks.length > 0) context.output.jsonLine("ml.follow/1", { kind: "data", datasets: looks });
}

interface Report {
  connection: Connection;
  code: Code | null;
  submission: Submission;
  given: QueueOptions;
  runs: readonly PlannedRun[];
  data: readonly QueuedLook[];
}

function report(context: Context, { connection, code, submission, given, runs, data }: Report): void {
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
    schema: given.schema,
    value: () => ({
      runs: submission.runs,
      dry_run: given.dryRun,
      code: code === null ? null : codeValue(code, submission),
      datasets: data,
      ...given.more,
    }),
    ids: () => submission.runs.map((run) => run.run_id),
    rows: () =>
      submission.runs.map((run) => [run.run_id, run.name, run.status, run.position, run.eta, run.folder, run.command]),
    human() {
      const face = faceOf(output, nowMs);
      return pageText(
        submission.runs.flatMap((run, index) => [
          submittedLine(run, { face, ...lineFor(index) }),
          ...(given.dryRun ? reasonLines(run.waits_for, face) : []),
        ]),
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
    const { followRun, tellVerdict } = await import("./follow.ts");
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
