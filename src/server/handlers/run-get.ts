/** Everything about one run: its row, its manifest, its folder, and which worker has it. */
import { readJsonFile } from "../../core/json-lines.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { requireManifest } from "../../run/store.ts";
import type { Context } from "../context.ts";
import { expectationOf } from "../expectation.ts";
import { idOf, recordOfRun } from "../owned.ts";
import { summarise } from "../summary.ts";

export async function runGet(context: Context, body: ParsedBody<"run.get">): Promise<Reply<"run.get">> {
  const runId = idOf(context, body.run);
  const paths = context.base.run(runId);
  const manifest = requireManifest(paths);
  const record = recordOfRun(context, runId);
  const claim = readJsonFile(paths.claim) as { worker?: unknown } | null;
  return {
    summary: summarise(record, { ...context, nowMs: context.clock.nowMs }),
    manifest,
    folder: paths.folder,
    worker: typeof claim?.worker === "string" ? claim.worker : null,
    expectation: await expectationOf(paths, manifest, context.clock.nowMs()),
  };
}
