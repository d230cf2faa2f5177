/** What changed between the code of two runs, as a value; server/code-difference.ts makes it. */

export interface CodeFileChange {
  path: string;
  kind: "changed" | "added" | "removed" | "renamed";
  /** Its path before, where it was renamed. */
  was: string | null;
  lines_added: number | null;
  lines_removed: number | null;
  /** Unified hunks (`@@ … @@`, then lines that begin with space, `+` or `-`); null where they are not shown, see `why`. */
  hunks: string[] | null;
  why: string | null;
}

export interface CodeDifference {
  /** False where one side has no code that is still there. */
  known: boolean;
  files: CodeFileChange[];
  /** Changed files that are not listed. */
  more: number;
}
