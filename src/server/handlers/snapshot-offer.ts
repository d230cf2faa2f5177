/** Which blobs of a tree the server lacks, and what it has that they can be told by. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { hasSnapshot, isWhole, listedHashes, missingBlobs } from "../../run/objects.ts";
import { arrivedOf, knownBases } from "../../transfer/offer.ts";
import type { Context } from "../context.ts";

export async function snapshotOffer(
  context: Context,
  body: ParsedBody<"snapshot.offer">,
): Promise<Reply<"snapshot.offer">> {
  context.disk.requireRoom("sending code");
  const { base } = context;
  const listed = body.listed === null ? [] : listedHashes(base, body.snapshot, body.listed);
  const asked = new Set([...listed, ...body.hashes]);
  const missing = missingBlobs(base, asked);
  const all = missing.length > 0 && missing.length === asked.size;
  return {
    known: missing.length === 0 && isWhole(base, body.snapshot),
    base_known: body.base !== null && hasSnapshot(base, body.base),
    all,
    missing: all ? [] : missing,
    bases: await knownBases(base, { hashes: body.hashes, offered: body.bases, missing: new Set(missing) }),
    arrived: await arrivedOf(base, missing),
  };
}
