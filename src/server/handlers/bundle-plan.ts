/** What would travel of runs to another server, and what tells that server whether it has them. */
import { contentId, firstIdOf } from "../../bundle/content-id.ts";
import { gatherRun } from "../../bundle/gather.ts";
import { breathe } from "../../core/breathe.ts";
import type { TravellingRun } from "../../protocol/bundle-requests.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { isFinal } from "../../run/status.ts";
import { requireManifest } from "../../run/store.ts";
import { requireSealed, sumsText } from "../bundle-out.ts";
import type { Context } from "../context.ts";
import { idsOf } from "../owned.ts";

export async function bundlePlan(context: Context, body: ParsedBody<"bundle.plan">): Promise<Reply<"bundle.plan">> {
  const runIds = idsOf(context, body.runs);
  await requireSealed(context, runIds);
  const runs: TravellingRun[] = [];
  for (const runId of runIds) {
    // Every file of a run is looked at in one turn; others are served between two runs.
    await breathe();
    const paths = context.base.run(runId);
    const manifest = requireManifest(paths);
    const ended = isFinal(manifest.status);
    const files = ended ? gatherRun(paths, body).files : [];
    runs.push({
      run_id: runId,
      name: manifest.name,
      status: manifest.status,
      queued_at: manifest.queued_at,
      first_id: firstIdOf(manifest),
      content: ended ? contentId(manifest, sumsText(paths)) : null,
      snapshot: body.level === "metadata" ? null : manifest.environment.snapshot,
      files: files.length,
      size_bytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
    });
  }
  return { runs };
}
