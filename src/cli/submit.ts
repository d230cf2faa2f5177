/**
 * Handing runs to the server: by the hash of their code first; where the server lacks that, the code is sent and the
 * same submission asked again, with the same ids, so that nothing is ever queued twice. In batches where there are many.
 * Ctrl-C before the last step leaves nothing queued; after it, the step is finished and told [C6].
 */
import type { Connection } from "../client/connection.ts";
import { MlError } from "../core/error.ts";
import { limits } from "../protocol/frames.ts";
import type { SubmitSpec, Submitted } from "../protocol/requests.ts";
import type { Sent } from "../transfer/send.ts";
import { type Code, noCode } from "./code.ts";
import type { Context } from "./command.ts";
import type { Stage } from "./interruptible.ts";
import type { PlannedRun } from "./planned-run.ts";

export interface Submission {
  /** In the order in which they were planned; fewer than planned only where `stopped`. */
  runs: Submitted[];
  sent: Sent | null;
  /** Ctrl-C or an error came between two batches: the runs so far are queued, the others are not. */
  stopped: boolean;
}

export interface SubmitOptions {
  connection: Connection;
  /** Null where no tree goes along; a run that brings its own code has that. */
  code: Code | null;
  dryRun: boolean;
  stage: Stage;
}

/** A frame holds less than this; the rest is for its other words. */
const batchBytes = limits.frameBytes - 64 * 1024;

export function specsOf(runs: readonly PlannedRun[], code: Code | null): SubmitSpec[] {
  const fields = code?.fields ?? noCode;
  return runs.map(({ argv, wishes, code: own }) => ({
    ...wishes,
    ...(own ?? fields),
    submit_id: crypto.randomUUID(),
    argv,
  }));
}

/** Batches of at most 250 runs that fit a frame. Throws `too_large` for a run that fits none. */
export function batchesOf(specs: readonly SubmitSpec[]): SubmitSpec[][] {
  const batches: SubmitSpec[][] = [];
  let bytes = 0;
  for (const spec of specs) {
    const size = Buffer.byteLength(JSON.stringify(spec)) + 1;
    if (size > batchBytes) {
      throw new MlError(
        "too_large",
        `the command \`${spec.argv[0]} …\` takes ${size} bytes with its texts, more than ${batchBytes}`,
        {
          hint: "put long arguments into a file next to the script: it becomes part of the snapshot",
        },
      );
    }
    const last = batches.at(-1);
    if (last === undefined || last.length >= limits.submitRuns || bytes + size > batchBytes) {
      batches.push([spec]);
      bytes = size;
    } else {
      last.push(spec);
      bytes += size;
    }
  }
  return batches;
}

function isMissing(cause: unknown): boolean {
  return cause instanceof MlError && cause.code === "snapshot_missing";
}

/** A dry run sends no code: where the server lacks it, everything else is checked. */
async function trySubmit(connection: Connection, runs: SubmitSpec[]): Promise<Submitted[]> {
  try {
    return (await connection.ask("submit", { runs, dry_run: true })).runs;
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
    const bare = runs.map((spec) => ({ ...spec, snapshot: null, git_diff: null, git_upstream_diff: null }));
    return (await connection.ask("submit", { runs: bare, dry_run: true })).runs;
  }
}

/** Throws before anything is queued; errors after the first batch say how many are. */
export async function submitRuns(
  context: Context,
  runs: readonly PlannedRun[],
  options: SubmitOptions,
): Promise<Submission> {
  const { connection, code, stage, dryRun } = options;
  const done: Submission = { runs: [], sent: null, stopped: false };
  const batches = batchesOf(specsOf(runs, code));
  const progress = context.output.progress("queueing", "items");
  for (const batch of batches) {
    done.stopped = stage.interrupted;
    if (done.stopped) break;
    if (dryRun) done.runs.push(...(await trySubmit(connection, batch)));
    else done.runs.push(...(await submitBatch(context, batch, { options, done })));
    if (batches.length > 1) progress.update(done.runs.length, runs.length);
  }
  progress.end();
  return done;
}

async function submitBatch(
  context: Context,
  batch: SubmitSpec[],
  { options, done }: { options: SubmitOptions; done: Submission },
): Promise<Submitted[]> {
  const { connection, code, stage } = options;
  // Asked again, by whatever server is there then, it says the same.
  const body = { runs: batch, new_to: connection.hello.instance };
  const ask = () => stage.finishing(async () => (await connection.ask("submit", body)).runs);
  try {
    return await ask();
  } catch (cause) {
    if (!isMissing(cause) || code === null) throw told(cause, done);
  }
  stage.stopHere();
  const { sendCode } = await import("./send-code.ts");
  stage.stopHere();
  done.sent = await sendCode(context, code, { connection, signal: stage.signal });
  try {
    return await ask();
  } catch (cause) {
    throw told(cause, done);
  }
}

/** What an error of the last step means for what is queued and what is not. */
function told(cause: unknown, done: Submission): unknown {
  if (!(cause instanceof MlError)) return cause;
  const unsure = cause.code === "unreachable" ? { hint: "whether it was queued is not known: see `ml status`" } : {};
  if (done.runs.length === 0) return new MlError(cause.code, cause.message, { ...cause.detail, ...unsure });
  return new MlError(cause.code, `${cause.message}; ${done.runs.length} runs were queued before that`, {
    ...cause.detail,
    ...unsure,
    data: { queued: done.runs.map((run) => run.run_id) },
  });
}
