/** Where new runs come from: the run each was made of, with the files that it takes over, and `{staged}` filled in. */
import { resolveRun } from "../catalog/resolve.ts";
import { MlError } from "../core/error.ts";
import { isForeign } from "../core/foreign-origin.ts";
import type { ParsedBody } from "../protocol/requests.ts";
import type { Manifest } from "../run/manifest.ts";
import { stagedFolderFrom, stagedWord } from "../run/staged.ts";
import { requireManifest } from "../run/store.ts";
import type { Context } from "./context.ts";
import { stageFiles } from "./staging.ts";

type Spec = ParsedBody<"submit">["runs"][number];

export interface Origin {
  lineage: Manifest["lineage"];
  /** Name of the tree of staged files. */
  staged: string | null;
  argv: string[];
}

const plain = { source_run: null, staged: [], sweep_id: null, sweep_point: null, retried_as: null, origin: null };

async function originOf(context: Context, spec: Spec, dryRun: boolean): Promise<Origin> {
  const given = spec.lineage ?? null;
  if (given === null) {
    if (spec.stage.length === 0) return { lineage: { kind: "queue", ...plain }, staged: null, argv: spec.argv };
    throw new MlError("usage", "files are staged from a run, and the submission names none", {
      hint: "`ml requeue RUN --stage PATH -- ARGS` stages files of RUN",
    });
  }
  const source = given.source == null ? null : resolveRun(context.catalog, given.source, context.asker.user);
  const made = source === null ? null : requireManifest(context.base.run(source));
  if (made !== null && isForeign(made) && given.kind !== "fork") {
    throw new MlError(
      "refused",
      `run \`${source}\` cannot be run again: ${made.lineage.origin?.from} kept no command`,
      {
        hint: `queue it with its code: \`ml queue --parent ${source} SCRIPT ARGS\``,
      },
    );
  }
  const inherited = made?.lineage.staged ?? [];
  const wish = { patterns: spec.stage, inherited, dryRun };
  const staged = source === null ? null : await stageFiles(context, source, wish);
  const filled = spec.argv.map((word) =>
    spec.stage.length > 0 ? word.replaceAll(stagedWord, stagedFolderFrom(spec.cwd)) : word,
  );
  return {
    lineage: {
      ...plain,
      kind: given.kind,
      source_run: source,
      staged: staged?.files ?? [],
      sweep_id: given.sweep_id ?? null,
      sweep_point: given.sweep_point ?? null,
    },
    staged: staged?.tree ?? null,
    argv: filled,
  };
}

/** By submit_id. Throws what resolving and staging throw; blobs that were kept by then stay, named by their hash. */
export async function originsOf(
  context: Context,
  specs: readonly Spec[],
  options: { dryRun: boolean },
): Promise<Map<string, Origin>> {
  const origins = new Map<string, Origin>();
  for (const spec of specs) origins.set(spec.submit_id, await originOf(context, spec, options.dryRun));
  return origins;
}
