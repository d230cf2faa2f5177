/**
 * The code of a submission: the working tree as a snapshot, checked against what is to run, and described in a line or
 * two. Nothing about what is left out is silent. Sending it is send-code.ts, loaded only where the server lacks it.
 */
import { relative, resolve } from "node:path";
import { MlError } from "../core/error.ts";
import { formatSize } from "../core/size.ts";
import { blobHash } from "../transfer/blob-hash.ts";
import type { Sent } from "../transfer/send.ts";
import { defaultLimits } from "../transfer/tree-limits.ts";
import { collectTree, type HashesAhead, type Tree } from "../transfer/walk.ts";
import { safeText } from "../view/safe-text.ts";
import type { Context } from "./command.ts";
import type { CodeFields, PlannedRun } from "./planned-run.ts";

export interface Code {
  tree: Tree;
  /** What every submission of this tree says about it. */
  fields: CodeFields;
  /** The diffs against HEAD and upstream, sent like code. */
  diffs: Uint8Array[];
}

/** For `--no-code`: an empty work folder. */
export const noCode: CodeFields = { cwd: ".", snapshot: null, git: null };

/** Throws what collecting the tree throws (`too_large`, …). */
export async function collectCode(context: Context, ahead?: HashesAhead): Promise<Code> {
  const { snapshot_max_mb: totalMb, snapshot_file_max_mb: fileMb } = context.settings;
  const limits = { ...defaultLimits, totalBytes: (totalMb ?? 500) * 1e6, fileBytes: (fileMb ?? 100) * 1e6 };
  const cacheFolder = cacheFolderOf(context);
  const tree = await collectTree({ cwd: context.cwd, limits, cacheFolder, ...(ahead === undefined ? {} : { ahead }) });
  const bytes = (text: string | null | undefined) => (text ? new TextEncoder().encode(text) : null);
  const diff = bytes(tree.git?.diff);
  const upstreamDiff = bytes(tree.git?.upstreamDiff);
  return {
    tree,
    fields: {
      cwd: tree.cwdInRoot,
      snapshot: tree.hash,
      git: tree.git === null ? null : gitFacts(tree.git),
      project: context.settings.project ?? tree.git?.project ?? null,
      git_diff: diff === null ? null : blobHash(diff),
      git_upstream_diff: upstreamDiff === null ? null : blobHash(upstreamDiff),
    },
    diffs: [diff, upstreamDiff].filter((one) => one !== null),
  };
}

function gitFacts(git: NonNullable<Tree["git"]>): CodeFields["git"] {
  const { commit, root, branch, remote, dirty, upstream, unpushed, submodules } = git;
  return { commit, root, branch, remote, dirty, upstream, unpushed, submodules };
}

/** Where what is known of trees is kept; null without a home. */
export function cacheFolderOf(context: Context): string | null {
  try {
    return `${context.home}/cache`;
  } catch {
    return null;
  }
}

/**
 * The script of each run must be part of the snapshot. Throws `refused` where it is left out or lies outside the tree;
 * an absolute path outside is let through: it was asked for on purpose, and is named in `warn`.
 */
export function checkInTree(context: Context, tree: Tree, runs: readonly PlannedRun[]): void {
  const known = new Set(tree.files.map((file) => file.path));
  const warned = new Set<string>();
  for (const { script, where } of runs) {
    if (script === null) continue;
    const path = relative(tree.root, resolve(tree.root, tree.cwdInRoot, script));
    if (known.has(path)) continue;
    const at = where === null ? "" : `${where}: `;
    const outside = path.startsWith("../") || path.startsWith("/");
    if (outside && script.startsWith("/")) {
      if (!warned.has(script))
        context.output.say(`note: ${safeText(script)} lies outside ${tree.root}: it is not frozen with the code`);
      warned.add(script);
      continue;
    }
    if (outside) {
      throw new MlError(
        "refused",
        `${at}\`${script}\` lies outside \`${tree.root}\`, so it would not be part of the code that is sent`,
        {
          hint: "go to the folder that holds it, or to one above",
        },
      );
    }
    const why = tree.leftOut.find(
      (left) => left.path === path || (left.path.endsWith("/") && path.startsWith(left.path)),
    );
    throw new MlError(
      "refused",
      `${at}\`${script}\` is not part of the code that is sent: ${why?.why ?? "it is left out"}`,
      {
        hint: "see .gitignore and .mlignore; a line `!NAME` in .mlignore brings something back",
      },
    );
  }
}

const shownNames = 4;

function names(paths: readonly string[]): string {
  const shown = paths.slice(0, shownNames).map(safeText).join(", ");
  return paths.length > shownNames ? `${shown} and ${paths.length - shownNames} more` : shown;
}

/** What went along and what did not, in short; `verbose` names everything. */
export function codeLines(code: Code, options: { sent: Sent | null; verbose: boolean; dryRun: boolean }): string[] {
  const { tree } = code;
  const { sent, verbose, dryRun } = options;
  const count = `${tree.files.length} ${tree.files.length === 1 ? "file" : "files"}`;
  const travelled =
    sent === null || sent.blobs === 0 ? "nothing new to send" : `${sent.blobs} new, ${formatSize(sent.wireBytes)} sent`;
  const size = `${count}, ${formatSize(tree.sizeBytes)} from ${safeText(tree.root)}`;
  const lines = [dryRun ? `code: ${size}` : `code: ${size} (${travelled})`];
  const ignored = tree.leftOut.filter((left) => left.kind === "ignored").map((left) => left.path);
  const unsendable = tree.leftOut.filter((left) => left.kind === "unsendable");
  if (verbose) {
    for (const left of tree.leftOut) lines.push(`left out: ${safeText(left.path)}: ${safeText(left.why)}`);
  } else {
    if (ignored.length > 0) lines.push(`left out, as ignored: ${names(ignored)}`);
    for (const left of unsendable.slice(0, shownNames))
      lines.push(`not sent: ${safeText(left.path)}: ${safeText(left.why)}`);
    if (unsendable.length > shownNames)
      lines.push(`not sent: ${unsendable.length - shownNames} more (--verbose names them)`);
  }
  if (tree.gitProblem !== null) lines.push(`without git: ${safeText(tree.gitProblem)}`);
  return lines;
}
