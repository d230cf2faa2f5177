/**
 * What need not be tried again as it was: hypotheses that a run or a group refuted, and set-ups that failed every time, in
 * the same way, at least twice. A set-up that worked once is no dead end, whatever failed before it.
 */
import type { ParameterValue } from "../run/parameters.ts";
import type { GroupWords } from "./lessons.ts";
import { isPlace, isSeed, type RunFacts, signatureOf } from "./run-facts.ts";

export interface DeadEnd {
  kind: "refuted" | "always_failed";
  /** The hypothesis, or where nobody wrote one, what was set up. */
  what: string;
  /** Outcome and lessons in the words of whoever drew them; of a failure its message. */
  because: string | null;
  /** `gpu_oom` and its like; null for what was refuted. */
  failure: string | null;
  /** Newest first; for a group the runs are not listed. */
  runs: { run_id: string; name: string; user: string; at: string }[];
  group: string | null;
  parameters: Record<string, ParameterValue>;
  at: string;
}

const leastFailures = 2;

function setUp(run: RunFacts): Record<string, ParameterValue> {
  return Object.fromEntries(Object.entries(run.parameters).filter(([name]) => !isSeed(name) && !isPlace(name)));
}

const setUpText = (run: RunFacts) => {
  const parameters = Object.entries(setUp(run)).map(([name, value]) => `${name}=${value}`);
  return [run.script, ...parameters].join(" ");
};

const because = (outcome: string | null, learnings: readonly string[]) => {
  const parts = [outcome, ...learnings].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join("; ");
};

const ends = (runs: readonly RunFacts[]) =>
  runs.map(({ run_id, name, user, queued_at }) => ({ run_id, name, user, at: queued_at }));

function refuted(runs: readonly RunFacts[]): DeadEnd[] {
  const judged = runs.filter((run) => run.verdict === "refutes");
  return [...Map.groupBy(judged, (run) => run.hypothesis ?? setUpText(run))].map(([what, same]) => {
    const [newest] = same as [RunFacts];
    const told = same.find((run) => run.outcome !== null || run.learnings.length > 0) ?? newest;
    return {
      kind: "refuted",
      what,
      because: because(told.outcome, told.learnings),
      failure: null,
      runs: ends(same),
      group: newest.group,
      parameters: setUp(newest),
      at: newest.ended_at ?? newest.queued_at,
    };
  });
}

function alwaysFailed(runs: readonly RunFacts[]): DeadEnd[] {
  const ended = runs.filter((run) => run.status === "failed" || run.status === "completed");
  const setUps = Map.groupBy(ended, (run) => signatureOf(run, { code: true }));
  return [...setUps.values()].flatMap((same): DeadEnd[] => {
    const [newest] = same as [RunFacts];
    const kinds = new Set(same.map((run) => run.failure));
    if (same.length < leastFailures || kinds.size !== 1 || newest.failure === null) return [];
    return [
      {
        kind: "always_failed",
        what: setUpText(newest),
        because: newest.failure_message,
        failure: newest.failure,
        runs: ends(same),
        group: newest.group,
        parameters: setUp(newest),
        at: newest.ended_at ?? newest.queued_at,
      },
    ];
  });
}

function refutedGroups(groups: readonly GroupWords[]): DeadEnd[] {
  return groups
    .filter((group) => group.verdict === "refutes")
    .map(({ group, hypothesis, outcome, learnings, at }) => ({
      kind: "refuted",
      what: hypothesis ?? `group ${group}`,
      because: because(outcome, learnings),
      failure: null,
      runs: [],
      group,
      parameters: {},
      at,
    }));
}

/** Newest first. `runs` newest first. */
export function collectDeadEnds(runs: readonly RunFacts[], groups: readonly GroupWords[]): DeadEnd[] {
  const all = [...refutedGroups(groups), ...refuted(runs), ...alwaysFailed(runs)];
  return all.sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
}
