/** Code that no run needs any more: shown to everybody, removed for an administrator, since trees and contents are everybody's. */
import { MlError } from "../../core/error.ts";
import { findUnusedCode, removeUnusedCode } from "../../keep/unused-code.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Context, Services } from "../context.ts";

/** Bases whose code is being removed now. */
const removing = new Set<string>();

export async function codePrune(context: Context, body: ParsedBody<"code.prune">): Promise<Reply<"code.prune">> {
  const { base, asker } = context;
  const options = codeOptions(context, body.older_than_seconds * 1000);
  if (body.dry_run) return replyOf(await findUnusedCode(base, options), true);
  if (asker.role !== "admin")
    throw new MlError("not_allowed", "removing code that no run needs was refused", {
      hint: "only an administrator may do that; `--dry-run` shows what it would free",
    });
  if (removing.has(base.base)) throw new MlError("try_later", "code that no run needs is being removed already");
  removing.add(base.base);
  try {
    const reply = replyOf(await removeUnusedCode(base, options), false);
    const detail = `${reply.trees} trees, ${reply.files} files, ${reply.size_bytes} bytes`;
    if (reply.trees + reply.files > 0) context.audit.note(asker, { action: "code.prune", detail });
    return reply;
  } finally {
    removing.delete(base.base);
  }
}

/** What is asked of keep/unused-code.ts, here and for `ml doctor`. */
export function codeOptions({ state, clock }: Pick<Services, "state" | "clock">, olderThanMs: number) {
  return { intakePath: state.intake, olderThanMs, nowMs: clock.nowMs() };
}

function replyOf(found: Awaited<ReturnType<typeof findUnusedCode>>, dryRun: boolean): Reply<"code.prune"> {
  return {
    dry_run: dryRun,
    trees: found.trees.length,
    files: found.contents.length,
    size_bytes: found.contents.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
}
