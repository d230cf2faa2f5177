/**
 * The workers of this base, by their heartbeat files (workers/<name>.json). From them the server learns which runs
 * changed under workers in other processes: each file carries the last changes, numbered.
 *
 * Files are watched, and looked at on each tick too, because a network mount tells nothing.
 */
import * as fs from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { type Clock, isoTime } from "../core/clock.ts";
import { readJsonFile } from "../core/json-lines.ts";
import { bootId, isSameProcess, type ProcessIdentity } from "../core/process-identity.ts";
import type { WorkerState } from "../protocol/requests.ts";
import type { Requested } from "../run/manifest.ts";
import { capacityOf } from "../schedule/facts.ts";
import { cannotEver } from "../schedule/fit.ts";

/** After this long without a heartbeat a worker counts as gone. */
const aliveMs = 15_000;

interface Heartbeat extends WorkerState {
  boot: string;
  start: string;
  changes: { n: number; run_id: string }[];
}

const isRecord = (given: unknown): given is Record<string, unknown> =>
  typeof given === "object" && given !== null && !Array.isArray(given);

const numbers = (given: unknown): WorkerState["capacity"] => {
  const from = (given ?? {}) as Record<string, unknown>;
  const known = (key: string) => (typeof from[key] === "number" ? (from[key] as number) : null);
  return {
    slots: known("slots") ?? 0,
    cpu_cores: known("cpu_cores") ?? 0,
    gpus: known("gpus") ?? 0,
    ram_gb: known("ram_gb"),
    disk_gb: known("disk_gb"),
  };
};
const texts = (given: unknown): string[] => (Array.isArray(given) ? given.map(String) : []);

/** A heartbeat file with whatever it has; null where it is none: one that is damaged must not say that there is no CPU. */
function readHeartbeat(path: string, name: string): Heartbeat | null {
  const found = readJsonFile(path);
  if (!isRecord(found) || !isRecord(found.capacity)) return null;
  return {
    worker: String(found.worker ?? name),
    host: String(found.host ?? ""),
    pid: Number(found.pid ?? 0),
    version: String(found.version ?? ""),
    seen_at: String(found.seen_at ?? found.at ?? ""),
    alive: false,
    draining: found.draining === true,
    capacity: numbers(found.capacity),
    free: numbers(found.free),
    running: texts(found.running),
    holding: Array.isArray(found.holding) ? (found.holding as WorkerState["holding"]) : [],
    door: Array.isArray(found.door) ? (found.door as WorkerState["door"]) : [],
    gpus: Array.isArray(found.gpus) ? (found.gpus as WorkerState["gpus"]) : [],
    gpus_seen_at: typeof found.gpus_seen_at === "string" ? found.gpus_seen_at : null,
    gpu_problem: typeof found.gpu_problem === "string" ? found.gpu_problem : null,
    uses: Array.isArray(found.uses) ? (found.uses as WorkerState["uses"]) : [],
    venvs:
      isRecord(found.venvs) && Array.isArray(found.venvs.built)
        ? (found.venvs as unknown as WorkerState["venvs"])
        : null,
    images:
      isRecord(found.images) && Array.isArray(found.images.pulled)
        ? (found.images as unknown as WorkerState["images"])
        : null,
    data:
      isRecord(found.data) && Array.isArray(found.data.copies) ? (found.data as unknown as WorkerState["data"]) : null,
    silent_data: Array.isArray(found.silent_data) ? (found.silent_data as WorkerState["silent_data"]) : [],
    mounts: Array.isArray(found.mounts) ? (found.mounts as WorkerState["mounts"]) : [],
    problems: texts(found.problems),
    boot: String(found.boot ?? ""),
    start: String(found.start ?? ""),
    changes: Array.isArray(found.changes) ? (found.changes.filter(isRecord) as unknown as Heartbeat["changes"]) : [],
  };
}

interface Known {
  stamp: string;
  heartbeat: Heartbeat;
  mtimeMs: number;
  lastChange: number;
}

export interface WorkerBoardOptions {
  folder: string;
  clock: Clock;
  /** A worker says that this run changed. */
  onChange(runId: string): void;
  /** More happened than the file can tell: look at every live run. */
  onGap(): void;
}

