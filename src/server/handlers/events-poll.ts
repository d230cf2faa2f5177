/** Events for those who poll. A session that has ended is begun again, with a snapshot. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Context } from "../context.ts";
import { serverState } from "../server-state.ts";
import { rowsFor, wantedOf } from "../snapshot-of-runs.ts";

export async function eventsPoll(context: Context, body: ParsedBody<"events.poll">): Promise<Reply<"events.poll">> {
  const known = body.poll_id === undefined ? null : context.polls.find(body.poll_id, context.asker.user);
  if (known !== null) {
    const events = await known.take(body.after, body.wait_ms);
    return { poll_id: known.pollId, seq: known.seq, events, snapshot: null };
  }
  const wanted = wantedOf(context, body);
  const server = await serverState(context);
  const session = context.polls.open(context.asker.user);
  context.hub.subscribe(session, wanted);
  return {
    poll_id: session.pollId,
    seq: session.seq,
    events: [],
    snapshot: { runs: rowsFor(context, wanted), server },
  };
}
