/** Refuses what is queued with level `strict` and could not be reproduced, before it takes a place in the line. */
import { resolveRun } from "../catalog/resolve.ts";
import { MlError } from "../core/error.ts";
import { quoteCommand } from "../core/shell-quote.ts";
import { reproGaps } from "../keep/repro-gaps.ts";
import type { ParsedBody } from "../protocol/requests.ts";
import { readBlob, readSnapshot } from "../run/objects.ts";
import type { Snapshot } from "../run/snapshot.ts";
import { requireManifest } from "../run/store.ts";
import type { Context } from "./context.ts";

type Spec = ParsedBody<"submit">["runs"][number];

const largestScriptBytes = 1024 * 1024;

function textOf(context: Context, hash: string): string | null {
  try {
    const bytes = readBlob(context.base, hash);
    return bytes.length > largestScriptBytes ? null : new TextDecoder().decode(bytes);
  } catch {
    return null;
  }
}

/** A dry run may not have sent its code: then only what is known without it is asked. */
function treeOf(context: Context, spec: Spec, dryRun: boolean): Snapshot | null | undefined {
  if (spec.snapshot !== null) return readSnapshot(context.base, spec.snapshot);
  return dryRun && spec.git != null ? undefined : null;
}

/** Throws `refused` where an environment is to be built anew and nothing of the source says of what. */
function requireRebuildable(context: Context, spec: Spec): void {
  if (!spec.reproduce?.rebuild_env) return;
  const source = spec.lineage?.source;
  if (spec.lineage?.kind !== "reproduce" || source == null)
    throw new MlError("usage", "an environment is built anew only for a reproduction", {
      hint: "`ml reproduce RUN --rebuild-env`",
    });
  const { environment } = requireManifest(context.base.run(resolveRun(context.catalog, source, context.asker.user)));
  const files = Object.keys(environment.files);
  if (["env/pip_freeze.txt", "env/conda-explicit.txt", "env/uv.lock"].some((name) => files.includes(name))) return;
  throw new MlError(
    "refused",
    `the environment of \`${source}\` cannot be built anew: it has neither a lock nor a list of packages`,
    {
      hint: "leave `--rebuild-env` out: it then runs in the environment that is there",
    },
  );
}

/** Throws `refused` naming everything that is missing, each with its cure (data: {gaps}). */
export function requireReproducible(context: Context, specs: readonly Spec[], dryRun: boolean): void {
  for (const spec of specs) {
    requireRebuildable(context, spec);
    if (spec.repro_level !== "strict") continue;
    const candidate = { ...spec, git: spec.git ?? null };
    const tree = treeOf(context, spec, dryRun);
    const gaps = reproGaps(candidate, { tree, read: (hash) => textOf(context, hash) });
    if (gaps.length === 0) continue;
    const command = quoteCommand(spec.argv).slice(0, 200);
    throw new MlError(
      "refused",
      `queueing \`${command}\` was refused, as it is to be strictly reproducible: ${gaps.map((gap) => gap.why).join("; ")}`,
      { hint: [...new Set(gaps.map((gap) => gap.cure))].join("; "), data: { gaps } },
    );
  }
}
