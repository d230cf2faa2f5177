/** What a narrative belongs to: runs by any of their names, or groups as `group:NAME`; and who may change it. */
import { isoTime } from "../core/clock.ts";
import { MlError } from "../core/error.ts";
import { type GroupRecord, groupSchema, readGroup } from "../run/group-record.ts";
import type { Context } from "./context.ts";

/** The group's name where the target is one, else null. Throws `usage` for an empty name. */
export function groupOf(target: string): string | null {
  if (!target.startsWith("group:")) return null;
  const group = target.slice("group:".length).trim();
  if (group === "") throw new MlError("usage", "`group:` names no group", { hint: "write `group:NAME`" });
  return group;
}

/** What is written about the group, or an empty record. Throws `not_found` where neither a run nor a word is there. */
export function requireGroup(context: Context, group: string): GroupRecord {
  const record = readGroup(context.base, group);
  if (record !== null) return record;
  if (context.catalog.list({ group, limit: 1 }).length === 0) {
    throw new MlError("not_found", `no run is in a group \`${group}\``, {
      hint: "`ml narrative set RUN group=NAME` puts one there",
    });
  }
  return groupSchema.parse({
    group,
    created_at: isoTime(context.clock.nowMs()),
    created_by: context.asker.user,
  });
}

/** Whoever has a run in the group may say what it is about. Throws `not_allowed`, noted in the audit. */
export function requireMember(context: Context, { group }: GroupRecord): void {
  const { asker, catalog, audit } = context;
  if (asker.role === "admin" || catalog.list({ group, user: asker.user, limit: 1 }).length > 0) return;
  audit.note(asker, { action: "narrative", result: "refused", detail: `group ${group}` });
  throw new MlError("not_allowed", `none of your runs is in group \`${group}\`, so you cannot change its story`, {
    hint: "whoever has a run in it, or an administrator, may do that",
  });
}
