/** Entries of a run folder, each with where it comes from: the code that was sent, the script, or us. */
import { isoTime } from "../../core/clock.ts";
import type { FileEntry, ParsedBody, Reply } from "../../protocol/requests.ts";
import { readSnapshot } from "../../run/objects.ts";
import { type SnapshotFile, snapshotIndex } from "../../run/snapshot.ts";
import { requireManifest } from "../../run/store.ts";
import { listInside } from "../../transfer/open-inside.ts";
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

export async function filesList(context: Context, body: ParsedBody<"files.list">): Promise<Reply<"files.list">> {
  const runId = idOf(context, body.run);
  const { folder } = context.base.run(runId);
  const { entries, truncated } = await listInside(folder, body.path, { recursive: body.recursive, limit: body.limit });
  const origins = originsOf(context, runId);
  const listed = entries.map(({ path, kind, sizeBytes, modifiedMs }) => {
    const origin = kind === "folder" ? folderOrigin(path, origins) : originOf(path, sizeBytes, origins);
    return { path, kind, size_bytes: sizeBytes, modified: isoTime(modifiedMs), origin };
  });
  return { run_id: runId, path: body.path, entries: listed, truncated };
}
