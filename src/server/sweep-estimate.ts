/** What the runs of a sweep will take together, by runs like them. */
import type { SweepPreview } from "../protocol/sweep-requests.ts";
import { signatureOf } from "../run/past-run.ts";
import { predict } from "../schedule/predict.ts";
import type { Context } from "./context.ts";
import type { Spec } from "./sweep-queueing.ts";

const looked = 150;

/** Null where no run of the script has completed. Hours of work, not of waiting: how many go at a time is not in it. */
export function estimateOf(context: Context, spec: Spec, count: number): SweepPreview["estimate"] {
  const environment = { git_remote: spec.git?.remote ?? null };
  const signature = signatureOf({
    argv: spec.argv,
    cwd: spec.cwd,
    environment,
    resources: { requested: spec.requested },
  } as Parameters<typeof signatureOf>[0]);
  const prediction = predict(context.catalog.past.ofScript(signature.script, looked), signature);
  const seconds = prediction?.seconds?.middle;
  if (prediction === null || seconds == null) return null;
  return { seconds_each: seconds, hours: (seconds * count) / 3600, runs: prediction.runs };
}
