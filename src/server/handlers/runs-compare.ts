/** Several runs side by side, only what varies. */

import { betterDirection } from "../../core/better-direction.ts";
import { MlError } from "../../core/error.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { requireManifest } from "../../run/store.ts";
import { compareRuns } from "../../think/comparison.ts";
import type { RunFacts } from "../../think/run-facts.ts";
import { chosenRuns } from "../chosen-runs.ts";
import type { Context } from "../context.ts";
import { readManyFacts } from "../run-facts.ts";

const mostRuns = 500;

/** Best first where the metric's name says which way that is, else most first; runs without it last. */
function sorted(runs: RunFacts[], metric: string | undefined): RunFacts[] {
  if (metric === undefined) return runs;
  const sign = betterDirection(metric) === "min" ? 1 : -1;
  const value = (run: RunFacts) => run.metrics[metric] ?? run.parameters[metric];
  return runs.toSorted((a, b) => {
    const [left, right] = [value(a), value(b)];
    if (typeof left !== "number" || typeof right !== "number")
      return (typeof left === "number" ? 0 : 1) - (typeof right === "number" ? 0 : 1);
    return sign * (left - right);
  });
}

export async function runsCompare(context: Context, body: ParsedBody<"runs.compare">): Promise<Reply<"runs.compare">> {
  const { sort, metrics, all, ...scope } = body;
  const { runs, ...rest } = chosenRuns(context, scope, mostRuns);
  const facts = await readManyFacts(
    context,
    runs.map((run) => run.run_id),
  );
  const read = new Set(facts.map(({ run_id }) => run_id));
  const lost = runs.filter(({ run_id }) => !read.has(run_id));
  // Who names a run wants that run; of a group, those that are left.
  if (scope.runs !== undefined) for (const { run_id } of lost) requireManifest(context.base.run(run_id));
  if (facts.length === 0) throw new MlError("not_found", "no run is of that group, tag, user and time");
  const compared = compareRuns(sorted(facts, sort), { metrics: metrics ?? null, all });
  const warnings = lost.map(({ run_id }) => `\`${run_id}\` is left out: its manifest is gone or damaged`);
  return { ...compared, warnings: [...compared.warnings, ...warnings], ...rest };
}
