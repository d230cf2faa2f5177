/** Stops the server; runs go on under their own supervisors. */
import type { Reply } from "../../protocol/requests.ts";
import type { Context } from "../context.ts";

export function serverStop(context: Context): Reply<"server.stop"> {
  context.audit.note(context.asker, { action: "server.stop" });
  setTimeout(() => context.stop(`asked by ${context.asker.user}`), 20);
  const { running, starting } = context.catalog.totals();
  return { pid: process.pid, running: running + starting };
}
