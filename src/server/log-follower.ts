/**
 * Watches one log grow: the kernel tells (inotify on the run folder, so that a file that is yet to come, or is replaced,
 * is seen too), and a look once a second finds what a network mount kept quiet about. Tells sizes, and the bytes
 * themselves where they are few.
 *
 * A size that goes down means that the file was cut or replaced: the reader starts again from 0. Being watched costs a
 * script that prints at full speed next to nothing: the faster the log grows the more rarely it is told, and the kernel's
 * telling is switched off until it is calm again.
 */
import * as fs from "node:fs";
import { basename } from "node:path";
import { type AddedBytes, limits } from "../protocol/frames.ts";
import { readAdded } from "./log-bytes.ts";

export interface Growth {
  size: number;
  ended: boolean;
  /** What is new since the last telling; null where it is nothing, much, or not an addition. */
  added: AddedBytes | null;
}

export interface LogFollowerOptions {
  folder: string;
  file: string;
  isEnded(): boolean;
  onGrowth(growth: Growth): void;
}

const lookMs = 1000;
/** Words of the kernel between two tellings from which on we rather look by ourselves. */
const floodWords = 64;

/** How long to be quiet after telling of so many new bytes. */
function quietMs(addedBytes: number): number {
  if (addedBytes > 1024 * 1024) return 100;
  return addedBytes > 64 * 1024 ? 20 : 4;
}

export class LogFollower {
  private watcher: fs.FSWatcher | null = null;
  private readonly timer: ReturnType<typeof setInterval>;
  private pending: ReturnType<typeof setTimeout> | null = null;
  private quietUntilMs = Number.NEGATIVE_INFINITY;
  private words = 0;
  private flooded = false;
  private size = -1;
  private inode = 0;
  private ended = false;
  /** What was told last; of another file where the inode is another. */
  private told = { size: -1, inode: 0 };

  constructor(private readonly options: LogFollowerOptions) {
    this.watch();
    this.timer = setInterval(() => this.look(), lookMs);
    this.timer.unref();
    this.measure();
  }

  private watch(): void {
    const name = basename(this.options.file);
    try {
      this.watcher = fs.watch(this.options.folder, { persistent: false }, (_, changed) => {
        if (changed === null || changed === name) this.hear();
      });
      this.watcher.on("error", () => this.unwatch());
    } catch {
      // Out of inotify watches, or no such folder: the timer looks.
    }
  }

  private hear(): void {
    this.words += 1;
    if (this.words > floodWords && this.watcher !== null) {
      this.flooded = true;
      this.unwatch();
    }
    this.look();
  }

  private measure(): boolean {
    const stat = fs.statSync(this.options.file, { throwIfNoEntry: false });
    const size = stat?.size ?? 0;
    const ended = this.options.isEnded();
    if (size === this.size && ended === this.ended) return false;
    this.size = size;
    this.inode = stat?.ino ?? 0;
    this.ended = ended;
    return true;
  }

  /** Looks now, or soon where it was told of just now. */
  look(): void {
    if (this.pending !== null) return;
    const waitMs = this.quietUntilMs - performance.now();
    if (waitMs > 0) {
      this.lookIn(waitMs);
      return;
    }
    this.words = 0;
    const isNew = this.measure();
    if (isNew) this.tell();
    if (!this.flooded) return;
    if (isNew) {
      this.lookIn(this.quietUntilMs - performance.now());
      return;
    }
    this.flooded = false;
    this.watch();
    if (this.measure()) this.tell();
  }

  private lookIn(waitMs: number): void {
    this.pending = setTimeout(() => {
      this.pending = null;
      this.look();
    }, waitMs);
  }

  private added(): AddedBytes | null {
    const { told, size } = this;
    if (told.size < 0 || size <= told.size || size - told.size > limits.addedBytes) return null;
    if (told.inode !== this.inode && told.size > 0) return null;
    return readAdded(this.options.file, told.size, size);
  }

  private tell(): void {
    const { size, ended } = this;
    const added = this.added();
    this.quietUntilMs = performance.now() + quietMs(this.told.size < 0 ? 0 : size - this.told.size);
    this.told = { size, inode: this.inode };
    this.options.onGrowth({ size, ended, added });
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
