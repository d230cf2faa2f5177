/** What became of a reproduction: the run beside its source, within a tolerance or the noise of earlier repeats. */
import { MlError } from "../../core/error.ts";
import { compareRuns } from "../../keep/compare.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Manifest } from "../../run/manifest.ts";
import { sameArguments, signatureOf } from "../../run/past-run.ts";
import { readManifest, requireManifest } from "../../run/store.ts";
import type { Context } from "../context.ts";
import { idOf } from "../owned.ts";

/** Of the newest runs of the same script, so many are looked at. */
const looked = 500;
const mostRepeats = 50;

function pastOf(context: Context, source: Manifest): Manifest[] {
  const signature = signatureOf(source);
  return context.catalog.past
    .ofScript(signature.script, looked)
    .filter((past) => sameArguments(past.args, signature.args))
    .flatMap((past) => {
      const read = readManifest(context.base.run(past.run_id).manifest);
      return read.kind === "ok" ? [read.manifest] : [];
    });
}

function isRepeat(run: Manifest, source: Manifest): boolean {
  const { environment, cwd, status } = run;
  const sameCode = environment.snapshot === source.environment.snapshot && cwd === source.cwd;
  return status === "completed" && sameCode && JSON.stringify(run.argv) === JSON.stringify(source.argv);
}

/** The run that was named where it is a reproduction, else the newest reproduction of it. */
function findReproduction(context: Context, runId: string): { source: Manifest; again: Manifest } {
  const named = requireManifest(context.base.run(runId));
  const isOne = (run: Manifest) => run.lineage.kind === "reproduce" && run.lineage.source_run !== null;
  if (isOne(named)) return { source: requireManifest(context.base.run(named.lineage.source_run ?? "")), again: named };
  const live = context.catalog
    .list({ status: ["running", "starting", "queued"], limit: looked })
    .map((run) => readManifest(context.base.run(run.run_id).manifest))
    .flatMap((read) => (read.kind === "ok" ? [read.manifest] : []));
  const all = [...live, ...pastOf(context, named)].filter((run) => isOne(run) && run.lineage.source_run === runId);
  const newest = all.sort((a, b) => (b.launch.sequence ?? 0) - (a.launch.sequence ?? 0))[0];
  if (newest !== undefined) return { source: named, again: newest };
  throw new MlError("not_found", `run \`${runId}\` has not been reproduced yet`, {
    hint: `\`ml reproduce ${runId}\` does it`,
  });
}

export function runReproduced(context: Context, body: ParsedBody<"run.reproduced">): Reply<"run.reproduced"> {
  const { source, again } = findReproduction(context, idOf(context, body.run));
  const earlier = pastOf(context, source).filter(
    (run) =>
      isRepeat(run, source) && run.run_id !== again.run_id && (run.launch.sequence ?? 0) < (again.launch.sequence ?? 0),
  );
  const tolerance = body.tolerance ?? again.launch.reproduce?.tolerance ?? null;
  return compareRuns(source, again, { tolerance, repeats: earlier.slice(0, mostRepeats), names: body.names });
}
