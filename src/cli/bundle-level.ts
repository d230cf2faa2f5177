/** How much of runs goes into a bundle, by the flags of whoever makes one. */
import { MlError } from "../core/error.ts";
import type { ExportWish } from "../protocol/bundle.ts";
import { flag } from "./flags.ts";

export const levelFlags = {
  metadataOnly: flag.on("records and measurements alone: no output, code or artifacts"),
  includeArtifacts: flag.texts("GLOB", "of the artifacts only these; alone: all, as without it", { bare: "**" }),
};

/** Throws `usage` for flags that contradict each other. */
export function levelOf({
  metadataOnly,
  includeArtifacts,
}: {
  metadataOnly: boolean;
  includeArtifacts: string[];
}): Pick<ExportWish, "level" | "artifacts"> {
  if (metadataOnly && includeArtifacts.length > 0)
    throw new MlError("usage", "`--metadata-only` and `--include-artifacts` contradict each other", {
      hint: "leave one out",
    });
  if (metadataOnly) return { level: "metadata", artifacts: [] };
  const all = includeArtifacts.length === 0 || includeArtifacts.includes("**");
  return all ? { level: "all", artifacts: [] } : { level: "some", artifacts: includeArtifacts };
}
