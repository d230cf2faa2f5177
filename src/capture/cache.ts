/**
 * Answers that are worth keeping between runs, one JSON file each. Only a cache: a missing, torn or unwritable file is
 * a miss, deleting the folder is always safe, and nothing secret may be put into it.
 */
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeDurable } from "../core/durable.ts";

export interface Cache {
  /** The value last kept for `name` under exactly this `key`, or null. Throws nothing. */
  get(name: string, key: string): Promise<unknown>;
  /** Throws nothing; where it cannot be kept, the next run asks again. */
  put(name: string, key: string, value: unknown): void;
}

/** `name` says what is kept (one file per name); `key` says what it depends on, and a change of it is a miss. */
export function folderCache(folder: string): Cache {
  const pathOf = (name: string) => join(folder, `${createHash("sha256").update(name).digest("hex").slice(0, 24)}.json`);
  return {
    async get(name, key) {
      try {
        const kept = JSON.parse(await readFile(pathOf(name), "utf8")) as { key?: unknown; value?: unknown };
        return kept.key === key ? (kept.value ?? null) : null;
      } catch {
        return null;
      }
    },
    put(name, key, value) {
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        writeDurable(pathOf(name), JSON.stringify({ key, value }), { mode: 0o600, sync: false });
      } catch {
        // A cache that cannot be written is only slow.
      }
    },
  };
}
