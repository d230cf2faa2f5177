/** Ends a key at once, for open connections too. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Context } from "../context.ts";

export function keyRevoke(context: Context, body: ParsedBody<"key.revoke">): Reply<"key.revoke"> {
  const record = context.keys.revoke(body.key_id);
  context.audit.note(context.asker, { action: "key.revoke", detail: `${record.key_id} of ${record.user}` });
  context.dropKey(record.key_id);
  return { key_id: record.key_id, user: record.user };
}
