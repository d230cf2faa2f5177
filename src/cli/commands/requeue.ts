/**
 * `ml requeue RUN -- ARGS`: the same script once more with other arguments, and, if wanted, with files that it left.
 * The command line that comes of it is shown before it is sent. There is no checkpoint convention: the script's own
 * options do the resuming.
 */
import { basename, join } from "node:path/posix";
import { MlError } from "../../core/error.ts";
import { quoteWord } from "../../core/shell-quote.ts";
import { safeText } from "../../view/safe-text.ts";
import { mayQueueAgain, searchedIds } from "../chosen-runs.ts";
import { type Arguments, type Command, type Context, defineCommand } from "../command.ts";
import {
  changedArguments,
  codeOfSource,
  commandLine,
  derivedRun,
  derivedWishes,
  readSource,
  readSources,
  type Source,
} from "../derived-run.ts";
import { flag } from "../flags.ts";
import { sayPage } from "../page.ts";
import type { PlannedRun } from "../planned-run.ts";
import { checkFollow, queueRuns, submitFlags } from "../queue-runs.ts";
import { requireUtf8 } from "../raw-arguments.ts";
import { runFlags } from "../submission.ts";

const flags = {
  ...runFlags,
  ...submitFlags,
  append: flag.on("put ARGS behind the arguments of RUN (what happens without a word)"),
  replace: flag.on("keep only the program and the script of RUN, and give it ARGS"),
  merge: flag.on("let ARGS take the place of equal options of RUN: `--a b`, `--a=b`, `-a b`, flags, Hydra's `a=b`"),
  code: flag.choice(["source", "current"], "the code of RUN (without a word), or that of this folder as it is now"),
  where: flag.text("QUERY", "the runs that a search means, as `ml find` takes it, in place of RUN", {
    complete: "query",
  }),
  yes: flag.on("do not ask before several runs", { short: "y" }),
  stage: flag.texts(
    "PATH",
    "copy a file, folder or pattern that RUN left into the new run; `{staged}` is their folder",
  ),
};

export const command: Command = defineCommand({
  name: "requeue",
  group: "queue",
  summary: "queue a run again with other arguments, or go on from what it left",
  about: [
    "Everything else is inherited: code, name, group, tags, the narrative, what it asked for, its variables. Flags of ours override that; tags and variables add up. Arguments of the script are given after `--`.",
    "--stage copies by content, at this moment: what happens to RUN afterwards changes nothing. The files lie in `staged/` beside the work folder; `{staged}` in ARGS and `$ML_STAGED` in the environment name it. A file arrives under its own name, a folder with its name, like with `cp`.",
    "The new run is told where it comes from: `ML_SOURCE_RUN` is the id of RUN, and the manifest's `lineage` says the same.",
  ].join("\n\n"),
  script: true,
  positionals: [
    { name: "RUN", about: "the run to start from; not with --where", complete: "run" },
    { name: "ARGS", about: "arguments of its script; after `--` everything is", optional: true, many: true },
  ],
  flags,
  examples: [
    ["ml requeue run_abc -- --resume ./checkpoints/best.pt --epochs 200", "append arguments"],
    ["ml requeue run_abc --merge -- --epochs 200", "override one, keep the rest"],
    ["ml requeue run_abc --replace -- --epochs 200 --lr 3e-4", "only these"],
    ["ml requeue run_abc --stage checkpoints/best.pt -- --resume {staged}/best.pt", "hand a checkpoint over"],
    ["ml requeue --where 'group:bs val_acc>0.8' -- --epochs 200", "every run of a search, with more epochs"],
    ["ml requeue @failed --code current", "again, with the code as it is now"],
  ],
  schemas: { "ml.requeue/1": "as `ml.queue/1`, with `source_run`" },
  async run(context, args) {
    requireUtf8(args.script);
    if (args.flags.where !== null) return requeueMany(context, args.flags.where, args);
    const [run, ...words] = args.script;
    if (run === undefined || run === "") {
      throw new MlError("usage", "`ml requeue` wants RUN: the run to start from", { hint: "try `ml help requeue`" });
    }
    return requeueOne(context, { run, words, args });
  },
});

type Given = Arguments<typeof flags>;

function modeOf({ flags: { append, replace, merge } }: Given): "append" | "replace" | "merge" {
  if ([append, replace, merge].filter(Boolean).length > 1) {
    throw new MlError("usage", "--append, --replace and --merge exclude each other", { hint: "give one of them" });
  }
  return replace ? "replace" : merge ? "merge" : "append";
}

/** Files of the source's work folder that words name which it did not have itself. */
function leftBehind(argv: readonly string[], { manifest }: Source): string[] {
  const left = new Set(manifest.artifacts?.files.map(({ path }) => path) ?? []);
  const words = argv.filter((word) => !manifest.argv.includes(word)).map((word) => word.replace(/^-[^=]*=/, ""));
  return [...new Set(words.map((word) => join(manifest.cwd, word)).filter((path) => left.has(path)))];
}

/** What becomes of one source; says its command line. */
function plan(context: Context, source: Source, { words, args }: { words: string[]; args: Given }): PlannedRun {
  const { python, stage, code } = args.flags;
  const mode = modeOf(args);
  const argv = changedArguments(source, { words, mode, python });
  if (stage.length === 0 && argv.some((word) => word.includes("{staged}"))) {
    throw new MlError("usage", "the arguments name `{staged}`, and nothing is staged", {
      hint: `name a file that it left: \`ml requeue ${source.manifest.run_id} --stage PATH -- …\` (\`ml ls ${source.manifest.run_id} work -R\` lists them)`,
    });
  }
  const wishes = derivedWishes(source, args, context);
  const planned = derivedRun(argv, {
    wishes: { ...wishes, parent: args.flags.parent },
    code: code === "current" ? null : codeOfSource(source),
    lineage: { kind: "requeue", source: source.manifest.run_id },
    stage,
  });
  if (context.output.mode === "human") sayPage(context, [commandLine(argv, source)]);
  for (const path of leftBehind(argv, source)) {
    const staged = `--stage ${quoteWord(path)} -- … {staged}/${basename(path)}`;
    context.output.say(
      `\`${safeText(path)}\` is a file that ${source.manifest.run_id} left, and a new run starts without it; \`${safeText(staged)}\` hands it over`,
    );
  }
  return planned;
}

async function requeueOne(
  context: Context,
  { run, ...words }: { run: string; words: string[]; args: Given },
): Promise<number> {
  const { follow, dryRun, code } = words.args.flags;
  const source = await readSource(await context.connect(), run);
  const planned = plan(context, source, words);
  const options = { collects: code === "current", follow, dryRun, verbose: false };
  return queueRuns(context, [planned], {
    ...options,
    schema: "ml.requeue/1",
    more: { source_run: source.manifest.run_id },
  });
}

/** Every run of a search, each with the same words more. All commands are shown before anything is sent. */
async function requeueMany(context: Context, where: string, args: Given): Promise<number> {
  const { follow, dryRun, code, yes } = args.flags;
  const runIds = await searchedIds(context, where);
  if (runIds.length === 0) {
    context.output.say("no run matches");
    return 0;
  }
  const sources = await readSources(await context.connect(), runIds);
  const runs = sources.map((source) => plan(context, source, { words: args.script, args }));
  checkFollow(follow, runs);
  if (runs.length > 1 && !dryRun && !(await mayQueueAgain(context, runIds, yes))) {
    context.output.say("nothing was queued");
    return 1;
  }
  const options = { collects: code === "current", follow, dryRun, verbose: false };
  return queueRuns(context, runs, { ...options, schema: "ml.requeue/1" });
}
