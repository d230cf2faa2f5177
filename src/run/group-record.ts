/**
 * What people think of a group of runs, as plain files of the base: `groups/<name>.json`, and beside it
 * `groups/<name>.history.jsonl` with every change, written first. A group exists without one: its runs name it.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { appendDurable, writeDurable } from "../core/durable.ts";
import { MlError, messageOf, systemCode } from "../core/error.ts";
import { readJsonLines } from "../core/json-lines.ts";
import type { HistoryEntry } from "./history.ts";
import { narrativeSchema } from "./manifest.ts";
import type { BasePaths } from "./paths.ts";

export const groupSchema = z.looseObject({
  schema_version: z.number().int().default(1),
  group: z.string(),
  created_at: z.string(),
  created_by: z.string(),
  note: z.string().nullable().default(null),
  narrative: narrativeSchema.prefault({}),
});
export type GroupRecord = z.infer<typeof groupSchema>;

/** The file's name: the group's own where that is a plain word, else what of it is plain and the beginning of its hash. */
export function groupFileName(group: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(group) && !group.endsWith(".history")) return group;
  const slug = group.replace(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "");
  const hash = new Bun.CryptoHasher("sha256").update(group).digest("hex").slice(0, 10);
  return `${slug.slice(0, 80) || "group"}~${hash}`;
}

const recordPath = (base: BasePaths, group: string) => join(base.groups, `${groupFileName(group)}.json`);
const historyPath = (base: BasePaths, group: string) => join(base.groups, `${groupFileName(group)}.history.jsonl`);

/** Null where nobody has written anything about the group. Throws `failed` where the file is damaged. */
export function readGroup(base: BasePaths, group: string): GroupRecord | null {
  const path = recordPath(base, group);
  let text: string;
  try {
    text = fs.readFileSync(path, "utf8");
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return null;
    throw cause;
  }
  try {
    return groupSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new MlError("failed", `what was written about group \`${group}\` is damaged: \`${path}\``, {
      cause: messageOf(cause).split("\n")[0],
      hint: `its history is whole: ${historyPath(base, group)}`,
    });
  }
}

/** Appends the entries to the group's history, then replaces its record. One server writes a base at a time. */
export function writeGroup(base: BasePaths, record: GroupRecord, entries: readonly HistoryEntry[]): void {
  fs.mkdirSync(base.groups, { recursive: true, mode: 0o700 });
  appendDurable(historyPath(base, record.group), entries.map((entry) => JSON.stringify(entry)).join("\n"));
  writeDurable(recordPath(base, record.group), `${JSON.stringify(record, null, 2)}\n`);
}

export function readGroupHistory(base: BasePaths, group: string): HistoryEntry[] {
  return readJsonLines<HistoryEntry>(historyPath(base, group)).records;
}

/** Records of all groups that somebody has written about, damaged ones left out, by name. */
export function listGroups(base: BasePaths): GroupRecord[] {
  let names: string[];
  try {
    names = fs.readdirSync(base.groups).filter((name) => name.endsWith(".json"));
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return [];
    throw cause;
  }
  return names.sort().flatMap((name) => {
    try {
      const { success, data } = groupSchema.safeParse(JSON.parse(fs.readFileSync(join(base.groups, name), "utf8")));
      return success ? [data] : [];
    } catch {
      return [];
    }
  });
}
