/** Why two runs ended with different values of a metric, with other runs of the same script as witnesses. */

import { betterDirection } from "../../core/better-direction.ts";
import { MlError } from "../../core/error.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { explainGap } from "../../think/explanation.ts";
import { factsOf, type RunFacts } from "../../think/run-facts.ts";
import { comparedPair } from "../compared-pair.ts";
import type { Context } from "../context.ts";
import { readManyFacts } from "../run-facts.ts";

const poolRuns = 1000;
const held = /(^|[_/.-])(val|valid|validation|test|eval|dev)([_/.-]|$)/i;
const derived = /^(best|final)_|^training_time_hours$/;

/** The asked one, or the most telling that both have: held-out before trained, named better before unnamed. */
function metricOf(a: RunFacts, b: RunFacts, wanted: string | undefined): string {
  const shared = Object.keys(a.metrics).filter((name) => b.metrics[name] !== undefined);
  if (wanted !== undefined) {
    if (shared.includes(wanted)) return wanted;
    const lacking = [a, b].filter((run) => run.metrics[wanted] === undefined).map((run) => `\`${run.run_id}\``);
    throw new MlError("not_found", `${lacking.join(" and ")} recorded no number for the metric \`${wanted}\``, {
      hint: shared.length === 0 ? "they share no metric" : `both have ${shared.join(", ")}`,
    });
  }
  const rank = (name: string) =>
    (held.test(name) ? 2 : 0) + (betterDirection(name) === "max" ? 1 : 0) - (derived.test(name) ? 4 : 0);
  const [best] = shared.sort((one, other) => rank(other) - rank(one));
  if (best !== undefined) return best;
  throw new MlError("not_found", "the two runs share no metric, so there is no gap to explain", {
    hint: `see how they differ: \`ml diff ${a.run_id} ${b.run_id}\``,
  });
}

/** Runs of the same groups, and the newest of the same names, whatever they are called now; the script decides. */
async function poolOf(context: Context, a: RunFacts, b: RunFacts): Promise<RunFacts[]> {
  const ids = new Set([a.run_id, b.run_id]);
  const groups = new Set([a.group, b.group].filter((group) => group !== null));
  const ended = ["completed", "failed"] as const;
  for (const group of groups)
    for (const run of context.catalog.list({ group, status: ended, limit: poolRuns })) ids.add(run.run_id);
  for (const run of context.catalog.list({ status: ended, limit: poolRuns }))
    if (run.command.includes(a.script)) ids.add(run.run_id);
  const all = await readManyFacts(context, [...ids].slice(0, 2 * poolRuns));
  return all.filter((run) => run.script === a.script || run.script === b.script);
}

export async function runExplain(context: Context, body: ParsedBody<"run.explain">): Promise<Reply<"run.explain">> {
  const pair = await comparedPair(context, body);
  const [a, b] = [factsOf(pair.a.manifest, pair.a), factsOf(pair.b.manifest, pair.b)];
  const metric = metricOf(a, b, body.metric);
  const pool = await poolOf(context, a, b);
  const end = ({ run_id, name, status }: RunFacts) => ({ run_id, name, status });
  return {
    a: end(a),
    b: end(b),
    pool: pool.length,
    explanation: explainGap({ a, b, metric, pool, differences: pair.facets }),
  };
}
