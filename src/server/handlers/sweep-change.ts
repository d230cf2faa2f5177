/** Pausing, going on with, adding to and ending a sweep; by its owner or an administrator. */
import { MlError } from "../../core/error.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { RunRecord } from "../../run/run-record.ts";
import { isFinal } from "../../run/status.ts";
import type { Sweep } from "../../sweep/definition.ts";
import { pointKey } from "../../sweep/expand.ts";
import type { PointState } from "../../sweep/standing.ts";
import { endRuns } from "../cancellation.ts";
import type { Context } from "../context.ts";
import { queuePoints } from "../sweep-queueing.ts";
import { currentRuns, expansionOf, isHalved, keepSweep, ownedSweep, standingOf, sweepSummary } from "../sweeps.ts";
import { changeWaiting } from "../waiting-change.ts";

type Body = ParsedBody<"sweep.change">;
interface Done {
  queued: string[];
  changed: number;
}

const isMissing = (sweep: Sweep) => (state: PointState) =>
  state.run === null && !(pointKey(state.point) in sweep.answered);
const isWaiting = (record: RunRecord) => record.status === "queued";

async function setHeld(context: Context, sweep: Sweep, held: boolean): Promise<number> {
  const records = currentRuns(context, sweep, (record) => isWaiting(record) && record.held !== held);
  if (records.length === 0) return 0;
  const action = held ? "hold" : "release";
  await changeWaiting(context, records, { action, field: "launch.held", value: held, queue: { held } });
  return records.length;
}

async function queueChosen(context: Context, sweep: Sweep, chosen: (state: PointState) => boolean): Promise<string[]> {
  return queuePoints(context, sweep, { states: standingOf(context, sweep).states, chosen });
}

function requirePlan(sweep: Sweep, body: Body): void {
  if (body.plan === null)
    throw new MlError("usage", "extending a sweep needs parameters", { hint: "try `--grid lr=1e-4`" });
  const style = sweep.plans[0]?.style;
  if (style !== undefined) body.plan.style = style;
  // As its first plan has it, so that values that it has are not run again as others.
  body.plan.few_digits = sweep.plans[0]?.few_digits ?? true;
  expansionOf(body.plan, body.limit);
  sweep.plans.push(body.plan);
}

async function act(context: Context, sweep: Sweep, body: Body): Promise<Done> {
  const keep = (state: Sweep["state"]) => {
    sweep.state = state;
    sweep.reason = state === "active" ? null : (body.reason ?? null);
    keepSweep(context, sweep, { action: body.action, reason: body.reason ?? null });
  };
  switch (body.action) {
    case "pause":
      keep("paused");
      return { queued: [], changed: await setHeld(context, sweep, true) };
    case "resume": {
      keep("active");
      const changed = await setHeld(context, sweep, false);
      return { queued: await queueChosen(context, sweep, isMissing(sweep)), changed };
    }
    case "retry": {
      keep("active");
      const ended = ({ run }: PointState) =>
        run !== null && (run.status === "failed" || (run.status === "cancelled" && !isHalved(sweep, run)));
      const queued = await queueChosen(context, sweep, (state) => ended(state) || isMissing(sweep)(state));
      return { queued, changed: 0 };
    }
    case "extend": {
      requirePlan(sweep, body);
      keep(sweep.state === "paused" ? "paused" : "active");
      return { queued: await queueChosen(context, sweep, isMissing(sweep)), changed: 0 };
    }
    case "cancel": {
      keep("cancelled");
      const live = currentRuns(context, sweep, (record) => !isFinal(record.status));
      const wish = { by: context.asker.user, now: false, reason: body.reason ?? `sweep ${sweep.name} was cancelled` };
      await endRuns(context, live, wish);
      return { queued: [], changed: live.length };
    }
  }
}

export async function sweepChange(context: Context, body: Body): Promise<Reply<"sweep.change">> {
  const sweep = ownedSweep(context, body.sweep, body.action);
  const done = await act(context, sweep, body);
  context.audit.note(context.asker, {
    action: `sweep ${body.action}`,
    detail: `${sweep.sweep_id} ${body.reason ?? ""}`.trim(),
  });
  return { sweep: sweepSummary(context, sweep), ...done };
}
