/** `ml cancel RUN…`: takes waiting runs out of the line and stops running ones, by SIGTERM, grace, SIGKILL. */
import { MlError } from "../../core/error.ts";
import type { Reply } from "../../protocol/requests.ts";
import { chosenRuns, maySo } from "../chosen-runs.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";

export const command = defineCommand({
  name: "cancel",
  group: "queue",
  summary: "stop runs, waiting or running",
  about:
    "A waiting run is gone from the line at once. A running one gets SIGTERM, its grace period, then SIGKILL, with everything that it started; what it wrote is kept. Your own single run is cancelled without a question; others' runs, or several, are asked about or want --yes.",
  positionals: [{ name: "RUN", about: "which runs", many: true, complete: "live_run" }],
  flags: {
    now: flag.on("skip the grace period: SIGKILL at once"),
    reason: flag.text("TEXT", "why, for the record", { short: "m" }),
    yes: flag.on("do not ask", { short: "y" }),
  },
  examples: [
    ["ml cancel @last", "the newest run"],
    ['ml cancel @running --yes -m "wrong data"', "everything that runs, and why"],
  ],
  schemas: { "ml.cancel/1": "`runs`: each with `run_id`, `status`, `stopping` (true while its grace period lasts)" },
  async run(context, args) {
    const { now, reason, yes } = args.flags;
    const connection = await context.connect();
    const runIds = await chosenRuns(connection, args.words);
    if (runIds.length === 0)
      throw new MlError("not_found", `no run is called \`${args.words.join(" ")}\``, { hint: "see `ml status`" });
    if (!(await maySo(context, runIds, { verb: "cancel", words: args.words, yes }))) {
      context.output.say("nothing was cancelled");
      return 1;
    }
    const reply = await connection.ask("run.cancel", { runs: runIds, now, reason });
    context.output.result({
      schema: "ml.cancel/1",
      value: () => reply,
      ids: () => reply.runs.map((run) => run.run_id),
      rows: () => reply.runs.map((run) => [run.run_id, run.status, run.stopping]),
      human: () => reply.runs.map((run) => cancelledText(run, now)).join(""),
    });
    return undefined;
  },
});

function cancelledText(run: Reply<"run.cancel">["runs"][number], now: boolean): string {
  if (!run.stopping) return `cancelled ${run.run_id}\n`;
  const how = now ? "it was killed" : "it has its grace period to end by itself";
  return `stopping ${run.run_id}: ${how} (\`ml wait ${run.run_id}\` waits for it)\n`;
}
