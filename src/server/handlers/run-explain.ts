/** Why two runs ended with different values of a metric, with other runs of the same script as witnesses. */

import { posix } from "node:path";
import { betterDirection } from "../../core/better-direction.ts";
import { MlError } from "../../core/error.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Manifest } from "../../run/manifest.ts";
import { projectKeys } from "../../run/project.ts";
import { explainGap } from "../../think/explanation.ts";
import { factsOf, type RunFacts } from "../../think/run-facts.ts";
import { comparedPair } from "../compared-pair.ts";
import type { Context } from "../context.ts";
import { readManyFacts } from "../run-facts.ts";
import { catchUp, presentOf } from "./find.ts";

interface Compared {
  facts: RunFacts;
  manifest: Manifest;
}

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

/** Ended runs of the same script in the same project, under every name that either has had; the newest first. */
function sameScript(context: Context, run: RunFacts, manifest: Manifest): string[] {
  const [project] = projectKeys(manifest);
  // Without a project two scripts of one name are the same only where they lie in one folder.
  const script = project === undefined ? posix.resolve(manifest.cwd, run.script) : run.script;
  const where = [
    `script:${JSON.stringify(script)}`,
    ...(project === undefined ? [] : [`project:${JSON.stringify(project)}`]),
  ];
  return context.catalog.finder.findRuns(`${where.join(" ")} status:completed,failed limit:${poolRuns}`, {
    user: context.asker.user,
    present: presentOf(context, null),
    literal: true,
    most: poolRuns,
  }).runIds;
}

/** Runs of the same groups by the same script, and all of the same script in the same project. */
async function poolOf(context: Context, a: Compared, b: Compared): Promise<RunFacts[]> {
  catchUp(context);
  const alike = new Map([a, b].map(({ facts, manifest }) => [facts, new Set(sameScript(context, facts, manifest))]));
  const ids = new Set([a.facts.run_id, b.facts.run_id]);
  for (const group of new Set([a.facts.group, b.facts.group]))
    if (group !== null)
      for (const run of context.catalog.list({ group, status: ["completed", "failed"], limit: poolRuns }))
        ids.add(run.run_id);
  for (const found of alike.values()) for (const runId of found) ids.add(runId);
  const all = await readManyFacts(context, [...ids].slice(0, 2 * poolRuns));
  return all.flatMap((run) => {
    if (run.script === a.facts.script || run.script === b.facts.script) return run;
    // Renamed since, or before: for what is compared here it is the same script.
    for (const [facts, found] of alike) if (found.has(run.run_id)) return { ...run, script: facts.script };
    return [];
  });
}

export async function runExplain(context: Context, body: ParsedBody<"run.explain">): Promise<Reply<"run.explain">> {
  const pair = await comparedPair(context, body);
  const [a, b] = [factsOf(pair.a.manifest, pair.a), factsOf(pair.b.manifest, pair.b)];
  if (a.run_id === b.run_id)
    throw new MlError("usage", `both are the run \`${a.run_id}\`, so there is no gap to explain`);
  const metric = metricOf(a, b, body.metric);
  const compared = [
    { facts: a, manifest: pair.a.manifest },
    { facts: b, manifest: pair.b.manifest },
  ] as const;
  const pool = await poolOf(context, ...compared);
  const end = ({ run_id, name, status }: RunFacts) => ({ run_id, name, status });
  return {
    a: end(a),
    b: end(b),
    pool: pool.length,
    explanation: explainGap({ a, b, metric, pool, differences: pair.facets }),
  };
}
