/** The server about itself. */
import type { Reply } from "../../protocol/requests.ts";
import type { Context } from "../context.ts";
import { serverState } from "../server-state.ts";

export async function serverStatus(context: Context): Promise<Reply<"server.status">> {
  return {
    ...(await serverState(context)),
    workers: context.workers.states(),
    clients: context.clients(),
    memory_bytes: process.memoryUsage.rss(),
  };
}
