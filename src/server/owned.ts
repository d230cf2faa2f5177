/** From the names in a request to runs that the asker may change: own runs, or any for an administrator. */

import { resolveRun, resolveRuns } from "../catalog/resolve.ts";
import { MlError } from "../core/error.ts";
import type { RunRecord } from "../run/run-record.ts";
import type { Context } from "./context.ts";

/** Ids of all references, each once, in the order given. Errors of resolveRuns. */
export function idsOf(context: Context, references: readonly string[], many = true): string[] {
  const { user } = context.asker;
  return [...new Set(references.flatMap((text) => resolveRuns(context.catalog, text, { user, many })))];
}

/** The one run that a reference means. Errors of resolveRun. */
export function idOf(context: Context, reference: string): string {
  return resolveRun(context.catalog, reference, context.asker.user);
}

/** The catalog's row of a run, read anew from its folder. Throws `not_found`. */
export function recordOfRun(context: Context, runId: string): RunRecord {
  const record = context.catalog.apply(runId);
  if (record === null) throw new MlError("not_found", `there is no run \`${runId}\``);
  return record;
}

/** The runs of a request, all of which the asker may change. Throws `not_allowed` (noted in the audit) before any change. */
export function ownedRuns(context: Context, references: readonly string[], action: string): RunRecord[] {
  const records = idsOf(context, references).map((runId) => recordOfRun(context, runId));
  const { asker } = context;
  const foreign = records.filter((record) => record.user !== asker.user);
  if (foreign.length > 0 && asker.role !== "admin") {
    const [first] = foreign;
    context.audit.note(asker, {
      action,
      runs: foreign.map((record) => record.run_id),
      result: "refused",
      detail: "not the owner",
    });
    throw new MlError(
      "not_allowed",
      `${action} of run \`${first?.run_id}\` was refused: it belongs to \`${first?.user}\``,
      {
        hint: "only its owner or an administrator may do that",
      },
    );
  }
  return records;
}
