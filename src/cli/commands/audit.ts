/** `ml audit`: who did what to which runs, when, from where and why, the newest first. */
import { readZoneAhead } from "../../core/local-offset.ts";
import { auditPage } from "../../view/audit-page.ts";
import { visible } from "../../view/safe-text.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";

export const command = defineCommand({
  name: "audit",
  group: "watch",
  summary: "who did what to which runs, and why",
  about:
    "Every submission, cancellation, move, hold, release, reservation and key, refused ones included; `ml` stands for what the rules did. You see what you did and what was done to your runs; an administrator sees everything.",
  positionals: [{ name: "RUN", about: "only what was done to this run", optional: true, complete: "run" }],
  flags: {
    user: flag.text("USER", "only what this user did", { short: "u" }),
    action: flag.text("ACTION", "only this: cancel, priority, hold, release, skip, submit, delete, reservation.add …"),
    limit: flag.number("N", "at most so many; default 50", { short: "n", least: 1, most: 1000, whole: true }),
  },
  examples: [
    ["ml audit --action cancel", "who cancelled what, and why"],
    ["ml audit k3f9ab", "what was done to one run"],
  ],
  schemas: {
    "ml.audit/1": "`deeds`: each `at`, `by`, `role`, `from`, `action`, `result`, `runs`, `detail`",
  },
  async run(context, args) {
    const { user, action, limit } = args.flags;
    const connection = await context.connect();
    const { deeds } = await connection.ask("audit.list", {
      ...{ limit: limit ?? 50, user, action },
      run: args.words[0] ?? null,
    });
    const { output } = context;
    if (output.mode === "human") await readZoneAhead();
    output.result({
      schema: "ml.audit/1",
      value: () => ({ deeds }),
      ids: () => [...new Set(deeds.flatMap((deed) => deed.runs))],
      rows: () =>
        deeds.map((deed) => [
          ...[deed.at, visible(deed.by), deed.role, visible(deed.from), deed.action, deed.result],
          ...[deed.runs.join(" "), deed.detail === null ? null : visible(deed.detail)],
        ]),
      human: () => pageText(auditPage({ deeds }, faceOf(output, serverNowMs(connection))), output),
    });
    return undefined;
  },
});
