/** A page of runs, newest first. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Context } from "../context.ts";
import { idOf } from "../owned.ts";
import { summarise } from "../summary.ts";

export function runsList(context: Context, body: ParsedBody<"runs.list">): Reply<"runs.list"> {
  const { before, limit, ...filter } = body;
  const records = context.catalog.list({
    ...filter,
    limit: limit + 1,
    ...(before === undefined ? {} : { before: idOf(context, before) }),
  });
  const page = records.slice(0, limit);
  const options = { ...context, line: context.line.now(), nowMs: context.clock.nowMs };
  return {
    runs: page.map((record) => summarise(record, options)),
    next: records.length > limit ? (page.at(-1)?.run_id ?? null) : null,
  };
}
