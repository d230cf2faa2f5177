/**
 * Takes runs into the line, all or none. From the one fsync of the intake journal on they survive everything; a
 * repeated `submit_id` gives the run made for it before, across restarts.
 *
 * Between looking for duplicates and the journal nothing is awaited, so two requests cannot make the same run twice.
 */

import { isoTime } from "../../core/clock.ts";
import { MlError, systemCode } from "../../core/error.ts";
import { fault } from "../../core/fault.ts";
import { quoteCommand } from "../../core/shell-quote.ts";
import type { Similar } from "../../protocol/foresight.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { hasBlob } from "../../run/blobs.ts";
import type { Manifest } from "../../run/manifest.ts";
import { hasSnapshot } from "../../run/objects.ts";
import { whileRelying } from "../../run/reliance.ts";
import type { RunRecord } from "../../run/run-record.ts";
import { predictedOf } from "../../schedule/predict.ts";
import type { Context } from "../context.ts";
import { draftRuns, type Spec } from "../draft.ts";
import { foreseer, similarOf } from "../foresee.ts";
import { originsOf } from "../lineage.ts";
import { requireReproducible } from "../reproducible.ts";
import { dryRuns, submittedRuns } from "../submitted.ts";

const amounts = [
  ["ram_gb", "RAM"],
  ["disk_gb", "disk"],
  ["gpu_memory_gb", "GPU memory"],
] as const;

/** With nothing it would be stopped at its first look, and with less than nothing it would lend to others. */
function asksForNothing(requested: Spec["requested"]): string | null {
  const { max_runtime_hours: hours } = requested;
  if (hours !== null && !(hours > 0)) return "its time limit would stop it before it starts";
  const none = amounts.find(([key]) => requested[key] !== null && !(requested[key] > 0));
  return none === undefined ? null : `it asks for no ${none[1]} at all`;
}

/** What can never fit is refused now, as long as the workers that could say so are known. */
export function requireFit(context: Context, specs: readonly Pick<Spec, "argv" | "requested">[]): void {
  const judged = new Set<string>();
  for (const spec of specs) {
    // Each look goes through the heartbeats, and many runs ask for the same.
    const shape = JSON.stringify(spec.requested);
    if (judged.has(shape)) continue;
    judged.add(shape);
    const nothing = asksForNothing(spec.requested);
    if (nothing !== null)
      throw new MlError("refused", `queueing \`${quoteCommand(spec.argv).slice(0, 200)}\` was refused: ${nothing}`, {
        hint: "say how much it needs, or leave that out",
      });
    const reason = context.workers.cannotEver(spec.requested);
    if (reason === null) continue;
    throw new MlError("refused", `queueing \`${quoteCommand(spec.argv).slice(0, 200)}\` was refused: ${reason}`, {
      hint: "ask for less; `ml workers` shows what there is",
    });
  }
}

function requireCode(context: Context, specs: readonly Spec[]): void {
  const snapshots = new Set(specs.flatMap((spec) => (spec.snapshot === null ? [] : [spec.snapshot])));
  const lacking = [...snapshots].filter((hash) => !hasSnapshot(context.base, hash));
  const diffs = new Set(specs.flatMap((spec) => [spec.git_diff ?? [], spec.git_upstream_diff ?? []].flat()));
  const blobs = [...diffs].filter((hash) => !hasBlob(context.base, hash));
  if (lacking.length + blobs.length === 0) return;
  throw new MlError(
    "snapshot_missing",
    `the server lacks ${lacking.length} snapshots and ${blobs.length} other blobs`,
    {
      hint: "send them first (`ml queue` does)",
      data: { snapshots: lacking, blobs },
    },
  );
}

/** Runs made for these submissions before, by submit_id. Throws `conflict` where another user took the id. */
function madeBefore(context: Context, specs: readonly Spec[]): Map<string, RunRecord> {
  const found = new Map<string, RunRecord>();
  const seen = new Set<string>();
  for (const { submit_id: submitId } of specs) {
    if (seen.has(submitId)) throw new MlError("usage", `\`submit_id\` \`${submitId}\` stands twice in one request`);
    seen.add(submitId);
    const record = context.catalog.bySubmission(submitId);
    if (record === null) continue;
    if (record.user !== context.asker.user && context.asker.role !== "admin") {
      throw new MlError("conflict", `the submission \`${submitId}\` was taken from another user`);
    }
    found.set(submitId, record);
  }
  return found;
}

