/** From names to ids. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Context } from "../context.ts";
import { idsOf } from "../owned.ts";

export function runResolve(context: Context, body: ParsedBody<"run.resolve">): Reply<"run.resolve"> {
  return { run_ids: idsOf(context, body.runs, body.many) };
}
