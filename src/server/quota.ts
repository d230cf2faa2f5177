/**
 * How much the artifacts of a user's runs take, and whether another run may be queued on top. Drawn from the index and, for
 * runs that still write, from their folders; remembered for some seconds. Nothing is counted where no quota is set.
 */
import * as fs from "node:fs";
import type { Catalog } from "../catalog/catalog.ts";
import { MlError } from "../core/error.ts";
import { formatSize } from "../core/size.ts";
import type { BasePaths } from "../run/paths.ts";
import { readPruned } from "../run/pruned.ts";
import type { RunRecord } from "../run/run-record.ts";
import { sizeOf } from "./removal.ts";

const holdsMs = 10_000;
const mostRuns = 100_000;

export class Quota {
  private readonly known = new Map<string, { bytes: number; atMs: number }>();

  constructor(
    private readonly base: BasePaths,
    private readonly catalog: Catalog,
    /** Null: no limit. */
    private readonly limitBytes: number | null,
  ) {}

  /** Bytes of all artifacts of this user that are still there. */
  async usedBytes(user: string): Promise<number> {
    const known = this.known.get(user);
    if (known !== undefined && performance.now() - known.atMs < holdsMs) return known.bytes;
    let bytes = 0;
    for (const run of this.catalog.list({ user, limit: mostRuns })) bytes += await this.bytesOf(run);
    this.known.set(user, { bytes, atMs: performance.now() });
    return bytes;
  }

  private async bytesOf({ run_id: runId, status, artifacts }: RunRecord): Promise<number> {
    const paths = this.base.run(runId);
    if (status === "running") return sizeOf(paths.work);
    if (artifacts === null || artifacts.total_size_bytes === 0) return 0;
    if (!fs.existsSync(paths.history)) return artifacts.total_size_bytes;
    let pruned = 0;
    for (const file of readPruned(paths).values()) pruned += file.size_bytes;
    return Math.max(0, artifacts.total_size_bytes - pruned);
  }

  /** Something of this user has gone. */
  forget(user: string): void {
    this.known.delete(user);
  }

  /** Throws `refused` with the cure where the user's artifacts take more than they may. */
  async requireRoom(user: string): Promise<void> {
    if (this.limitBytes === null) return;
    const bytes = await this.usedBytes(user);
    if (bytes <= this.limitBytes) return;
    const allowed = formatSize(this.limitBytes);
    throw new MlError(
      "refused",
      `queueing was refused: the artifacts of \`${user}\` take ${formatSize(bytes)}, more than the ${allowed} that \`user_quota_gb\` allows`,
      { hint: "`ml prune --superseded --dry-run` and `ml prune --older-than 30d --dry-run` show what can go" },
    );
  }
}
