/** All sweeps, newest first, each with how it stands. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { listSweeps } from "../../sweep/record.ts";
import type { Context } from "../context.ts";
import { sweepSummary } from "../sweeps.ts";

const shown = 200;

export function sweepList(context: Context, body: ParsedBody<"sweep.list">): Reply<"sweep.list"> {
  const summaries = listSweeps(context.base)
    .slice(0, shown)
    .map((sweep) => sweepSummary(context, sweep));
  const isLive = ({ counts }: (typeof summaries)[number]) => counts.waiting + counts.running + counts.missing > 0;
  return { sweeps: body.all ? summaries : summaries.filter(isLive) };
}
