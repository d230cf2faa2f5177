/** Keeps a tree all of whose blobs have arrived. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { storeSnapshot } from "../../run/objects.ts";
import type { Context } from "../context.ts";

export function snapshotCommit(context: Context, body: ParsedBody<"snapshot.commit">): Reply<"snapshot.commit"> {
  context.disk.requireRoom("storing a snapshot");
  return { snapshot: storeSnapshot(context.base, body.tree) };
}
