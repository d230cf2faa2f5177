/** Why a run waits: every reason that the plan has, and the names of the runs in them. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Blocker } from "../../run/blocker.ts";
import { readManifest } from "../../run/store.ts";
import { venvNeed } from "../../run/venv-lock.ts";
import type { Context } from "../context.ts";
import { idOf, recordOfRun } from "../owned.ts";
import { summarise } from "../summary.ts";

/** Every run that a reason names. */
function runsIn(blocker: Blocker): string[] {
  switch (blocker.kind) {
    case "parent":
    case "head":
      return [blocker.run_id];
    case "turn":
      return [blocker.next];
    case "user_runs":
    case "group_limit":
      return blocker.runs;
    case "resource":
      return blocker.held_by.map(({ run_id }) => run_id);
    default:
      return [];
  }
}

/** It asked to wait for its data, and no worker has all of it. */
function dataBlockers({ base, workers }: Context, runId: string): Blocker[] {
  const read = readManifest(base.run(runId).manifest);
  if (read.kind !== "ok" || read.manifest.launch.data_policy !== "wait") return [];
  const alive = workers.states().filter((state) => state.alive);
  const isReady = (checksum: string | null) =>
    alive.some(({ data }) => {
      if (data === null || data.mode === "off" || checksum === null) return true;
      return data.in_place.includes(checksum) || data.copies.some((copy) => copy.checksum === checksum);
    });
  const cold = read.manifest.datasets.filter(({ checksum }) => !isReady(checksum)).map(({ name }) => name);
  const need = venvNeed(read.manifest);
  if (need !== null && !alive.some(({ venvs }) => venvs === null || venvs.ready.includes(need)))
    cold.push(`the environment of ${read.manifest.environment.venv?.lock}`);
  return cold.length === 0 ? [] : [{ kind: "data", datasets: cold }];
}

export function runWhy(context: Context, body: ParsedBody<"run.why">): Reply<"run.why"> {
  const runId = idOf(context, body.run);
  const record = recordOfRun(context, runId);
  const line = context.line.now();
  const blockers = record.status === "queued" ? [...dataBlockers(context, runId), ...line.why(runId)] : [];
  line.foresee([runId]);
  const known = context.catalog.many([...new Set(blockers.flatMap(runsIn))]);
  return {
    run: summarise(record, { ...context, line, nowMs: context.clock.nowMs }),
    blockers,
    named: [...known.values()].map(({ run_id, name, user, status }) => ({ run_id, name, user, status })),
  };
}
