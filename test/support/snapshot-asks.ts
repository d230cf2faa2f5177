/** The requests by which code is sent, answered in this process by the server's own handlers. */
import type { BasePaths } from "../../src/run/paths.ts";
import type { Context } from "../../src/server/context.ts";
import { snapshotCommit } from "../../src/server/handlers/snapshot-commit.ts";
import { snapshotKnown } from "../../src/server/handlers/snapshot-known.ts";
import { snapshotOffer } from "../../src/server/handlers/snapshot-offer.ts";

export function answerHere(base: BasePaths, name: string, body: unknown) {
  const context = { base, disk: { requireRoom() {} } } as unknown as Context;
  if (name === "snapshot.known") return snapshotKnown(context, body as never);
  if (name === "snapshot.commit") return snapshotCommit(context, body as never);
  return snapshotOffer(context, body as never);
}
