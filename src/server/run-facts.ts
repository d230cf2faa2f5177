/** Facts of runs for comparison and memory, read from their folders; the last few thousand are kept by what tells a change. */
import * as fs from "node:fs";
import { CodeFiles } from "../catalog/code-files.ts";
import { breathe } from "../core/breathe.ts";
import { configBytes, runParameters } from "../run/config-parameters.ts";
import type { Manifest } from "../run/manifest.ts";
import { readManifest } from "../run/store.ts";
import { factsOf, type RunFacts } from "../think/run-facts.ts";
import type { Context } from "./context.ts";

const kept = new Map<string, { stamp: string; facts: RunFacts }>();
/** More than one question looks at: the next one finds them all. */
const keptRuns = 6000;
const codes = new WeakMap<Context["base"], CodeFiles>();

export function codeFilesOf(base: Context["base"]): CodeFiles {
  const known = codes.get(base) ?? new CodeFiles(base);
  codes.set(base, known);
  return known;
}

/** The script and the parameters of a run, from its arguments and the config files that they name. */
export function parametersOf(context: Pick<Context, "base">, manifest: Manifest) {
  const { snapshot } = manifest.environment;
  const code = codeFilesOf(context.base);
  const read = (path: string) => (snapshot === null ? null : code.text(snapshot, path, configBytes));
  const { command, values } = runParameters(manifest, read);
  return { script: command.script, parameters: values };
}

/** Null where the run is gone or damaged. */
export function readFacts(context: Pick<Context, "base">, runId: string): RunFacts | null {
  const { manifest: path } = context.base.run(runId);
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return null;
  const stamp = `${stat.mtimeMs}:${stat.size}:${stat.ino}`;
  const known = kept.get(path);
  if (known?.stamp === stamp) return known.facts;
  const read = readManifest(path);
  if (read.kind !== "ok") return null;
  const facts = factsOf(read.manifest, parametersOf(context, read.manifest));
  kept.delete(path);
  kept.set(path, { stamp, facts });
  for (const oldest of kept.keys()) {
    if (kept.size <= keptRuns) break;
    kept.delete(oldest);
  }
  return facts;
}

/** Of several, in their order; those that are gone or damaged are left out. Gives way to other work between slices. */
export async function readManyFacts(context: Pick<Context, "base">, runIds: readonly string[]): Promise<RunFacts[]> {
  const found: RunFacts[] = [];
  let pause = performance.now() + sliceMs;
  for (const runId of runIds) {
    const facts = readFacts(context, runId);
    if (facts !== null) found.push(facts);
    if (performance.now() < pause) continue;
    await breathe();
    pause = performance.now() + sliceMs;
  }
  return found;
}

const sliceMs = 10;
