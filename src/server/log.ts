/**
 * What the server says of itself: one line an event, `time level what key=value …`, to stderr or a file. Never a key,
 * never a header, never the text of a run.
 */
import * as fs from "node:fs";
import { isoTime } from "../core/clock.ts";

export type Level = "info" | "warn" | "error";
export type Fact = string | number | boolean | null;

export interface Log {
  say(level: Level, what: string, facts?: Record<string, Fact>): void;
  close(): void;
}

const rotateBytes = 16 * 1024 * 1024;

function lineOf(level: Level, what: string, facts: Record<string, Fact>): string {
  const rest = Object.entries(facts).map(
    ([key, value]) => ` ${key}=${typeof value === "string" ? JSON.stringify(value) : value}`,
  );
  return `${isoTime(Date.now())} ${level} ${what}${rest.join("")}\n`;
}

/** A log on stderr (`path` null) or in a file of at most twice 16 MiB. A log that cannot be written is no reason to stop. */
export function openLog(path: string | null): Log {
  let fd = path === null ? 2 : fs.openSync(path, "a", 0o600);
  let written = path === null ? 0 : fs.fstatSync(fd).size;
  const rotate = (name: string) => {
    fs.closeSync(fd);
    fs.renameSync(name, `${name}.1`);
    fd = fs.openSync(name, "a", 0o600);
    written = 0;
  };
  return {
    say(level, what, facts = {}) {
      const line = lineOf(level, what, facts);
      try {
        if (path !== null && written > rotateBytes) rotate(path);
        fs.writeSync(fd, line);
        written += Buffer.byteLength(line);
      } catch {
        // A full disk or a closed terminal; the server goes on.
      }
    },
    close() {
      if (path !== null) fs.closeSync(fd);
    },
  };
}

/** A log that says nothing, for tests. */
export const silentLog: Log = { say: () => {}, close: () => {} };