const without = (specs: readonly Spec[], known: ReadonlyMap<string, unknown>) =>
  specs.filter((spec) => !known.has(spec.submit_id));

function take(context: Context, manifests: readonly Manifest[]): RunRecord[] {
  context.disk.requireRoom(manifests.length === 1 ? "queueing" : `queueing ${manifests.length} runs`);
  let records: RunRecord[] = [];
  try {
    context.intake.take(manifests, () => {
      records = context.catalog.insert(manifests);
    });
  } catch (cause) {
    if (systemCode(cause) !== "SQLITE_FULL") throw cause;
    throw new MlError("no_space", "queueing failed: the disk with the index is full", {
      hint: "free some space (`df -h`), then try again: nothing was half-written",
    });
  }
  return records;
}

/** Puts into each manifest what runs like it took; gives the same by run id. */
function foreseeAll(context: Context, manifests: readonly Manifest[]): Map<string, Similar> {
  const foresee = foreseer(context.catalog);
  const known = new Map<string, Similar>();
  for (const manifest of manifests) {
    const prediction = foresee(manifest);
    if (prediction === null) continue;
    manifest.resources.predicted = predictedOf(prediction);
    known.set(manifest.run_id, similarOf(prediction));
  }
  return known;
}

/** What a run that is queued alone is told of its start is kept with it, so that anybody can see how often that holds. */
function foretellStart(context: Context, manifests: readonly Manifest[]): void {
  const [manifest] = manifests;
  if (manifest === undefined || manifests.length > 1) return;
  const [told] = dryRuns(context, [manifest]);
  if (told?.eta == null || told.eta_range === null) return;
  manifest.launch.expected_start = { low: told.eta_range.low, likely: told.eta, high: told.eta_range.high };
}

export function submit(context: Context, body: ParsedBody<"submit">): Promise<Reply<"submit">> {
  // Files that are staged are kept some turns before the runs refer to them.
  return whileRelying(() => submitNow(context, body));
}

async function submitNow(context: Context, body: ParsedBody<"submit">): Promise<Reply<"submit">> {
  const unknown = without(body.runs, madeBefore(context, body.runs));
  // A submission that comes again may have been made into one of the runs that are still being read.
  const mayBeOld = body.new_to !== context.identity.instance && !body.dry_run;
  if (unknown.length > 0 && mayBeOld) await context.reindexing.requireWhole("queueing");
  if (unknown.length > 0) await context.quota.requireRoom(context.asker.user);
  const origins = await originsOf(context, unknown, { dryRun: body.dry_run });
  // While files were copied the same submission may have come again: from here on all is one turn, until it is taken.
  const before = madeBefore(context, body.runs);
  const fresh = without(unknown, before);
  requireCode(context, fresh);
  requireFit(context, fresh);
  requireReproducible(context, fresh, body.dry_run);
  const manifests = draftRuns(context, fresh, {
    queuedAt: isoTime(context.clock.nowMs()),
    origins,
    dryRun: body.dry_run,
  });
  const similar = foreseeAll(context, manifests);
  if (body.dry_run) return { runs: dryRuns(context, manifests, similar) };
  foretellStart(context, manifests);
  const records = manifests.length === 0 ? [] : take(context, manifests);
  if (records.length > 0) {
    await context.feeder.add(manifests);
    fault("server/after-enqueue");
    context.pokeWorker();
    context.queueLooks.queued(manifests);
    context.audit.note(context.asker, { action: "submit", runs: records.map((record) => record.run_id) });
    for (const record of records) context.hub.announce(record);
  }
  const made = new Map(manifests.map((manifest, index) => [manifest.launch.submit_id, records[index]]));
  fault("server/before-reply");
  const all = body.runs.map(({ submit_id: submitId }) => {
    const record = before.get(submitId) ?? made.get(submitId);
    if (record === undefined) throw new Error(`the submission ${submitId} was lost`);
    return record;
  });
  const known = new Set([...before.values()].map((record) => record.run_id));
  const also = ({ run_id: runId }: RunRecord) => ({ duplicate: known.has(runId), similar: similar.get(runId) ?? null });
  return { runs: submittedRuns(context, all, also) };
}
