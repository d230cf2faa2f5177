/**
 * Watches one log grow: the kernel tells (inotify on the run folder, so that a file that is yet to come, or is replaced,
 * is seen too), and a look once a second finds what a network mount kept quiet about. Tells sizes only.
 *
 * A size that goes down means that the file was cut or replaced: the reader starts again from 0.
 */
import * as fs from "node:fs";
import { basename } from "node:path";

export interface LogFollowerOptions {
  folder: string;
  file: string;
  isEnded(): boolean;
  onGrowth(sizeBytes: number, ended: boolean): void;
}

/** At full speed a log grows thousands of times a second; a reader learns of it at most this often, the first time at once. */
const quietMs = 4;
const lookMs = 1000;

export class LogFollower {
  private watcher: fs.FSWatcher | null = null;
  private readonly timer: ReturnType<typeof setInterval>;
  private pending: ReturnType<typeof setTimeout> | null = null;
  private toldAtMs = Number.NEGATIVE_INFINITY;
  private size = -1;
  private ended = false;

  constructor(private readonly options: LogFollowerOptions) {
    const name = basename(options.file);
    try {
      this.watcher = fs.watch(options.folder, { persistent: false }, (_, changed) => {
        if (changed === null || changed === name) this.look();
      });
      this.watcher.on("error", () => this.unwatch());
    } catch {
      // Out of inotify watches, or no such folder: the timer looks.
    }
    this.timer = setInterval(() => this.look(), lookMs);
    this.timer.unref();
    this.measure();
  }

  private measure(): boolean {
    const size = fs.statSync(this.options.file, { throwIfNoEntry: false })?.size ?? 0;
    const ended = this.options.isEnded();
    if (size === this.size && ended === this.ended) return false;
    this.size = size;
    this.ended = ended;
    return true;
  }

  /** Looks now, or soon where it was told of just now. */
  look(): void {
    if (this.pending !== null) return;
    const waitMs = this.toldAtMs + quietMs - performance.now();
    if (waitMs > 0) {
      this.pending = setTimeout(() => {
        this.pending = null;
        this.look();
      }, waitMs);
      return;
    }
    if (this.measure()) this.tell();
  }

  private tell(): void {
    this.toldAtMs = performance.now();
    this.options.onGrowth(this.size, this.ended);
  }

  /** A new reader has come: tells it where things stand, in a turn of its own. */
  tellSoon(): void {
    setImmediate(() => {
      this.measure();
      this.tell();
    });
  }

  private unwatch(): void {
    this.watcher?.close();
    this.watcher = null;
  }

  close(): void {
    this.unwatch();
    clearInterval(this.timer);
    if (this.pending !== null) clearTimeout(this.pending);
  }
}
