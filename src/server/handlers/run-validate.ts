/** Checks an ended run against its own record. Changes nothing; a large run takes as long as reading it. */
import { MlError } from "../../core/error.ts";
import { validateRun } from "../../keep/validate.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Manifest } from "../../run/manifest.ts";
import type { RunPaths } from "../../run/paths.ts";
import { isFinal } from "../../run/status.ts";
import { requireManifest } from "../../run/store.ts";
import type { Context } from "../context.ts";
import { idOf } from "../owned.ts";

/** The manifest of a run that has ended. Throws `conflict` for one that has not. */
export function requireEnded(paths: RunPaths, doing: string): Manifest {
  const manifest = requireManifest(paths);
  if (isFinal(manifest.status)) return manifest;
  throw new MlError("conflict", `run \`${paths.runId}\` cannot be ${doing}: it is ${manifest.status}`, {
    hint: `wait for it: \`ml wait ${paths.runId}\``,
  });
}

export function runValidate(context: Context, body: ParsedBody<"run.validate">): Promise<Reply<"run.validate">> {
  const paths = context.base.run(idOf(context, body.run));
  const manifest = requireEnded(paths, "validated");
  const level = body.level ?? manifest.launch.repro_level;
  return validateRun(paths, manifest, { base: context.base, level, nowMs: context.clock.nowMs() });
}
