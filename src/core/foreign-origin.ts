/** Runs that another tracker kept, and that nobody here ever started: what they lack was never known, and is no fault. */

/** Whose a run was, where nobody knows. */
export const unknownUser = "unknown";

/** The remark of a run whose files somebody did not want along. */
export const leftOutOnRequest = (files: string) => `Its ${files} were left out on request.`;
export const isLeftOutOnRequest = (remark: string) => /^Its .+ were left out on request\.$/.test(remark);

interface Lineage {
  kind: string;
  origin?: { from: string } | null;
}

/** False for runs of ours that came in a bundle. */
export function isForeign({ lineage: { kind, origin } }: { lineage: Lineage }): boolean {
  return kind === "import" && origin != null && origin.from !== "bundle";
}
