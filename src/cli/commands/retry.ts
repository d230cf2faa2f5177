/** `ml retry`: runs again as they were, each with its own code and arguments; without names all that failed and were not tried since. */
import { chosenRuns, mayQueueAgain, searchedIds } from "../chosen-runs.ts";
import { type Command, type Context, defineCommand } from "../command.ts";
import { codeOfSource, derivedRun, derivedWishes, readSources } from "../derived-run.ts";
import { flag } from "../flags.ts";
import type { PlannedRun } from "../planned-run.ts";
import { checkFollow, queueRuns, submitFlags } from "../queue-runs.ts";
import { runFlags } from "../submission.ts";

const mostRuns = 1000;

export const command: Command = defineCommand({
  name: "retry",
  group: "queue",
  summary: "queue runs again as they were, by default all that failed",
  about:
    "The same code, arguments, variables and wishes as new runs that name the old ones as their source; flags change what they ask for. Without names: every failed run of yours for which no newer run of the same command is there. More than one is asked about on a terminal, or wants --yes.",
  positionals: [{ name: "RUN", about: "runs to try again", optional: true, many: true, complete: "run" }],
  flags: {
    ...runFlags,
    ...submitFlags,
    where: flag.text("QUERY", "the runs that a search means, as `ml find` takes it", { complete: "query" }),
    yes: flag.on("do not ask", { short: "y" }),
  },
  examples: [
    ["ml retry train --max-runtime 8h", "one run, with more time"],
    ["ml retry --yes", "all that failed and were not tried since"],
    ["ml retry --where 'failure:oom group:bs since:1d' --ram 32G", "what ran out of memory, with more of it"],
  ],
  schemas: { "ml.retry/1": "as `ml.queue/1`" },
  async run(context, args) {
    const { follow, dryRun, yes, parent } = args.flags;
    const connection = await context.connect();
    const { where } = args.flags;
    const runIds =
      where !== null
        ? await searchedIds(context, where)
        : args.words.length > 0
          ? await chosenRuns(connection, args.words)
          : await untried(context);
    if (runIds.length === 0) {
      context.output.say(
        where === null
          ? "nothing to try again: no run of yours failed without a newer one of the same command"
          : "no run matches",
      );
      return 0;
    }
    if (runIds.length > 1 && !dryRun && !(await mayQueueAgain(context, runIds, yes))) {
      context.output.say("nothing was queued");
      return 1;
    }
    const runs: PlannedRun[] = [];
    for (const source of await readSources(connection, runIds)) {
      const wishes = { ...derivedWishes(source, args, context), parent };
      const lineage = { kind: "requeue" as const, source: source.manifest.run_id };
      runs.push(derivedRun(source.manifest.argv, { wishes, code: codeOfSource(source), lineage }));
    }
    checkFollow(follow, runs);
    return queueRuns(context, runs, { schema: "ml.retry/1", collects: false, follow, dryRun, verbose: false });
  },
});

/** Failed runs of the asker, newest of each command, where nothing newer of that command is there. */
async function untried(context: Context): Promise<string[]> {
  const connection = await context.connect();
  const { user } = connection.hello;
  const seen = new Set<string>();
  const found: string[] = [];
  let before: string | undefined;
  for (let left = mostRuns; left > 0; ) {
    const page = await connection.ask("runs.list", { user, limit: 200, ...(before === undefined ? {} : { before }) });
    for (const run of page.runs) {
      const key = `${run.group}\n${run.command}`;
      if (!seen.has(key) && run.status === "failed") found.push(run.run_id);
      seen.add(key);
    }
    left -= page.runs.length;
    if (page.next === null || page.runs.length === 0) break;
    before = page.next;
  }
  return found;
}
