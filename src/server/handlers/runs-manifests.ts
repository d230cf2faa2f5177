/** Manifests of many runs, a frame of them at a time: what takes runs one by one would ask a thousand times. */
import { limits } from "../../protocol/frames.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Manifest } from "../../run/manifest.ts";
import { requireManifest } from "../../run/store.ts";
import type { Context } from "../context.ts";
import { idsOf } from "../owned.ts";

export function runsManifests(context: Context, body: ParsedBody<"runs.manifests">): Reply<"runs.manifests"> {
  const manifests: Manifest[] = [];
  let bytes = 0;
  for (const runId of idsOf(context, body.runs)) {
    const manifest = requireManifest(context.base.run(runId));
    bytes += Buffer.byteLength(JSON.stringify(manifest));
    if (bytes > limits.frameBytes && manifests.length > 0) break;
    manifests.push(manifest);
  }
  return { manifests };
}
