/** What of another server's runs is here already. */
import { firstIdOf } from "../../bundle/content-id.ts";
import { idHere } from "../../bundle/plan-import.ts";
import { isForeign } from "../../core/foreign-origin.ts";
import { isRunId } from "../../core/ids.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { hasSnapshot } from "../../run/objects.ts";
import type { BasePaths } from "../../run/paths.ts";
import { readManifest } from "../../run/store.ts";
import { standingIn } from "../bundle-in.ts";
import { keptContents, keptParts } from "../carried.ts";
import type { Context } from "../context.ts";

/** A run of another tracker has this id, which follows from where it comes from. */
function isAsBefore(base: BasePaths, firstId: string): boolean {
  if (!isRunId(firstId)) return false;
  const read = readManifest(base.run(firstId).manifest);
  return read.kind === "ok" && isForeign(read.manifest) && firstIdOf(read.manifest) === firstId;
}

export function bundleKnown(context: Context, body: ParsedBody<"bundle.known">): Reply<"bundle.known"> {
  const { base, clock } = context;
  const looking = { standing: standingIn(base), nowMs: clock.nowMs() };
  const runIds = body.runs.map(({ content, first_id, queued_at }) =>
    idHere({ content, firstId: first_id, queuedAt: queued_at }, looking),
  );
  return {
    run_ids: runIds,
    as_before: body.runs.map(({ first_id }, at) =>
      runIds[at] == null && isAsBefore(base, first_id) ? first_id : null,
    ),
    snapshots: body.snapshots.filter((name) => hasSnapshot(base, name)),
    kept: keptContents(base),
    once: true,
    parts: keptParts(base),
  };
}
