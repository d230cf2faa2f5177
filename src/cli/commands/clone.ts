/** `ml clone RUN`: the same run again, elsewhere in the line; `--times` for several, which is how noise is measured. */
import { MlError } from "../../core/error.ts";
import { type Command, defineCommand } from "../command.ts";
import { codeOfSource, derivedRun, derivedWishes, readSource } from "../derived-run.ts";
import { flag } from "../flags.ts";
import { checkFollow, queueRuns, submitFlags } from "../queue-runs.ts";
import { runFlags } from "../submission.ts";

export const command: Command = defineCommand({
  name: "clone",
  group: "queue",
  summary: "queue the same run again, as it was",
  about:
    "The same code, arguments, variables and wishes as a new run; flags change what the run asks for or says of itself, never its command (`ml requeue` does that). Runs of one command with equal code are repeats: their spread is the noise that comparisons are judged by.",
  positionals: [{ name: "RUN", about: "the run to repeat", complete: "run" }],
  flags: {
    ...runFlags,
    ...submitFlags,
    times: flag.number("N", "so many of them; default 1", { least: 1, most: 1000, whole: true }),
  },
  examples: [
    ["ml clone best:val_acc --priority 8", "the best run once more, soon"],
    ["ml clone @last --times 5 --group noise", "five repeats"],
  ],
  schemas: { "ml.clone/1": "as `ml.queue/1`, with `source_run`" },
  async run(context, args) {
    const { follow, dryRun, times, python, parent } = args.flags;
    if (python !== null) {
      throw new MlError("usage", "`ml clone` changes no command, so `--python` has no place", {
        hint: "`ml requeue RUN --python PATH` does that",
      });
    }
    const source = await readSource(await context.connect(), args.words[0] ?? "");
    const wishes = { ...derivedWishes(source, args, context), parent };
    const { argv, run_id: runId } = source.manifest;
    const lineage = { kind: "clone" as const, source: runId };
    const runs = Array.from({ length: times ?? 1 }, () =>
      derivedRun(argv, { wishes, code: codeOfSource(source), lineage }),
    );
    checkFollow(follow, runs);
    const options = { follow, dryRun, verbose: false, collects: false };
    return queueRuns(context, runs, { ...options, schema: "ml.clone/1", more: { source_run: runId } });
  },
});