export class WorkerBoard {
  private readonly known = new Map<string, Known>();
  private watcher: fs.FSWatcher | null = null;

  constructor(private readonly options: WorkerBoardOptions) {
    try {
      this.watcher = fs.watch(options.folder, { persistent: false }, (_, name) => {
        if (name === null || (name.endsWith(".json") && !this.isOwn(name))) this.look();
      });
      this.watcher.on("error", () => this.close());
    } catch {
      // The ticks look.
    }
    this.look();
  }

  /** The worker in our own process tells us itself: its file is read when somebody asks, and on each tick. */
  private isOwn(name: string): boolean {
    const heartbeat = this.known.get(name)?.heartbeat;
    return heartbeat !== undefined && heartbeat.pid === process.pid && heartbeat.boot === bootId();
  }

  /** Reads the heartbeats that changed. Throws nothing. */
  look(): void {
    let names: string[] = [];
    try {
      names = fs.readdirSync(this.options.folder).filter((name) => name.endsWith(".json") && !name.startsWith("."));
    } catch {
      return;
    }
    for (const name of this.known.keys()) if (!names.includes(name)) this.known.delete(name);
    for (const name of names) this.lookAt(name);
  }

  private lookAt(name: string): void {
    const path = join(this.options.folder, name);
    const stat = fs.statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return;
    const stamp = `${stat.mtimeMs}:${stat.ino}:${stat.size}`;
    const before = this.known.get(name);
    if (before?.stamp === stamp) return;
    const heartbeat = readHeartbeat(path, name.slice(0, -5));
    if (heartbeat === null) return;
    const last = heartbeat.changes.at(-1)?.n ?? 0;
    this.known.set(name, { stamp, heartbeat, mtimeMs: stat.mtimeMs, lastChange: last });
    if (heartbeat.pid === process.pid && heartbeat.boot === bootId()) return;
    const restarted = before !== undefined && (before.heartbeat.start !== heartbeat.start || last < before.lastChange);
    // What this process's own worker did it has told us itself.
    const since = before === undefined || restarted ? 0 : before.lastChange;
    const first = heartbeat.changes[0]?.n ?? 0;
    if (before !== undefined && first > since + 1) this.options.onGap();
    for (const { n, run_id } of heartbeat.changes) if (n > since) this.options.onChange(run_id);
  }

  private isAlive({ heartbeat, mtimeMs }: Known): boolean {
    const { pid, boot, start, host } = heartbeat;
    if (host === hostname() && boot !== "" && start !== "") {
      const identity: ProcessIdentity = { pid, boot, start };
      if (!isSameProcess(identity)) return false;
    }
    return Math.abs(this.options.clock.nowMs() - mtimeMs) < aliveMs;
  }

  states(): WorkerState[] {
    this.look();
    return [...this.known.values()]
      .map((known) => {
        const { boot: _b, start: _s, changes: _c, ...state } = known.heartbeat;
        return { ...state, seen_at: isoTime(known.mtimeMs), alive: this.isAlive(known) };
      })
      .sort((a, b) => (a.worker < b.worker ? -1 : 1));
  }

  /**
   * Why none of the living workers could ever hold this; null where one could, or none is known. Where a driver does not
   * answer nobody knows how many GPUs there are: then they are no reason.
   */
  cannotEver(requested: Requested): string | null {
    const reasons = this.states()
      .filter((state) => state.alive)
      .map((state) => {
        const unknown = state.gpu_problem !== null && state.gpus.length === 0;
        return cannotEver(unknown ? { ...requested, gpus: 0 } : requested, capacityOf(state));
      });
    return reasons.includes(null) ? null : (reasons.at(-1) ?? null);
  }

  /** One sentence for each worker that has something wrong. */
  problems(): string[] {
    return this.states().flatMap((state) => [
      ...state.problems.map((problem) => `worker \`${state.worker}\`: ${problem}`),
      ...(state.alive || state.running.length === 0
        ? []
        : [
            `worker \`${state.worker}\` is gone since ${state.seen_at}; its ${state.running.length} runs go on by themselves`,
          ]),
    ]);
  }

  close(): void {
    this.watcher?.close();
    this.watcher = null;
  }
}
