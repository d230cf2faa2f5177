/**
 * Arguments that are no UTF-8. The runtime hands them over with U+FFFD in place of what it cannot decode; queueing that
 * would run something else than was typed, so it is refused. The true bytes are in /proc/self/cmdline (proc(5)).
 */
import { readFileSync } from "node:fs";
import { MlError } from "../core/error.ts";

/** Throws `usage` naming the first word that is not UTF-8. `words` stand last on our own command line. */
export function requireUtf8(words: readonly string[]): void {
  if (!words.some((word) => word.includes("\ufffd"))) return;
  let raw: Buffer[];
  try {
    raw = splitAtNul(readFileSync("/proc/self/cmdline"));
  } catch {
    return;
  }
  const bad = raw.find((bytes) => !isUtf8(bytes));
  if (bad === undefined) return;
  const shown = bad
    .toString("latin1")
    .replaceAll(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
  throw new MlError("usage", `argument \`${shown}\` is not valid UTF-8, and would not arrive as it was typed`, {
    hint: "rename the file, or put the argument into a script that is queued instead",
    data: { index: words.findIndex((word) => word.includes("\ufffd")) },
  });
}

function splitAtNul(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  let start = 0;
  for (let end = bytes.indexOf(0); end >= 0; end = bytes.indexOf(0, start)) {
    parts.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return parts;
}

function isUtf8(bytes: Buffer): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
