/**
 * What a submission says it waits for, checked: the runs are known and may still give what is asked of them, the wish is
 * one that means something here. A run can wait only for runs that came before it, so that no two can wait for each other.
 */
import { resolveRun } from "../catalog/resolve.ts";
import { MlError } from "../core/error.ts";
import type { ParsedBody } from "../protocol/requests.ts";
import type { Terms } from "../run/manifest.ts";
import { parentState } from "../run/parent.ts";
import { checkWish } from "../schedule/wish.ts";
import type { Context } from "./context.ts";

type Spec = ParsedBody<"submit">["runs"][number];

/** Runs of the same submission that came earlier in it, by name. */
export type Earlier = ReadonlyMap<string, string>;

function parentOf(
  context: Context,
  reference: string,
  options: { spec: Spec; earlier: Earlier; later: ReadonlySet<string> },
) {
  const { spec, earlier, later } = options;
  const own = earlier.get(reference);
  if (own !== undefined) return own;
  if (reference === spec.name || later.has(reference)) {
    const why = reference === spec.name ? "itself" : `\`${reference}\`, which comes after it`;
    throw new MlError("usage", `a run cannot wait for ${why}: then both would wait for ever`, {
      hint: "a run waits for runs that were queued before it, or stand before it in the file",
    });
  }
  return resolveRun(context.catalog, reference, context.asker.user);
}

/** Throws `not_found` and `ambiguous` for a run that is none, `conflict` where a success cannot come any more, `usage`. */
export function termsOf(
  context: Context,
  spec: Spec,
  { earlier, later }: { earlier: Earlier; later: ReadonlySet<string> },
): Terms {
  const resolve = (reference: string) => parentOf(context, reference, { spec, earlier, later });
  const after = spec.after.map(resolve);
  const afterOk = spec.after_ok.map(resolve);
  for (const runId of afterOk) {
    if ([...earlier.values()].includes(runId)) continue;
    const state = parentState(context.base, runId);
    if (state === "failed" || state === "cancelled") {
      throw new MlError("conflict", `it would wait for run \`${runId}\` to complete, which is ${state} already`, {
        hint: `see \`ml info ${runId}\`; \`--after\` waits for an end, whatever it is`,
      });
    }
  }
  const when = spec.when ?? null;
  if (when !== null) checkWish(when, context.policy.hours);
  if (spec.group_limit != null && spec.group == null) {
    throw new MlError("usage", "a limit for a group needs the group: `--group NAME`");
  }
  return {
    after: [...new Set(after)],
    after_ok: [...new Set(afterOk)],
    not_before: spec.not_before == null ? null : new Date(spec.not_before).toISOString(),
    when,
    group_limit: spec.group_limit ?? null,
  };
}
