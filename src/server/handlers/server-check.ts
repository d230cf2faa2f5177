/** What can be wrong on the server's side, each with its cure. */
import type { Reply } from "../../protocol/requests.ts";
import { runChecks } from "../checks.ts";
import type { Context } from "../context.ts";

export async function serverCheck(context: Context): Promise<Reply<"server.check">> {
  return { checks: await runChecks(context) };
}
