/** Entries of a run folder, each with where it comes from: the code that was sent, the script, or us. */
import { isoTime } from "../../core/clock.ts";
import type { FileEntry } from "../../protocol/file-entry.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { readSnapshot } from "../../run/objects.ts";
import { type SnapshotFile, snapshotIndex } from "../../run/snapshot.ts";
import { requireManifest } from "../../run/store.ts";
import { type ListedEntry, listInside } from "../../transfer/open-inside.ts";
import type { Context } from "../context.ts";
import { idOf } from "../owned.ts";

interface Origins {
  code: ReadonlyMap<string, SnapshotFile>;
  changed: ReadonlySet<string>;
}

function originsOf(context: Context, runId: string): Origins {
  const none: Origins = { code: new Map(), changed: new Set() };
  try {
    const manifest = requireManifest(context.base.run(runId));
    const changed = new Set(manifest.artifacts?.files.map((file) => file.path) ?? []);
    const { snapshot } = manifest.environment;
    return { code: snapshot === null ? none.code : snapshotIndex(readSnapshot(context.base, snapshot)), changed };
  } catch {
    return none;
  }
}

/** `path` counts from the run folder. */
function originOf(path: string, sizeBytes: number, { code, changed }: Origins): FileEntry["origin"] {
  if (!path.startsWith("work/")) return "record";
  const inWork = path.slice("work/".length);
  const sent = code.get(inWork);
  if (changed.has(inWork) || changed.has(path)) return "artifact";
  return sent !== undefined && (sent.kind === "link" || sent.size === sizeBytes) ? "code" : "artifact";
}

function folderOrigin(path: string, { code }: Origins): FileEntry["origin"] {
  if (path === "work") return "code";
  if (!path.startsWith("work/")) return "record";
  const prefix = `${path.slice("work/".length)}/`;
  for (const known of code.keys()) if (known.startsWith(prefix)) return "code";
  return "artifact";
}

/** Entries that are looked at for a pattern. */
const mostLookedAt = 1_000_000;

interface Pattern {
  text: string;
  glob: Bun.Glob;
}

/** The entry fits, or has that very name; where `recursive` is wished, a folder above it will do. */
function fits(path: string, patterns: readonly Pattern[], recursive: boolean): boolean {
  for (let end = path.length; end > 0; end = recursive ? path.lastIndexOf("/", end - 1) : -1) {
    const part = path.slice(0, end);
    if (patterns.some(({ text, glob }) => text === part || glob.match(part))) return true;
  }
  return false;
}

async function listMatching(
  folder: string,
  { match, recursive, limit }: Pick<ParsedBody<"files.list">, "match" | "recursive" | "limit">,
): Promise<{ entries: ListedEntry[]; truncated: boolean }> {
  const all = await listInside(folder, "", { recursive: true, limit: mostLookedAt });
  for (const prefix of ["", "work/"]) {
    const patterns = match.map((text) => ({ text: prefix + text, glob: new Bun.Glob(prefix + text) }));
    const found = all.entries.filter(({ path }) => fits(path, patterns, recursive));
    if (found.length === 0) continue;
    return { entries: found.slice(0, limit), truncated: all.truncated || found.length > limit };
  }
  return { entries: [], truncated: all.truncated };
}

export async function filesList(context: Context, body: ParsedBody<"files.list">): Promise<Reply<"files.list">> {
  const runId = idOf(context, body.run);
  const { folder } = context.base.run(runId);
  const { recursive, limit } = body;
  const { entries, truncated } =
    body.match.length > 0
      ? await listMatching(folder, body)
      : await listInside(folder, body.path, { recursive, limit });
  const origins = originsOf(context, runId);
  const listed = entries.map(({ path, kind, sizeBytes, modifiedMs }) => {
    const origin = kind === "folder" ? folderOrigin(path, origins) : originOf(path, sizeBytes, origins);
    return { path, kind, size_bytes: sizeBytes, modified: isoTime(modifiedMs), origin };
  });
  return { run_id: runId, path: body.path, entries: listed, truncated };
}
