/** Makes a key; its text is in this reply and nowhere else. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Context } from "../context.ts";

export function keyAdd(context: Context, body: ParsedBody<"key.add">): Reply<"key.add"> {
  const { record, key } = context.keys.add(body.user, body.role, body.label ?? null);
  context.audit.note(context.asker, {
    action: "key.add",
    detail: `${record.key_id} for ${record.user} as ${record.role}`,
  });
  return { key_id: record.key_id, user: record.user, role: record.role, key };
}
