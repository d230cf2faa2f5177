/** `ml delete RUN…`: removes ended runs with all their files, after saying what goes and how much that frees. */
import { MlError } from "../../core/error.ts";
import { formatSize } from "../../core/size.ts";
import { chosenRuns, maySo } from "../chosen-runs.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";

export const command = defineCommand({
  name: "delete",
  group: "keep",
  summary: "remove ended runs and their files",
  about: "Only runs that have ended. There is no way back: look first with --dry-run. It always asks, or wants --yes.",
  positionals: [{ name: "RUN", about: "ended runs", many: true, complete: "run" }],
  flags: {
    dryRun: flag.on("say what would go and how much it frees, and remove nothing", { short: "n" }),
    yes: flag.on("do not ask", { short: "y" }),
  },
  examples: [["ml delete @failed --dry-run", "how much the failed runs take"]],
  schemas: { "ml.delete/1": "`runs`: each with `run_id`, `size_bytes`, `deleted`; `dry_run`" },
  async run(context, args) {
    const { dryRun, yes } = args.flags;
    const connection = await context.connect();
    const runs = await chosenRuns(connection, args.words);
    if (runs.length === 0)
      throw new MlError("not_found", `no run is called \`${args.words.join(" ")}\``, { hint: "see `ml status`" });
    let reply = await connection.ask("run.delete", { runs, dry_run: true });
    const sizeBytes = reply.runs.reduce((sum, run) => sum + run.size_bytes, 0);
    if (!dryRun) {
      const question = {
        verb: "delete",
        words: args.words,
        yes,
        always: true,
        detail: `frees ${formatSize(sizeBytes)}`,
      };
      if (!(await maySo(context, runs, question))) {
        context.output.say("nothing was deleted");
        return 1;
      }
      reply = await connection.ask("run.delete", { runs, dry_run: false });
    }
    context.output.result({
      schema: "ml.delete/1",
      value: () => ({ dry_run: dryRun, ...reply }),
      ids: () => reply.runs.map((run) => run.run_id),
      rows: () => reply.runs.map((run) => [run.run_id, run.size_bytes, run.deleted]),
      human() {
        const word = dryRun ? "would delete" : "deleted";
        const lines = reply.runs.map((run) => `${word} ${run.run_id}  ${formatSize(run.size_bytes)}\n`);
        const total = runs.length > 1 ? `${dryRun ? "would free" : "freed"} ${formatSize(sizeBytes)}\n` : "";
        return lines.join("") + total;
      },
    });
    return undefined;
  },
});
