/** One sweep whole: its definition, every point with its run, and what the parameters did to a metric. */

import { betterDirection } from "../../core/better-direction.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { importanceOf } from "../../sweep/importance.ts";
import type { Context } from "../context.ts";
import { requireSweep, standingOf, sweepSummary } from "../sweeps.ts";

export function sweepGet(context: Context, body: ParsedBody<"sweep.get">): Reply<"sweep.get"> {
  const kept = requireSweep(context, body.sweep);
  const metric = body.metric;
  const goal = metric === null ? kept.goal : { metric, direction: betterDirection(metric) ?? ("max" as const) };
  const sweep = { ...kept, goal };
  const known = standingOf(context, sweep);
  return {
    sweep: sweepSummary(context, sweep, known),
    definition: sweep,
    points: known.states,
    importance: goal === null ? [] : importanceOf(known.states, known.names, goal),
  };
}
