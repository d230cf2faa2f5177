/** Which blobs of a tree the server lacks, and what it has that they can be told by. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { hasSnapshot, missingBlobs } from "../../run/objects.ts";
import { arrivedOf, knownBases } from "../../transfer/offer.ts";
import type { Context } from "../context.ts";

export async function snapshotOffer(
  context: Context,
  body: ParsedBody<"snapshot.offer">,
): Promise<Reply<"snapshot.offer">> {
  context.disk.requireRoom("sending code");
  const { base } = context;
  const missing = missingBlobs(base, body.hashes);
  const all = missing.length > 0 && missing.length === new Set(body.hashes).size;
  return {
    known: hasSnapshot(base, body.snapshot),
    base_known: body.base !== null && hasSnapshot(base, body.base),
    all,
    missing: all ? [] : missing,
    bases: await knownBases(base, body.bases, new Set(missing)),
    arrived: await arrivedOf(base, missing),
  };
}
