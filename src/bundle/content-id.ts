/**
 * When are two records the same run? Its first id, what was run, when, how it ended, and every sum of its seal: what nobody
 * changes afterwards. What people write, who owns the copy and what was pruned do not count, so a run that was carried away,
 * annotated and carried back is still the same.
 */
import { isForeign } from "../core/foreign-origin.ts";
import { runIdFrom } from "../core/ids.ts";
import type { Manifest } from "../run/manifest.ts";

/** What an import keeps of where a run came from; claims of the bundle, for reading only. */
export interface Origin {
  run_id: string;
  user: string;
  host: string | null;
}

/** Where the run was first made: its own origin where it was imported, else itself. */
export function originOf(manifest: Manifest): Origin {
  const { kind, origin } = manifest.lineage;
  if (kind === "import" && origin != null) return { run_id: origin.run_id, user: origin.user, host: origin.host };
  return { run_id: manifest.run_id, user: manifest.user, host: manifest.resources.host };
}

/**
 * Under which id a run was first made. A run of another tracker, where ids are none of ours, has one that follows from its
 * source: which system, its id there (of a table: in it), when it began. So what has grown there since is known again.
 */
export function firstIdOf(manifest: Manifest): string {
  const { origin } = manifest.lineage;
  if (origin == null || !isForeign(manifest)) return originOf(manifest).run_id;
  const table = origin.from === "csv" ? origin.experiment : null;
  return runIdFrom(JSON.stringify([origin.from, table, origin.run_id, manifest.queued_at]), dayOf(manifest.queued_at));
}

const dayOf = (queuedAt: string) => Math.max(0, Date.parse(queuedAt) || 0);

/** `sums`: the text of its SHA256SUMS, "" where it has none. */
export function contentId(manifest: Manifest, sums: string): string {
  const { argv, cwd, status, queued_at, started_at, ended_at, exit_code, signal } = manifest;
  const lines = sums.split("\n").filter((line) => line !== "");
  const facts = [argv, cwd, status, queued_at, started_at, ended_at, exit_code, signal, manifest.environment.snapshot];
  const text = JSON.stringify([originOf(manifest).run_id, ...facts, lines.sort()]);
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}
