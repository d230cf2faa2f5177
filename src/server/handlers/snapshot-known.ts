/** Whether a tree is here whole: asked by every command whose code has not changed. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { isWhole, missingBlobs } from "../../run/objects.ts";
import type { Context } from "../context.ts";

export function snapshotKnown({ base }: Context, body: ParsedBody<"snapshot.known">): Reply<"snapshot.known"> {
  return { known: isWhole(base, body.snapshot) && missingBlobs(base, body.hashes).length === 0 };
}
