/** Refuses what is queued with level `strict` and could not be reproduced, before it takes a place in the line. */
import { MlError } from "../core/error.ts";
import { quoteCommand } from "../core/shell-quote.ts";
import { reproGaps } from "../keep/repro-gaps.ts";
import type { ParsedBody } from "../protocol/requests.ts";
import { readBlob, readSnapshot } from "../run/objects.ts";
import type { Snapshot } from "../run/snapshot.ts";
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

/** Throws `refused` naming everything that is missing, each with its cure (data: {gaps}). */
export function requireReproducible(context: Context, specs: readonly Spec[], dryRun: boolean): void {
  for (const spec of specs) {
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
