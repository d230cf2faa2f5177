/** Two runs beside each other, the way `ml diff` and `ml why-different` both begin: manifests, parameters, code, facets. */
import { posix } from "node:path";
import type { Manifest } from "../run/manifest.ts";
import { requireManifest } from "../run/store.ts";
import type { CodeDifference } from "../think/code-change.ts";
import { differencesOf, type FacetDifference, type Side } from "../think/difference.ts";
import { codeDifference, codeRows } from "./code-difference.ts";
import type { Context } from "./context.ts";
import { idOf } from "./owned.ts";
import { parametersOf } from "./run-facts.ts";

export interface ComparedPair {
  a: Side;
  b: Side;
  code: CodeDifference;
  facets: FacetDifference[];
}

const scriptPath = (manifest: Manifest, script: string) => posix.join(manifest.cwd, script);

export async function comparedPair(context: Context, references: { a: string; b: string }): Promise<ComparedPair> {
  const [a, b] = [references.a, references.b].map((reference): Side => {
    const manifest = requireManifest(context.base.run(idOf(context, reference)));
    return { manifest, ...parametersOf(context, manifest) };
  }) as [Side, Side];
  const scripts = [a, b].map(({ manifest, script }) => scriptPath(manifest, script));
  const snapshots = { a: a.manifest.environment.snapshot, b: b.manifest.environment.snapshot };
  const code = await codeDifference(context, snapshots, scripts);
  return { a, b, code, facets: differencesOf(a, b, codeRows(code, scripts)) };
}
