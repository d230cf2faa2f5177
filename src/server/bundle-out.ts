/** `POST /bundles`: runs as one archive, streamed as it is made. Whoever may read the runs may have them. */
import * as fs from "node:fs";
import { z } from "zod";
import { composeBundle } from "../bundle/compose.ts";
import { redactions } from "../bundle/redact.ts";
import { resumeParts } from "../bundle/resume.ts";
import { packBundle } from "../bundle/write-archive.ts";
import { MlError } from "../core/error.ts";
import type { ExportWish } from "../protocol/bundle.ts";
import { blobHashes, hasSnapshot, readSnapshot } from "../run/objects.ts";
import type { RunPaths } from "../run/paths.ts";
import { isFinal } from "../run/status.ts";
import { isSealed, requireManifest } from "../run/store.ts";
import type { Asker } from "./asker.ts";
import type { Services } from "./context.ts";
import { idsOf } from "./owned.ts";

const mostRuns = 1000;
const mostSvg = 4 * 1024 * 1024;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const wishSchema = z.object({
  runs: z.array(z.string().min(1).max(256)).min(1).max(mostRuns),
  packing: z.enum(["gzip", "zstd"]).default("gzip"),
  level: z.enum(["all", "some", "metadata"]).default("all"),
  artifacts: z.array(z.string().min(1).max(1024)).max(100).default([]),
  redact: z.array(z.enum(redactions)).default([]),
  figures: z.record(z.string().max(64), z.string().max(mostSvg)).default({}),
  have: z.array(sha256).max(10_000).default([]),
  have_snapshots: z.array(sha256).max(mostRuns).default([]),
  once: z.boolean().default(false),
  parts: z
    .array(z.object({ of: sha256, size_bytes: z.int().nonnegative(), sha256 }))
    .max(100)
    .default([]),
}) satisfies z.ZodType<ExportWish, unknown>;

/** A run is final a moment before it is sealed, longer where it wrote much; without its seal nobody could check the copy. */
const sealMs = 60_000;

export async function requireSealed(services: Services, runIds: readonly string[]): Promise<void> {
  const untilMs = performance.now() + sealMs;
  for (const runId of runIds) {
    const paths = services.base.run(runId);
    while (isFinal(requireManifest(paths).status) && !isSealed(paths)) {
      if (performance.now() > untilMs) {
        throw new MlError("try_later", `run \`${runId}\` cannot be exported: it has ended and is not sealed yet`, {
          hint: "try again in a moment; where no worker runs, `ml worker` seals it",
        });
      }
      await Bun.sleep(50);
    }
  }
}

/** The text of a run's SHA256SUMS, "" where it has none. */
export function sumsText(paths: RunPaths): string {
  return fs.existsSync(paths.sums) ? fs.readFileSync(paths.sums, "utf8") : "";
}

/** All contents that the receiver says it has: named ones, and those of trees of code that are here too. */
function contentsOf(
  { base }: Services,
  { have, have_snapshots: snapshots }: { have: string[]; have_snapshots: string[] },
) {
  const known = new Set(have);
  for (const name of snapshots)
    if (hasSnapshot(base, name)) for (const hash of blobHashes(readSnapshot(base, name))) known.add(hash);
  return known;
}

/** Throws `usage` for a body that does not fit, `not_found`, `conflict` for a run that has not ended. */
export async function sendBundle(services: Services, asker: Asker, body: unknown): Promise<Response> {
  const parsed = wishSchema.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new MlError(
      "usage",
      `\`/bundles\` was asked with a body that does not fit: ${issue?.path.join(".")}: ${issue?.message}`,
      {
        hint: "docs/bundles.md has its form",
      },
    );
  }
  const { runs, packing, redact, figures, have, have_snapshots, once, parts, ...wish } = parsed.data;
  const known = contentsOf(services, { have, have_snapshots });
  if ((known.size > 0 || once || parts.length > 0) && redact.length > 0)
    throw new MlError("usage", "`have`, `parts` or `once`, and `redact` of `/bundles` contradict each other");
  const runIds = idsOf({ ...services, asker }, runs);
  await requireSealed(services, runIds);
  const composed = composeBundle(services.base, {
    ...wish,
    runIds,
    redact: new Set(redact),
    figures: new Map(Object.entries(figures)),
    have: known,
    once,
    nowMs: Date.now(),
  });
  return new Response(packBundle(await resumeParts(composed, parts), packing), {
    headers: {
      "content-type": packing === "gzip" ? "application/gzip" : "application/zstd",
      "cache-control": "no-store",
    },
  });
}
