/** The first page of everything: the server, its workers, what runs, what waits in which order, what ended last. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Context } from "../context.ts";
import { waitingRows } from "../line-rows.ts";
import { serverState } from "../server-state.ts";
import { summarise } from "../summary.ts";

export async function status(context: Context, body: ParsedBody<"status">): Promise<Reply<"status">> {
  const { catalog } = context;
  const user = body.user ?? null;
  const server = await serverState(context);
  const filter = user === null ? {} : { user };
  const options = { ...context, nowMs: context.clock.nowMs };
  const under = catalog.list({ ...filter, limit: body.limit, status: ["running", "starting"] });
  const recent = catalog.list({ ...filter, limit: body.limit, status: ["completed", "failed", "cancelled"] });
  return {
    server,
    workers: context.workers.states(),
    running: under.map((record) => summarise(record, options)),
    waiting: waitingRows(context, body.limit, user),
    recent: recent.map((record) => summarise(record, options)),
    totals: catalog.totals(),
    eta_accuracy: context.forecasts.accuracy(),
  };
}
