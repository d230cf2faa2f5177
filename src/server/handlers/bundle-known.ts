/** What of another server's runs is here already. */
import { idHere } from "../../bundle/plan-import.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { hasSnapshot } from "../../run/objects.ts";
import { standingIn } from "../bundle-in.ts";
import { keptContents, keptParts } from "../carried.ts";
import type { Context } from "../context.ts";

export function bundleKnown(context: Context, body: ParsedBody<"bundle.known">): Reply<"bundle.known"> {
  const { base, clock } = context;
  const looking = { standing: standingIn(base), nowMs: clock.nowMs() };
  return {
    run_ids: body.runs.map(({ content, first_id, queued_at }) =>
      idHere({ content, firstId: first_id, queuedAt: queued_at }, looking),
    ),
    snapshots: body.snapshots.filter((name) => hasSnapshot(base, name)),
    kept: keptContents(base),
    once: true,
    parts: keptParts(base),
  };
}
