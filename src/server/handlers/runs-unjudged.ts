/** Ended runs that nobody has said anything final about: what `ml review` goes through. Cancelled runs showed nothing. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { RunRecord } from "../../run/run-record.ts";
import { readManifest } from "../../run/store.ts";
import type { Context } from "../context.ts";
import { expectationOf } from "../expectation.ts";
import { summarise } from "../summary.ts";

const pageRows = 500;

/** One more than `limit`, where there are as many. */
function unjudged(context: Context, body: ParsedBody<"runs.unjudged">): RunRecord[] {
  const { limit, group, tag } = body;
  const user = body.user === undefined ? context.asker.user : (body.user ?? undefined);
  const found: RunRecord[] = [];
  let before: string | undefined;
  for (;;) {
    const page = context.catalog.list({ status: ["completed", "failed"], user, group, tag, before, limit: pageRows });
    found.push(...page.filter((run) => run.validation_status === null && run.problem === null));
    before = page.at(-1)?.run_id;
    if (page.length < pageRows || found.length > limit) return found.slice(0, limit + 1);
  }
}

export async function runsUnjudged(
  context: Context,
  body: ParsedBody<"runs.unjudged">,
): Promise<Reply<"runs.unjudged">> {
  const records = unjudged(context, body);
  const options = { ...context, nowMs: context.clock.nowMs };
  const runs = [];
  for (const record of records.slice(0, body.limit)) {
    const paths = context.base.run(record.run_id);
    const read = readManifest(paths.manifest);
    const expectation = read.kind === "ok" ? await expectationOf(paths, read.manifest, context.clock.nowMs()) : null;
    runs.push({ summary: summarise(record, options), expectation });
  }
  return { runs, more: records.length > body.limit };
}
