/**
 * `ml queue`: a script or any command into the line, with the code as it is at this moment. What was understood is
 * echoed; nothing that was typed is changed in silence.
 */
import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { MlError } from "../../core/error.ts";
import { safeText } from "../../view/safe-text.ts";
import { readBatch } from "../batch-file.ts";
import { type Arguments, type Command, type Context, defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { asChild, type ForkFile, readForkFile } from "../fork-file.ts";
import { type PlannedRun, planBatch, planRun } from "../planned-run.ts";
import { checkFollow, queueRuns, submitFlags } from "../queue-runs.ts";
import { requireUtf8 } from "../raw-arguments.ts";
import { runFlags } from "../submission.ts";

const flags = {
  ...runFlags,
  ...submitFlags,
  from: flag.text("FILE", "queue every line of FILE, `-` for standard input", { complete: "file" }),
  edit: flag.on("say why in your editor before it is queued", { short: "e", scriptKeeps: true }),
  noCode: flag.on("send no code: the run starts in an empty folder"),
  verbose: flag.on("name everything that is left out of the code", { short: "v" }),
};

export const command: Command = defineCommand({
  name: "queue",
  group: "queue",
  summary: "queue a script or any command, with the code as it is now",
  about: [
    "The folder (with git: tracked and new files that are not ignored; without: all but .mlignore) is frozen as a snapshot, and what changes afterwards changes nothing about the run. Only what the server lacks is sent.",
    "A `.py` file runs with --python, the setting `python`, the active virtual or conda environment where the server is on this machine, or python3. Everything else runs as typed, without a shell.",
    "With --from each line is a command as in a shell (flags before the script, `#` comments, nothing expanded), or a JSON object with `command` or `argv` and the keys `name`, `note`, `priority`, `tags`, `hypothesis`, `context`, `intent`, `expected_outcome`, `parent`, `group`, `requested`, `env`, `held`, `split_output`, `tty`, `grace_seconds`. All lines are checked before anything is sent.",
  ].join("\n\n"),
  startsServer: true,
  script: true,
  positionals: [
    { name: "SCRIPT", about: "a .py file or a command", complete: "file" },
    { name: "ARGS", about: "its own arguments; after `--` everything is", optional: true, many: true },
  ],
  flags,
  examples: [
    ["ml queue train.py --epochs 5", "python3 train.py --epochs 5"],
    ['ml queue -f --hypothesis "warmup helps" train.py --warmup 500', "say why, and follow it"],
    ['ml queue --expect "val_acc>=0.85 in <4h" train.py', "checked when it ends"],
    ["ml queue --gpus 1 --ram 16G --max-runtime 4h -- ./run.sh x", "any command, with what it needs"],
    ["ml queue --group sweep1 --from runs.txt", "a command a line"],
  ],
  schemas: {
    "ml.queue/1":
      "`runs` (each `run_id`, `name`, `status`, `position`, `eta`, `folder`, `command`, `duplicate`, `similar`: what runs like it took and `proposed`, or null), `dry_run`, `code` (`snapshot`, `root`, `files`, `size_bytes`, `sent_bytes`, `left_out`, or null), `datasets` (each that the runs name: `name`, `version`, `path`, `going_on`: it is still looked at, `check`: what the last look found, as in `ml.dataset.show/1`, or null)",
    "ml.follow/1":
      "with -f, one line each: `kind` submitted, data, queued, held, starting, running, log, restarted, ended",
  },
  async run(typed, args) {
    requireUtf8(args.script);
    const fork = readForkFile(typed.cwd);
    const context =
      fork === null || args.script.length > 0 ? typed : startingIn(typed, join(fork.folder, fork.file.cwd));
    const edited = args.flags.edit ? await (await import("../edit-wishes.ts")).editWishes(context, args.flags) : null;
    const flags = { ...args.flags, ...edited?.flags };
    const runs = await planned(context, { ...args, flags }, fork?.file ?? null).catch((cause) => {
      throw edited?.draft.kept(cause, "copy it into the flags") ?? cause;
    });
    const { follow, dryRun, verbose, noCode } = flags;
    checkFollow(follow, runs);
    for (const line of new Set(runs.flatMap((run) => remarks(context, run)))) context.output.say(line);
    const options = { collects: !noCode, follow, dryRun, verbose, draft: edited?.draft ?? null };
    return queueRuns(context, runs, { schema: "ml.queue/1", minds: true, ...options });
  },
});

/** True where the worker is on this machine for certain: the embedded server, or its socket. */
function isLocal({ settings }: Context): boolean {
  if (settings.server_url !== null)
    return settings.server_url.startsWith("/") || settings.server_url.startsWith("unix:");
  return settings.worker_host === null;
}

/** The same command as if it had been typed in another folder. */
function startingIn(context: Context, cwd: string): Context {
  return Object.create(context, { cwd: { value: cwd } }) as Context;
}

async function planned(context: Context, args: Arguments<typeof flags>, fork: ForkFile | null): Promise<PlannedRun[]> {
  const { env, settings, cwd } = context;
  const sources = { settings, env, cwd, local: isLocal(context) };
  const { from } = args.flags;
  const child = (run: PlannedRun) => (fork === null ? run : asChild(run, fork, args.given));
  if (from === null) {
    const words = args.script.length === 0 && fork !== null ? fork.argv : args.script;
    return [child(planRun(words, args.flags, sources))];
  }
  if (args.script.length > 0) {
    throw new MlError("usage", "`--from` names the commands, and one was typed as well", {
      hint: "leave one of them out",
    });
  }
  return planBatch(await readBatch(from), args.flags, { command, sources }).map(child);
}

/** What somebody should know of an interpretation, though nothing is wrong with it. */
function remarks(context: Context, { argv, pythonFrom }: PlannedRun): string[] {
  const [program = ""] = argv;
  if (pythonFrom !== null) return [`python: ${safeText(program)} (${pythonFrom} is active)`];
  if (!isLocal(context)) return [];
  if (isAbsolute(program) && !existsSync(program))
    return [`note: \`${safeText(program)}\` is not on this machine; without it the run cannot start`];
  if (program.includes("/") || Bun.which(program) !== null) return [];
  return [`note: no command \`${safeText(program)}\` is on your PATH; the worker may know it`];
}
