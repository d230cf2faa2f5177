/**
 * Advisory locks owned by the kernel: flock(2) on a file beside the thing, released when the holder dies, however it
 * dies. flock belongs to the open file, so two holders exclude each other even within one process.
 */
import { dlopen, FFIType } from "bun:ffi";
import * as fs from "node:fs";
import { MlError, systemCode } from "./error.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;

type Flock = (fd: number, operation: number) => number;
let flock: Flock | null = null;

function loadFlock(): Flock {
  if (flock === null) {
    const library = process.platform === "darwin" ? "libSystem.B.dylib" : "libc.so.6";
    flock = dlopen(library, { flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 } }).symbols
      .flock as Flock;
  }
  return flock;
}

export interface FileLock {
  release(): void;
}

/** Appending, or reading where the file is there and its file system takes no writes: flock(2) wants either. */
function openForLock(path: string): number {
  try {
    return fs.openSync(path, "a", 0o600);
  } catch (cause) {
    if (systemCode(cause) !== "EROFS" || !fs.existsSync(path)) throw cause;
    return fs.openSync(path, "r");
  }
}

/** Takes the lock on `path` (created where missing) if it is free now; else null. Throws system errors. */
export function tryLock(path: string): FileLock | null {
  const fd = openForLock(path);
  if (loadFlock()(fd, LOCK_EX | LOCK_NB) !== 0) {
    fs.closeSync(fd);
    return null;
  }
  return { release: () => fs.closeSync(fd) };
}

/** The lock on `path`, asked for every `everyMs`; null where it is not to be had within `timeoutMs`. */
function lockWithin(path: string, timeoutMs: number, everyMs: number): FileLock | null {
  const deadline = performance.now() + timeoutMs;
  let lock = tryLock(path);
  while (lock === null && performance.now() <= deadline) {
    Bun.sleepSync(everyMs);
    lock = tryLock(path);
  }
  return lock;
}

/**
 * Takes the lock that a process holds for its life; null where another one lives. A holder that was just killed can have a
 * child that was forked and has not become its own program yet: it has the open file a moment longer.
 */
export function takeLifeLock(path: string, graceMs = 1000): FileLock | null {
  return lockWithin(path, graceMs, 20);
}

/** Holds the lock on `path` while `act` runs; waits for it up to `timeoutMs`, then throws `try_later`. */
export function withLock<T>(path: string, act: () => T, timeoutMs = 5000): T {
  const lock = lockWithin(path, timeoutMs, 2);
  if (lock === null)
    throw new MlError("try_later", `waited ${timeoutMs} ms for the lock \`${path}\`, which another process holds`);
  try {
    return act();
  } finally {
    lock.release();
  }
}
