/**
 * Rings soon after one of some running scripts has written where metrics come from. The kernel tells (inotify on the run
 * folder); one word of it is enough, and that folder is not listened to again before the ring, so that a script which
 * prints at full speed costs no more than one that prints now and then. On a network mount the kernel may keep quiet:
 * whoever listens here looks by itself now and then as well.
 */
import * as fs from "node:fs";
import { basename } from "node:path";
import type { RunPaths } from "../run/paths.ts";

/** A value is judged this soon, and a look costs a hundredth of a core at most where it takes a millisecond. */
const ringMs = 100;
/** What a ring sets off may take up to this share of the time; but where it is slow because the disk is, nobody waits longer than this. */
const mostShare = 0.05;
const mostQuietMs = 1000;

export class MetricBell {
  /** run id → its watch; null while it waits for the ring. */
  private readonly watched = new Map<string, { paths: RunPaths; watcher: fs.FSWatcher | null }>();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private busy = false;
  private again = false;
  private notBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly onRing: () => Promise<void>) {}

  /** Listens to exactly these from now on. */
  listenTo(all: readonly RunPaths[]): void {
    const wanted = new Set(all.map((paths) => paths.runId));
    for (const [runId, { watcher }] of this.watched) {
      if (wanted.has(runId)) continue;
      watcher?.close();
      this.watched.delete(runId);
    }
    for (const paths of all) if (!this.watched.has(paths.runId)) this.add(paths);
  }

  private add(paths: RunPaths): void {
    this.watched.set(paths.runId, { paths, watcher: null });
    this.listen(paths);
    // It may have written before it was listened to.
    this.ringSoon();
  }

  private listen(paths: RunPaths): void {
    const entry = this.watched.get(paths.runId);
    if (entry === undefined || entry.watcher !== null) return;
    const names = [paths.metrics, paths.passiveMetrics, paths.outputLog, paths.stdoutLog].map((path) => basename(path));
    const quiet = () => {
      entry.watcher?.close();
      entry.watcher = null;
    };
    try {
      entry.watcher = fs.watch(paths.folder, { persistent: false }, (_, name) => {
        if (name !== null && !names.includes(name)) return;
        quiet();
        this.ringSoon();
      });
      entry.watcher.on("error", quiet);
    } catch {
      // Out of inotify watches, or no such folder: those who look by themselves find it.
    }
  }

  /** Rings after a moment, in which more may be written; once for all that asks for it meanwhile. */
  ringSoon(): void {
    if (this.busy) this.again = true;
    if (this.timer !== null || this.busy) return;
    const delayMs = Math.max(ringMs, this.notBeforeMs - performance.now());
    this.timer = setTimeout(() => void this.ring(), delayMs);
    this.timer.unref();
  }

  private async ring(): Promise<void> {
    this.timer = null;
    this.busy = true;
    this.again = false;
    const beganMs = performance.now();
    // Listened to before it is looked at, so that nothing falls between the two.
    for (const { paths } of this.watched.values()) this.listen(paths);
    await this.onRing().catch(() => {});
    const tookMs = performance.now() - beganMs;
    this.notBeforeMs = performance.now() + Math.min(mostQuietMs, tookMs / mostShare);
    this.busy = false;
    if (this.again) this.ringSoon();
  }

  close(): void {
    this.listenTo([]);
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.again = false;
  }
}
