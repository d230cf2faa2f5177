/** Runs that another tracker kept, and that nobody here ever started: what they lack was never known, and is no fault. */

/** Whose a run was, where nobody knows. */
export const unknownUser = "unknown";

interface Lineage {
  kind: string;
  origin?: { from: string } | null;
}

/** False for runs of ours that came in a bundle. */
export function isForeign({ lineage: { kind, origin } }: { lineage: Lineage }): boolean {
  return kind === "import" && origin != null && origin.from !== "bundle";
}
