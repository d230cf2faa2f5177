/** Who did what, newest first. Whoever is no administrator sees their own deeds, and those that touched their runs. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { readAudit } from "../../run/audit-log.ts";
import type { Context } from "../context.ts";
import { idOf } from "../owned.ts";

export function auditList(context: Context, body: ParsedBody<"audit.list">): Reply<"audit.list"> {
  const { asker, catalog } = context;
  const runId = body.run == null ? null : idOf(context, body.run);
  const owners = new Map<string, boolean>();
  const isOwn = (id: string) => {
    const known = owners.get(id) ?? catalog.get(id)?.user === asker.user;
    owners.set(id, known);
    return known;
  };
  const deeds = readAudit(context.base.audit, body.limit, (line) => {
    if (runId !== null && !line.runs.includes(runId)) return false;
    if (body.user != null && line.by !== body.user) return false;
    if (body.action != null && line.action !== body.action) return false;
    return asker.role === "admin" || line.by === asker.user || line.runs.some(isOwn);
  });
  return { deeds };
}
