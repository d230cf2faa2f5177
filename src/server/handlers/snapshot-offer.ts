/** Which blobs of a tree the server lacks. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { hasSnapshot, missingBlobs } from "../../run/objects.ts";
import type { Context } from "../context.ts";

export function snapshotOffer(context: Context, body: ParsedBody<"snapshot.offer">): Reply<"snapshot.offer"> {
  context.disk.requireRoom("sending code");
  return { known: hasSnapshot(context.base, body.snapshot), missing: missingBlobs(context.base, body.hashes) };
}
