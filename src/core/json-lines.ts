/**
 * JSON Lines that may end in the middle of a record: a writer can be killed at any byte. A line that does not parse
 * is skipped and counted, never thrown.
 */
import { readFileSync } from "node:fs";
import { systemCode } from "./error.ts";

export interface ParsedLines<T> {
  records: T[];
  /** How many non-empty lines were no JSON objects: torn or damaged. */
  skipped: number;
}

export function parseJsonLines<T>(text: string): ParsedLines<T> {
  const records: T[] = [];
  let skipped = 0;
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    try {
      const value: unknown = JSON.parse(line);
      if (typeof value === "object" && value !== null) records.push(value as T);
      else skipped += 1;
    } catch {
      skipped += 1;
    }
  }
  return { records, skipped };
}

/** Reads a JSON Lines file; a missing file has no records. Throws other system errors. */
export function readJsonLines<T>(path: string): ParsedLines<T> {
  try {
    return parseJsonLines<T>(readFileSync(path, "utf8"));
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return { records: [], skipped: 0 };
    throw cause;
  }
}

/** A JSON file as a value, or null where it is missing, torn or no JSON. */
export function readJsonFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return null;
  }
}
