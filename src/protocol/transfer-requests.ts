/** Requests about files on their way: code to the server, what runs left behind. Part of the table in requests.ts. */
import { z } from "zod";
import type { Snapshot } from "../run/snapshot.ts";
import type { SnapshotChange } from "../run/snapshot-change.ts";
import { declare, ref } from "./declare.ts";
import type { FileEntry } from "./file-entry.ts";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const transferRequests = {
  /** Whether the server has a tree, all that it needs, and the blobs `hashes` besides: the whole question where nothing has changed. */
  "snapshot.known": declare<{ known: boolean }>()("user", () =>
    z.object({ snapshot: sha256, hashes: z.array(sha256).max(100).default([]) }),
  ),
  /**
   * Which blobs of a tree the server lacks; many are asked for in several offers. The tree is kept by `snapshot.commit`.
   * With `listed`, contents are meant by their places in the list of files, which was stored as a blob before (docs/transfer.md).
   * `all` stands in `missing` for all that was asked for. `base` is a tree that the commit will build upon. `bases` names for
   * changed files, by their places in `hashes`, what stood there before: where the server has that, the change can be sent as what
   * differs (docs/transfer.md). The reply's `bases` are theirs, in order: the sums, empty where they were not asked for, or null.
   * `arrived` is what a cut upload has left.
   */
  "snapshot.offer": declare<{
    known: boolean;
    base_known: boolean;
    all: boolean;
    missing: string[];
    bases: (string | null)[];
    arrived: { hash: string; bytes: number; sha256: string }[];
  }>()("user", () =>
    z.object({
      snapshot: sha256,
      hashes: z.array(sha256).max(12_000),
      listed: z
        .object({ from: z.number().int().min(0), count: z.number().int().min(1).max(12_000) })
        .nullable()
        .default(null),
      base: sha256.nullable().default(null),
      bases: z
        .array(z.object({ at: z.number().int().min(0), base: sha256, sums: z.boolean().default(false) }))
        .max(4000)
        .default([]),
    }),
  ),
  /**
   * Stores the tree; its blobs must be there (`snapshot_missing` otherwise, data: {missing}). A tree too large for one
   * frame is sent as a blob before (its text is what its name hashes) and named here by that hash, or told as the change
   * of a stored one: {snapshot, base, set, removed}.
   */
  "snapshot.commit": declare<{ snapshot: string }>()("user", () =>
    z.object({ tree: z.custom<Snapshot | SnapshotChange | string>() }),
  ),
  /**
   * Entries under `path` inside the run folder ("" is the folder itself), folders first. With `match` only those that one
   * of the patterns fits (`*`, `**`, `?`, `[a-z]`, `{a,b}`, from the run folder on; where none does, from work/ on), with
   * `recursive` all that a fitting folder holds as well.
   */
  "files.list": declare<{ run_id: string; path: string; entries: FileEntry[]; truncated: boolean }>()("viewer", () =>
    z.object({
      run: ref,
      path: z.string().max(4096).default(""),
      match: z.array(z.string().min(1).max(1024)).max(100).default([]),
      recursive: z.boolean().default(false),
      limit: z.number().int().min(1).max(100_000).default(10_000),
    }),
  ),
  /**
   * Lays a stored snapshot out as the folder `name` of the asker's own data, in place of what was there. `folder` is
   * where it is on the server.
   */
  "data.put": declare<{ folder: string; files: number; size_bytes: number }>()("user", () =>
    z.object({ name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/), snapshot: sha256 }),
  ),
};
