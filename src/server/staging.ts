/**
 * Finds the files of a run that another is to take over, by path, folder or pattern under its work folder, and keeps
 * them in objects/. Like `cp`: a file arrives under its own name, a folder with its name and all that is in it.
 */
import * as fs from "node:fs";
import { basename, join } from "node:path";
import { MlError } from "../core/error.ts";
import type { StagedFile } from "../run/manifest.ts";
import { storeSnapshot } from "../run/objects.ts";
import { keepFile } from "../run/staged.ts";
import { requireManifest } from "../run/store.ts";
import { type ListedEntry, listInside, openInside } from "../transfer/open-inside.ts";
import type { Context } from "./context.ts";

const mostEntries = 100_000;
const mostFiles = 1000;

interface Wanted {
  path: string;
  as: string;
}

const isPattern = (text: string) => /[*?[{]/.test(text);

/** What people type for a file of the work folder: `work/` before it and slashes behind it mean nothing. */
function plainPath(pattern: string): string {
  return pattern
    .replace(/^(\.\/)+/, "")
    .replace(/^work\//, "")
    .replace(/\/+$/, "");
}

/** What `path` names, exactly or as a pattern; none where it names nothing. */
function matches(path: string, entries: readonly ListedEntry[]): Wanted[] {
  const under = (folder: string): Wanted[] =>
    entries
      .filter((entry) => entry.kind === "file" && entry.path.startsWith(`${folder}/`))
      .map((entry) => ({ path: entry.path, as: basename(folder) + entry.path.slice(folder.length) }));
  const one = (entry: ListedEntry): Wanted[] =>
    entry.kind === "folder" ? under(entry.path) : [{ path: entry.path, as: basename(entry.path) }];
  const glob = isPattern(path) ? new Bun.Glob(path) : null;
  const exact = entries.filter((entry) => entry.path === path);
  const matched =
    exact.length > 0 || glob === null
      ? exact
      : entries.filter((entry) => entry.kind === "file" && glob.match(entry.path));
  return matched.filter((entry) => entry.kind === "file" || entry.kind === "folder").flatMap(one);
}

/** From the work folder, or else from the folder inside it where the script ran: that is where people think they are. */
function wantedOf(pattern: string, entries: readonly ListedEntry[], { runId, cwd }: { runId: string; cwd: string }) {
  const path = plainPath(pattern);
  const found = matches(path, entries);
  if (found.length > 0) return found;
  const fromCwd = matches(join(cwd, path), entries);
  if (fromCwd.length > 0) return fromCwd;
  throw new MlError("not_found", `run \`${runId}\` has no file \`${pattern}\` to stage`, {
    hint: `\`ml ls ${runId} work -R\` lists what it left`,
  });
}

/** Every file once, and no two under one name. */
function distinct(all: readonly Wanted[]): Wanted[] {
  const byName = new Map<string, Wanted>();
  for (const wanted of all) {
    const other = byName.get(wanted.as);
    if (other !== undefined && other.path !== wanted.path) {
      throw new MlError(
        "conflict",
        `\`${other.path}\` and \`${wanted.path}\` would both be staged as \`${wanted.as}\``,
        {
          hint: "stage their folders, or name one of them only",
        },
      );
    }
    byName.set(wanted.as, wanted);
  }
  if (byName.size > mostFiles)
    throw new MlError("too_large", `${byName.size} files are more than the ${mostFiles} that can be staged`);
  return [...byName.values()];
}

export interface Staged {
  files: StagedFile[];
  /** Name of the tree in snapshots/. */
  tree: string;
}

/** Which files `patterns` mean, without touching any. Throws `not_found`, `conflict`, `too_large`. */
async function findFiles(context: Context, runId: string, patterns: readonly string[]): Promise<Wanted[]> {
  const { work } = context.base.run(runId);
  if (!fs.existsSync(work)) throw new MlError("not_found", `run \`${runId}\` has no files yet`);
  const { entries } = await listInside(work, "", { recursive: true, limit: mostEntries });
  const { cwd } = requireManifest(context.base.run(runId));
  return distinct(patterns.flatMap((pattern) => wantedOf(pattern, entries, { runId, cwd })));
}

async function keep(context: Context, runId: string, { path, as }: Wanted): Promise<StagedFile> {
  const { fd } = openInside(context.base.run(runId).work, path);
  try {
    const { sha256, sizeBytes } = await keepFile(context.base, `/proc/self/fd/${fd}`);
    return { run_id: runId, path, as, sha256, size_bytes: sizeBytes };
  } finally {
    fs.closeSync(fd);
  }
}

export interface StageWish {
  patterns: readonly string[];
  /** What the source had taken over itself: it goes along, but for what has its name now. */
  inherited: readonly StagedFile[];
  dryRun: boolean;
}

/** Keeps what `patterns` name of a run. With `dryRun` only looks whether it is there. */
export async function stageFiles(context: Context, runId: string, wish: StageWish): Promise<Staged | null> {
  const wanted = wish.patterns.length === 0 ? [] : await findFiles(context, runId, wish.patterns);
  if (wish.dryRun || wanted.length + wish.inherited.length === 0) return null;
  if (wanted.length > 0) context.disk.requireRoom("staging files");
  const files = wish.inherited.filter(({ as }) => !wanted.some((one) => one.as === as));
  for (const one of wanted) files.push(await keep(context, runId, one));
  const tree = storeSnapshot(context.base, {
    version: 1,
    files: files.map(({ as, sha256, size_bytes }) => ({ path: as, kind: "file", size: size_bytes, hash: sha256 })),
  });
  return { files, tree };
}
