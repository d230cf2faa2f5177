/** Runs like one, or like one that is about to be queued, with what they yielded. */
import type { Subject } from "../../catalog/similar.ts";
import { MlError } from "../../core/error.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { readManifest, requireManifest } from "../../run/store.ts";
import type { Context } from "../context.ts";
import { idOf } from "../owned.ts";
import { summarise } from "../summary.ts";
import { catchUp } from "./find.ts";

function subjectOf(context: Context, { run, planned }: ParsedBody<"run.similar">): Subject {
  if (run !== undefined) {
    const runId = idOf(context, run);
    const { argv, cwd, environment } = requireManifest(context.base.run(runId));
    return { argv, cwd, snapshot: environment.snapshot, runId };
  }
  if (planned === undefined) throw new MlError("usage", "`run.similar` wants `run` or `planned`");
  return { ...planned, runId: null };
}

export function runSimilar(context: Context, body: ParsedBody<"run.similar">): Reply<"run.similar"> {
  // Somebody who queues does not wait for what has changed a moment ago.
  const behind = body.planned === undefined ? catchUp(context) : context.catalog.search.pending();
  const subject = subjectOf(context, body);
  const options = { ...context, line: context.line.now(), nowMs: context.clock.nowMs };
  return {
    run_id: subject.runId,
    behind,
    runs: context.catalog.similar.of(subject, body.limit).map(({ record, score, sameCode, differs }) => {
      const read = readManifest(context.base.run(record.run_id).manifest);
      const narrative = read.kind === "ok" ? read.manifest.narrative : null;
      return {
        ...{ run: summarise(record, options), score, same_code: sameCode, differs },
        ...{ outcome: narrative?.outcome ?? null, learnings: narrative?.learnings ?? [] },
      };
    }),
  };
}
