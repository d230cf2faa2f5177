/** A snapshot, and every event after it on this connection. Snapshot and subscription happen in one turn: no gap. */
import { MlError } from "../../core/error.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Context } from "../context.ts";
import { serverState } from "../server-state.ts";
import { rowsFor, wantedOf } from "../snapshot-of-runs.ts";

export async function subscribe(context: Context, body: ParsedBody<"subscribe">): Promise<Reply<"subscribe">> {
  const { sink } = context.asker;
  if (sink === null) {
    throw new MlError("usage", "`subscribe` needs a WebSocket", { hint: "by HTTP, ask `events.poll`" });
  }
  const wanted = wantedOf(context, body);
  const server = await serverState(context);
  context.hub.subscribe(sink, wanted);
  return { seq: sink.seq, runs: rowsFor(context, wanted), server };
}
