/** Bytes of a log, exactly: as text where they are UTF-8, else in base64. Bounded, and resumable by offset. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { isFinal } from "../../run/status.ts";
import type { Context } from "../context.ts";
import { readLogChunk, startOfTail } from "../log-bytes.ts";
import { idOf, recordOfRun } from "../owned.ts";

export async function logRead(context: Context, body: ParsedBody<"log.read">): Promise<Reply<"log.read">> {
  const runId = idOf(context, body.run);
  const paths = context.base.run(runId);
  const file =
    body.stream === "output" ? paths.outputLog : body.stream === "stdout" ? paths.stdoutLog : paths.stderrLog;
  // Read before the bytes: what was final then can have no more bytes than are read after.
  const known = context.catalog.get(runId) ?? recordOfRun(context, runId);
  const ended = isFinal(known.status);
  const offset = body.offset ?? (await startOfTail(file, body));
  const chunk = await readLogChunk(file, { offset, limit: body.limit, ended });
  return { run_id: runId, ...chunk, ended };
}
