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

/** What was last read or written here, so that a busy worker need not read it again; the oldest goes first. */
const memory = new Map<string, { key: string; value: unknown }>();
const memoryEntries = 200;

function memorise(path: string, key: string, value: unknown): void {
  memory.delete(path);
  memory.set(path, { key, value });
  for (const oldest of memory.keys()) {
    if (memory.size <= memoryEntries) break;
    memory.delete(oldest);
  }
}

const answers = new Map<string, { untilMs: number; answer: Promise<unknown> }>();

/** The answer of the last `forMs` milliseconds to the same question, or a new one; a failed one is not kept. */
export function remembered<T>(question: string, forMs: number, ask: () => Promise<T>): Promise<T> {
  const known = answers.get(question);
  if (known !== undefined && performance.now() < known.untilMs) return known.answer as Promise<T>;
  const answer = ask();
  answers.set(question, { untilMs: performance.now() + forMs, answer });
  answer.catch(() => answers.delete(question));
  return answer;
}

/** `name` says what is kept (one file per name); `key` says what it depends on, and a change of it is a miss. */
export function folderCache(folder: string): Cache {
  const pathOf = (name: string) => join(folder, `${createHash("sha256").update(name).digest("hex").slice(0, 24)}.json`);
  return {
    async get(name, key) {
      const path = pathOf(name);
      const held = memory.get(path);
      if (held?.key === key) return held.value;
      try {
        const kept = JSON.parse(await readFile(path, "utf8")) as { key?: unknown; value?: unknown };
        if (kept.key !== key) return null;
        memorise(path, key, kept.value ?? null);
        return kept.value ?? null;
      } catch {
        return null;
      }
    },
    put(name, key, value) {
      memorise(pathOf(name), key, value);
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        writeDurable(pathOf(name), JSON.stringify({ key, value }), { mode: 0o600, sync: false });
      } catch {
        // A cache that cannot be written is only slow.
      }
    },
  };
}
