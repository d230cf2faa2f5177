/**
 * `<target>.done`: the files of a copy that are whole, so that a copy that was cut goes on behind them. A mark speaks for bytes that may
 * not be on the disk yet, so it holds for the boot of the machine in which it was written: a power cut takes all marks back.
 */
import { appendFileSync, existsSync, readFileSync, rmSync } from "node:fs";
import { bootId } from "../core/process-identity.ts";

/** What an earlier try finished since the machine started. Throws system errors. */
export function readMarks(path: string): Set<string> {
  if (!existsSync(path)) return new Set();
  // The last word is a torn one, or empty.
  const [boot, ...files] = readFileSync(path, "utf8").split("\0").slice(0, -1);
  return new Set(boot === bootId() ? files : []);
}

/** Throws system errors. */
export function addMarks(path: string, files: readonly string[]): void {
  const head = existsSync(path) ? [] : [bootId()];
  appendFileSync(path, [...head, ...files].map((word) => `${word}\0`).join(""));
}

/** Those that hold no more are gone. Throws system errors. */
export function dropOldMarks(path: string): void {
  if (readMarks(path).size === 0) rmSync(path, { force: true });
}
