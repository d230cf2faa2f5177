/**
 * `audit.jsonl` in the base: who did what to which runs, when, from where and why, refusals included. Append only; server
 * and workers write whole lines, readers go from its end.
 */
import * as fs from "node:fs";
import { appendDurable } from "../core/durable.ts";

export interface AuditLine {
  at: string;
  /** A user, or `ml` where the rules did it. */
  by: string;
  role: string;
  from: string;
  action: string;
  result: "done" | "refused";
  runs: string[];
  detail: string | null;
}

/** Not synced: a deed is in the run's own history as well. Throws system errors. */
export function noteDeed(path: string, line: AuditLine): void {
  appendDurable(path, JSON.stringify(line), { mode: 0o600, sync: false });
}

/** Read from the end in pieces of this many bytes, and no more of them than this. */
const pieceBytes = 256 * 1024;
const mostBytes = 64 * 1024 * 1024;

function parseLine(text: string): AuditLine | null {
  try {
    const found = JSON.parse(text) as AuditLine;
    return typeof found.at === "string" && typeof found.action === "string" ? found : null;
  } catch {
    return null;
  }
}

/** The newest lines that `wanted` takes, newest first, at most `limit`. A missing file has none; torn lines are passed over. */
export function readAudit(path: string, limit: number, wanted: (line: AuditLine) => boolean): AuditLine[] {
  const found: AuditLine[] = [];
  let fd: number;
  try {
    fd = fs.openSync(path, "r");
  } catch {
    return found;
  }
  try {
    let end = fs.fstatSync(fd).size;
    const stop = Math.max(0, end - mostBytes);
    let rest = Buffer.alloc(0);
    while (end > stop && found.length < limit) {
      const start = Math.max(stop, end - pieceBytes);
      const piece = Buffer.alloc(end - start);
      fs.readSync(fd, piece, 0, piece.length, start);
      const bytes = Buffer.concat([piece, rest]);
      const cut = start === 0 ? 0 : bytes.indexOf(10) + 1;
      rest = bytes.subarray(0, cut);
      for (const text of bytes.subarray(cut).toString("utf8").split("\n").reverse()) {
        const line = text === "" ? null : parseLine(text);
        if (line !== null && wanted(line)) found.push(line);
        if (found.length >= limit) break;
      }
      end = start;
    }
    return found;
  } finally {
    fs.closeSync(fd);
  }
}
