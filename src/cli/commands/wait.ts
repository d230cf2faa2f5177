/** `ml wait RUN…`: ends when all of them have ended, with 0 only where all succeeded. */
import { parseDuration } from "../../core/duration.ts";
import { MlError } from "../../core/error.ts";
import type { Reply } from "../../protocol/requests.ts";
import type { RunSummary } from "../../protocol/summary.ts";
import { plainRun, runColumns, runRow } from "../../view/run-row.ts";
import { layTable } from "../../view/table.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";

/** One question to the server lasts at most this long; then it is asked again. */
const roundMs = 30_000;

export const command = defineCommand({
  name: "wait",
  group: "queue",
  summary: "wait until runs have ended",
  about:
    "Ends with 0 where all succeeded, 5 where one did not, 6 where the time was up first. With --any it ends with the first that has ended, and tells of those that have. A run that is tried again (`ml queue --retries`) is waited for in its next attempt.",
  positionals: [{ name: "RUN", about: "which runs", many: true, complete: "live_run" }],
  flags: {
    any: flag.on("until one of them has ended"),
    timeout: flag.text("TIME", "give up after this long, such as 90s or 2h", { short: "t" }),
  },
  examples: [
    ["ml wait @last && ml metrics @last", "go on only where it succeeded"],
    ["ml wait @running --timeout 2h", "until everything that runs now has ended"],
    ["ml wait --any a1 b2 c3 -q", "the id of whichever ends first"],
  ],
  schemas: { "ml.wait/1": "`runs`: a summary of each run (as in ml.status/1)" },
  async run(context, args) {
    const { timeout, any } = args.flags;
    const limitMs = timeout === null ? Infinity : parseDuration(timeout, "time to wait");
    const deadlineMs = performance.now() + limitMs;
    const connection = await context.connect();
    const { run_ids: runs } = await connection.ask("run.resolve", { runs: args.words, many: true });
    if (runs.length === 0) throw new MlError("not_found", "there is no run to wait for", { hint: "see `ml status`" });
    return context.detachable("detached; the runs go on", async (signal) => {
      let reply: Reply<"run.wait">;
      do {
        const leftMs = Math.max(0, deadlineMs - performance.now());
        const timeout_ms = Math.ceil(Math.min(roundMs, leftMs));
        reply = await connection.ask(
          "run.wait",
          { runs, any, timeout_ms },
          { timeoutMs: timeout_ms + roundMs, signal },
        );
      } while (!reply.done && performance.now() < deadlineMs && !signal.aborted);
      if (signal.aborted) return undefined;
      if (!reply.done) throw stillGoing(reply, limitMs);
      const { output } = context;
      const ended = endedOf(reply);
      output.result({
        schema: "ml.wait/1",
        value: () => ({ runs: ended }),
        ids: () => ended.map((run) => run.run_id),
        rows: () => ended.map(plainRun),
        human() {
          const face = faceOf(output, serverNowMs(connection));
          const rows = ended.map((run) => runRow(run, { face, showUser: false }));
          return pageText(layTable(runColumns, rows, { face }), output);
        },
      });
      return ended.every((run) => run.status === "completed") ? 0 : 5;
    });
  },
});

const endedOf = ({ runs, ended }: Reply<"run.wait">): RunSummary[] => runs.filter((run) => ended.includes(run.run_id));

function stillGoing(reply: Reply<"run.wait">, limitMs: number): MlError {
  const open = reply.runs.filter((run) => !reply.ended.includes(run.run_id));
  const names = open.map((run) => `\`${run.run_id}\` (${run.status})`).join(", ");
  return new MlError(
    "timed_out",
    `${open.length} of ${reply.runs.length} runs had not ended after ${limitMs / 1000} s: ${names}`,
    {
      hint: "the runs go on; see `ml status`",
      data: { runs: reply.runs },
    },
  );
}
