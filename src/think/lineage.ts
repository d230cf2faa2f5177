/** What follows from what: runs as trees, each with its hypothesis, its verdict and what was meant to come next. */
import type { RunFacts } from "./run-facts.ts";

export interface LineageNode {
  run_id: string;
  name: string;
  user: string;
  status: RunFacts["status"];
  group: string | null;
  at: string;
  hypothesis: string | null;
  outcome: string | null;
  verdict: string | null;
  failure: string | null;
  next_steps: string[];
  metrics: Record<string, number>;
  /** 0 for one that follows from nothing here. */
  depth: number;
  /** For each depth from 1 to its own: whether the branch ends there. */
  last: boolean[];
  /** Its parent, where that is not part of the answer. */
  beyond: string | null;
}

function nodeOf(run: RunFacts, depth: number, last: boolean[]): Omit<LineageNode, "beyond"> {
  const { run_id, name, user, status, group, hypothesis, outcome, verdict, failure, next_steps, metrics } = run;
  return {
    run_id,
    name,
    user,
    status,
    group,
    at: run.queued_at,
    hypothesis,
    outcome,
    verdict,
    failure,
    next_steps,
    metrics,
    depth,
    last,
  };
}

/** Depth first, each branch in order of arrival. A loop in damaged records ends where it closes. */
export function lineageOf(runs: readonly RunFacts[]): LineageNode[] {
  const known = new Map(runs.map((run) => [run.run_id, run]));
  const byArrival = [...runs].sort((a, b) => (a.queued_at < b.queued_at ? -1 : 1));
  const children = Map.groupBy(
    byArrival.filter((run) => run.parent !== null && known.has(run.parent)),
    (run) => run.parent,
  );
  const nodes: LineageNode[] = [];
  const seen = new Set<string>();
  const visit = (run: RunFacts, depth: number, last: boolean[]) => {
    if (seen.has(run.run_id)) return;
    seen.add(run.run_id);
    nodes.push({ ...nodeOf(run, depth, last), beyond: depth === 0 ? run.parent : null });
    const own = children.get(run.run_id) ?? [];
    for (const [index, child] of own.entries()) visit(child, depth + 1, [...last, index === own.length - 1]);
  };
  for (const run of byArrival) if (run.parent === null || !known.has(run.parent)) visit(run, 0, []);
  for (const run of byArrival) visit(run, 0, []);
  return nodes;
}
