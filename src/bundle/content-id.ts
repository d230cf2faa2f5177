/**
 * When are two records the same run? Its first id, what was run, when, how it ended, and every sum of its seal: what nobody
 * changes afterwards. What people write, who owns the copy and what was pruned do not count, so a run that was carried away,
 * annotated and carried back is still the same.
 */
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

/** `sums`: the text of its SHA256SUMS, "" where it has none. */
export function contentId(manifest: Manifest, sums: string): string {
  const { argv, cwd, status, queued_at, started_at, ended_at, exit_code, signal } = manifest;
  const lines = sums.split("\n").filter((line) => line !== "");
  const facts = [argv, cwd, status, queued_at, started_at, ended_at, exit_code, signal, manifest.environment.snapshot];
  const text = JSON.stringify([originOf(manifest).run_id, ...facts, lines.sort()]);
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}
