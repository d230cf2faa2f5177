/**
 * What changed between two snapshots: files by name and content, and the lines of those that are text. Everything is
 * limited: many, large or very different files are named, with the reason why their lines are not shown.
 */
import type { CodeTree } from "../catalog/code-files.ts";
import type { CodeDifference, CodeFileChange } from "../think/code-change.ts";
import type { DifferenceRow } from "../think/difference.ts";
import type { Context } from "./context.ts";
import { codeFilesOf } from "./run-facts.ts";

const mostFiles = 200;
const mostFileBytes = 512 * 1024;
const mostHunkBytes = 192 * 1024;
/** Lines apart beyond which a comparison is given up: it would take seconds, and nobody reads it. */
const mostEdits = 4000;

type File = { hash: string; size: number };
type Change = Pick<CodeFileChange, "path" | "kind" | "was"> & { a: File | null; b: File | null };

function changesBetween(a: CodeTree, b: CodeTree): Change[] {
  const gone = [...a.files].filter(([path]) => !b.files.has(path));
  const changes: Change[] = [];
  for (const [path, file] of b.files) {
    const before = a.files.get(path);
    if (before?.hash === file.hash) continue;
    if (before !== undefined) {
      changes.push({ path, kind: "changed", was: null, a: before, b: file });
      continue;
    }
    const from = gone.findIndex(([, one]) => one.hash === file.hash && file.size > 0);
    const [was] = from < 0 ? [] : gone.splice(from, 1);
    if (was === undefined) changes.push({ path, kind: "added", was: null, a: null, b: file });
    else changes.push({ path, kind: "renamed", was: was[0], a: was[1], b: file });
  }
  for (const [path, file] of gone) changes.push({ path, kind: "removed", was: null, a: file, b: null });
  return changes.sort((one, other) => (one.path < other.path ? -1 : 1));
}

/** A text without NUL, or null: then it is no text. */
const asText = (text: string | null) => (text === null || text.includes("\0") ? null : text);

async function linesOf(
  change: Change,
  texts: { a: string | null; b: string | null },
): Promise<Pick<CodeFileChange, "lines_added" | "lines_removed" | "hunks" | "why">> {
  const none = { lines_added: null, lines_removed: null, hunks: null };
  if ((change.a?.size ?? 0) > mostFileBytes || (change.b?.size ?? 0) > mostFileBytes)
    return { ...none, why: "it is too large" };
  if (texts.a === null || texts.b === null) return { ...none, why: "it is no text, or is not there any more" };
  const { structuredPatch } = await import("diff");
  const patch = structuredPatch(change.path, change.path, texts.a, texts.b, "", "", {
    context: 3,
    maxEditLength: mostEdits,
  });
  if (patch === undefined) return { ...none, why: "too much of it changed" };
  const lines = patch.hunks.flatMap((hunk) => hunk.lines);
  return {
    lines_added: lines.filter((line) => line.startsWith("+")).length,
    lines_removed: lines.filter((line) => line.startsWith("-")).length,
    hunks: patch.hunks.map(
      ({ oldStart, oldLines, newStart, newLines, lines: own }) =>
        `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@\n${own.join("\n")}`,
    ),
    why: null,
  };
}

/** `first` names files that come first: the script itself. */
export async function codeDifference(
  context: Pick<Context, "base">,
  snapshots: { a: string | null; b: string | null },
  first: readonly string[],
): Promise<CodeDifference> {
  if (snapshots.a === snapshots.b) return { known: true, files: [], more: 0 };
  if (snapshots.a === null || snapshots.b === null) return { known: false, files: [], more: 0 };
  const code = codeFilesOf(context.base);
  const [from, to] = [snapshots.a, snapshots.b];
  const [a, b] = [code.tree(from), code.tree(to)];
  if (a.files.size === 0 || b.files.size === 0) return { known: false, files: [], more: 0 };
  const rank = (path: string) => (first.includes(path) ? 0 : /\.(py|sh|ya?ml|toml|json|cfg|ini)$/.test(path) ? 1 : 2);
  const changes = changesBetween(a, b).sort((one, other) => rank(one.path) - rank(other.path));
  const files: CodeFileChange[] = [];
  let left = mostHunkBytes;
  for (const change of changes.slice(0, mostFiles)) {
    const { path, kind, was } = change;
    const moved = { lines_added: 0, lines_removed: 0, hunks: [], why: null };
    const lines =
      kind === "renamed"
        ? moved
        : await linesOf(change, {
            a: change.a === null ? "" : asText(code.text(from, path, mostFileBytes)),
            b: change.b === null ? "" : asText(code.text(to, path, mostFileBytes)),
          });
    left -= lines.hunks?.reduce((sum, hunk) => sum + hunk.length, 0) ?? 0;
    const fits = left > 0 ? lines : { ...lines, hunks: null, why: "the files before it take all the room" };
    files.push({ path, kind, was, ...fits });
  }
  return { known: true, files, more: Math.max(0, changes.length - mostFiles) };
}

/** The changed files as rows: the script itself weighs most, then code and settings, then what nothing runs. */
export function codeRows({ files }: CodeDifference, scripts: readonly string[]): DifferenceRow[] {
  return files.map(({ path, kind, was }) => ({
    key: path,
    a: kind === "added" ? null : (was ?? "there"),
    b: kind === "removed" ? null : kind,
    weight: scripts.includes(path) ? 90 : /\.(py|sh|ya?ml|toml|json|cfg|ini)$/.test(path) ? 75 : 10,
  }));
}
