/** Frees what artifacts of ended runs take; with `dry_run` only says what would go. Manifests, logs and env/ always stay. */
import { breathe } from "../../core/breathe.ts";
import { isoTime } from "../../core/clock.ts";
import { MlError } from "../../core/error.ts";
import { filterText, type PruneFilter, planPrune, pruneFiles } from "../../keep/prune.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { readManifest } from "../../run/store.ts";
import type { Context } from "../context.ts";
import { ownedRuns } from "../owned.ts";

type Body = ParsedBody<"run.prune">;

const shownFiles = 100;
const mostRuns = 100_000;

/** The named runs, or all ended ones of the asker; of everybody for an administrator who says so. */
function chosenRuns(context: Context, body: Body): { run_id: string; name: string; user: string }[] {
  if (body.runs !== undefined) return ownedRuns(context, body.runs, "prune");
  const { asker, catalog } = context;
  if (body.all_users && asker.role !== "admin")
    throw new MlError("not_allowed", "pruning the runs of everybody was refused", {
      hint: "only an administrator may do that",
    });
  const filter = body.all_users ? {} : { user: asker.user };
  return catalog.list({ ...filter, status: ["completed", "failed", "cancelled"], limit: mostRuns });
}

function filterOf(body: Body): PruneFilter {
  const filter = {
    olderThanMs: body.older_than_seconds === undefined ? null : body.older_than_seconds * 1000,
    largerThanBytes: body.larger_than_bytes ?? null,
    patterns: body.patterns,
    superseded: body.superseded,
  };
  const open = filter.olderThanMs === null && filter.largerThanBytes === null && filter.patterns.length === 0;
  if (body.runs === undefined && open && !filter.superseded) {
    throw new MlError("usage", "pruning was refused: nothing says which artifacts are meant, so all of them would be", {
      hint: "name runs, or give `--superseded`, `--older-than 30d`, `--larger-than 100M` or `--pattern '*.ckpt'`",
    });
  }
  return filter;
}

export async function runPrune(context: Context, body: Body): Promise<Reply<"run.prune">> {
  const filter = filterOf(body);
  const runs = chosenRuns(context, body);
  const reply: Reply<"run.prune"> = { dry_run: body.dry_run, runs: [], files: 0, size_bytes: 0 };
  const nowMs = context.clock.nowMs();
  for (const { run_id: runId, name, user } of runs) {
    // One run's files are looked at in one turn; others are served between two runs.
    await breathe();
    const paths = context.base.run(runId);
    const read = readManifest(paths.manifest);
    if (read.kind !== "ok") continue;
    const files = planPrune(paths, read.manifest, { base: context.base, filter, nowMs });
    if (files.length === 0) continue;
    const sizeBytes = files.reduce((sum, file) => sum + file.size_bytes, 0);
    const largest = [...files].sort((a, b) => b.size_bytes - a.size_bytes).slice(0, shownFiles);
    reply.runs.push({ run_id: runId, name, user, files: files.length, size_bytes: sizeBytes, largest });
    reply.files += files.length;
    reply.size_bytes += sizeBytes;
    if (body.dry_run) continue;
    pruneFiles(paths, files, { by: context.asker.user, at: isoTime(nowMs), reason: filterText(filter) });
    context.quota.forget(user);
  }
  if (!body.dry_run && reply.runs.length > 0)
    context.audit.note(context.asker, { action: "prune", runs: reply.runs.map((run) => run.run_id) });
  return reply;
}
