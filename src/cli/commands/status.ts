/** `ml status`: what runs, what waits, what ended, and anything wrong with the server; --watch keeps it current. */
import { readZoneAhead } from "../../core/local-offset.ts";
import { plainRun } from "../../view/run-row.ts";
import { statusPage } from "../../view/status-page.ts";
import { timeMs } from "../../view/time.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";
import { watchStatus } from "../watch.ts";

const runFields =
  "`run_id`, `name`, `user`, `status`, `command`, `priority`, `held`, times, `failure`, `metrics`, `position`, `eta`, `progress`, …";

export const command = defineCommand({
  name: "status",
  group: "watch",
  summary: "show what runs, what waits and what ended",
  about:
    "Times are yours, by the server's clock. A waiting run shows its place in the line (#1 is next), its priority (p5) and when it will probably start. --watch redraws in place on a terminal; elsewhere it prints a line for each change.",
  positionals: [],
  flags: {
    watch: flag.on("stay and show every change", { short: "w" }),
    user: flag.text("USER", "only this user's runs", { short: "u" }),
    limit: flag.number("N", "at most this many of each; default 20", { short: "n", least: 1, most: 1000, whole: true }),
  },
  examples: [
    ["ml status", "one screen"],
    ["ml status --watch", "until Ctrl-C"],
    ["ml status --json | jq '.running[].progress'", "for programs"],
  ],
  schemas: {
    "ml.status/1": `\`server\`, \`workers\`, \`running\`, \`waiting\`, \`recent\` (each run: ${runFields}), \`totals\` by status; with --watch one line a change`,
  },
  async run(context, args) {
    const limit = args.flags.limit ?? 20;
    const { user } = args.flags;
    if (args.flags.watch) return watchStatus(context, { connection: await context.connect(), limit, user });
    const body = { limit, user };
    const connection = await context.connect({ ahead: { name: "status", body } });
    const status = await connection.ask("status", body);
    const runs = [...status.running, ...status.waiting, ...status.recent];
    const { output } = context;
    const showsTimes = output.mode === "human" && runs.some((run) => run.ended_at !== null || run.eta !== null);
    if (showsTimes) await readZoneAhead();
    output.result({
      schema: "ml.status/1",
      value: () => status,
      ids: () => runs.map((run) => run.run_id),
      rows: () => runs.map(plainRun),
      human() {
        const nowMs = timeMs(status.server.now) ?? serverNowMs(connection);
        return pageText(statusPage(status, faceOf(output, nowMs), { filtered: args.flags.user !== null }), output);
      },
    });
    return undefined;
  },
});
