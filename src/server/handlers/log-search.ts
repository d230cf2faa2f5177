/** The line of a log that holds a text, forward or backward from a byte. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Context } from "../context.ts";
import { searchLog } from "../log-search.ts";
import { idOf } from "../owned.ts";

export async function logSearch(context: Context, body: ParsedBody<"log.search">): Promise<Reply<"log.search">> {
  const runId = idOf(context, body.run);
  const { outputLog, stdoutLog, stderrLog } = context.base.run(runId);
  const file = { output: outputLog, stdout: stdoutLog, stderr: stderrLog }[body.stream];
  return { run_id: runId, ...(await searchLog(file, body)) };
}
