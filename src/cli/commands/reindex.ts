/** `ml reindex`: the server rebuilds its index from the run folders, and the queue where it was lost. */

import { formatDuration } from "../../core/duration.ts";
import { safeText } from "../../view/safe-text.ts";
import { defineCommand } from "../command.ts";

/** A server that was killed meanwhile is not waited for: one that is started anew makes the index again where that is needed. */
const awayMs = 10_000;

export const command = defineCommand({
  name: "reindex",
  group: "set up",
  summary: "rebuild the index from the run folders",
  about: "The run folders are the truth and are not changed. Deleting index.db and reindexing is always safe.",
  positionals: [],
  flags: {},
  examples: [["ml reindex", "after restoring a backup, or moving folders by hand"]],
  schemas: {
    "ml.reindex/1":
      "`runs`, `damaged` (each `run_id`, `reason`), `joined` (an index was being made already), `took_seconds`, `queue_restored`",
  },
  async run(context) {
    const connection = await context.connect();
    const reply = await connection.ask("reindex", {}, { timeoutMs: 3_600_000, awayMs });
    const { runs, damaged } = reply;
    context.output.result({
      schema: "ml.reindex/1",
      value: () => ({
        runs,
        damaged,
        joined: reply.joined,
        took_seconds: reply.took_ms / 1000,
        queue_restored: reply.queue_restored,
      }),
      ids: () => [String(runs)],
      rows: () => [
        ["runs", runs],
        ["joined", reply.joined],
        ["queue_restored", reply.queue_restored],
        ...damaged.map((run) => ["damaged", run.run_id, run.reason] as const),
      ],
      human: () => {
        const restored = reply.queue_restored > 0 ? `, ${reply.queue_restored} put back into the queue` : "";
        const took = formatDuration(reply.took_ms);
        const how = reply.joined ? `in the index after ${took}: it was being made already` : `read in ${took}`;
        const lines = [`${runs} runs ${how}${restored}`];
        for (const run of damaged) lines.push(`damaged: ${safeText(run.run_id)}: ${safeText(run.reason)}`);
        return `${lines.join("\n")}\n`;
      },
    });
  },
});
