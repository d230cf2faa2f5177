/** `ml prune`: frees what artifacts of ended runs take, after showing what would go. Manifests, logs and env/ always stay. */
import { parseDuration } from "../../core/duration.ts";
import { MlError } from "../../core/error.ts";
import { formatSize, parseSize } from "../../core/size.ts";
import type { Body, Reply } from "../../protocol/requests.ts";
import { prunePage } from "../../view/prune-page.ts";
import { type Context, defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";

/** Looking at every file of thousands of runs takes its time. */
const patienceMs = 3600_000;

export const command = defineCommand({
  name: "prune",
  group: "keep",
  summary: "free the space of old artifacts; records always stay",
  about: [
    "Only files that a script wrote, of runs that have ended; never a manifest, a log, metrics, the captured environment or the code. All filters that are given must fit. Without RUN, all of your own runs are looked at, and a filter is needed.",
    "Shows what would go, and removes it only after a yes, or with --yes. Path, size and hash of each file are written to the run's history.jsonl first, so `ml validate` counts it as pruned and not as missing.",
    "Superseded checkpoints are those with a later one of the same name and a higher number in the same run (`checkpoint-500/…`, `epoch=3-….ckpt`, `model_10.pt`); what is called best, last, latest or final stays.",
    "`--code` is about something else: code under objects/ and snapshots/ that no run needs any more, since its runs were deleted or it was sent and never queued. What came within a day (or --older-than) stays. Nothing is lost by it but time: code that is not there is sent again.",
  ].join("\n\n"),
  positionals: [{ name: "RUN", about: "only these runs", many: true, optional: true, complete: "run" }],
  flags: {
    superseded: flag.on("checkpoints that a later one has taken the place of"),
    olderThan: flag.text("TIME", "of runs that ended so long ago, such as 30d or 12h"),
    largerThan: flag.text("SIZE", "files of at least this size, such as 100M"),
    pattern: flag.texts("GLOB", "files whose path or name fits, such as '*.ckpt'; may be repeated"),
    code: flag.on("code that no run needs any more (administrators)"),
    allUsers: flag.on("the runs of everybody (administrators)"),
    dryRun: flag.on("only show what would go", { short: "n" }),
    yes: flag.on("do not ask", { short: "y" }),
  },
  examples: [
    ["ml prune --superseded", "all but the last checkpoint of each run"],
    ["ml prune --older-than 90d --larger-than 1G", "what is old and large"],
    ["ml prune --code --dry-run", "what deleted runs left of their code"],
    ["ml prune @failed --pattern '*.pt' --yes", "weights of the runs that failed"],
  ],
  schemas: {
    "ml.prune/1":
      "`dry_run`, `files`, `size_bytes`, `runs` (each `run_id`, `name`, `user`, `files`, `size_bytes`, `largest`: up to 100 of `path`, `size_bytes`, `sha256`)",
    "ml.prune-code/1": "with --code: `dry_run`, `trees`, `files`, `size_bytes`",
  },
  async run(context, args) {
    const { dryRun, yes, olderThan, largerThan, pattern, superseded, allUsers, code } = args.flags;
    if (code) {
      if (args.words.length > 0 || largerThan !== null || pattern.length > 0 || superseded || allUsers)
        throw new MlError("usage", "`--code` goes with `--older-than`, `--dry-run` and `--yes` alone", {
          hint: "it is about code that no run needs, whose ever it was",
        });
      return pruneCode(context, { olderThan, dryRun, yes });
    }
    const body: Body<"run.prune"> = {
      ...(args.words.length === 0 ? {} : { runs: args.words }),
      ...(olderThan === null ? {} : { older_than_seconds: parseDuration(olderThan, "age") / 1000 }),
      ...(largerThan === null ? {} : { larger_than_bytes: parseSize(largerThan, "size") }),
      patterns: pattern,
      superseded,
      all_users: allUsers,
    };
    const connection = await context.connect();
    const ask = (preview: boolean) =>
      connection.ask("run.prune", { ...body, dry_run: preview }, { timeoutMs: patienceMs });
    if (dryRun) {
      const plan = await ask(true);
      await mentionCode(context);
      return show(context, plan, serverNowMs(connection));
    }
    if (!yes) {
      const plan = await ask(true);
      if (plan.files === 0) return show(context, plan, serverNowMs(connection));
      if (!(await mayGo(context, plan, serverNowMs(connection)))) return 1;
    }
    return show(context, await ask(false), serverNowMs(connection));
  },
});

/** Whoever looks for space wants to know of this too; where the server cannot tell, it goes unsaid. */
async function mentionCode(context: Context): Promise<void> {
  const connection = await context.connect();
  const found = await connection.ask("code.prune", {}, { timeoutMs: patienceMs }).catch(() => null);
  if (found === null || found.trees + found.files === 0) return;
  context.output.say(`also: ${codeText(found)} that no run needs any more; \`ml prune --code\` frees that`);
}

const codeText = ({ files, size_bytes }: Pick<Reply<"code.prune">, "files" | "size_bytes">) =>
  `${files} ${files === 1 ? "file" : "files"} of code, ${formatSize(size_bytes)},`;

async function pruneCode(
  context: Context,
  { olderThan, dryRun, yes }: { olderThan: string | null; dryRun: boolean; yes: boolean },
): Promise<number | undefined> {
  const body = olderThan === null ? {} : { older_than_seconds: parseDuration(olderThan, "age") / 1000 };
  const connection = await context.connect();
  const ask = (preview: boolean) =>
    connection.ask("code.prune", { ...body, dry_run: preview }, { timeoutMs: patienceMs });
  if (dryRun) return showCode(context, await ask(true));
  if (!yes) {
    const plan = await ask(true);
    if (plan.trees + plan.files === 0) return showCode(context, plan);
    if (!context.terminal.stdin || !context.terminal.stderr)
      throw new MlError("usage", `this would remove ${codeText(plan)} and there is no terminal to ask on`, {
        hint: "look with `--dry-run`, then add `--yes`",
      });
    if (!(await context.confirm(`remove ${codeText(plan)} that no run needs any more?`))) return 1;
  }
  return showCode(context, await ask(false));
}

function showCode({ output }: Context, found: Reply<"code.prune">): undefined {
  output.result({
    schema: "ml.prune-code/1",
    value: () => found,
    ids: () => [],
    rows: () => [[found.trees, found.files, found.size_bytes]],
    human: () =>
      found.trees + found.files === 0
        ? "nothing fits: all code is needed by runs, or came too recently\n"
        : `${found.dry_run ? "would free" : "freed"} ${formatSize(found.size_bytes)}: ${found.files} ${found.files === 1 ? "file" : "files"} of ${found.trees} ${found.trees === 1 ? "tree" : "trees"} that no run needs\n`,
  });
  return undefined;
}

/** Shows the plan on stderr and asks; throws `usage` where there is nobody to ask. */
async function mayGo(context: Context, plan: Reply<"run.prune">, nowMs: number): Promise<boolean> {
  const { output, terminal } = context;
  const what = `${plan.files} ${plan.files === 1 ? "file" : "files"} of ${plan.runs.length} ${plan.runs.length === 1 ? "run" : "runs"}`;
  if (!terminal.stdin || !terminal.stderr) {
    throw new MlError(
      "usage",
      `this would remove ${what} (${formatSize(plan.size_bytes)}), and there is no terminal to ask on`,
      {
        hint: "look with `--dry-run`, then add `--yes`",
      },
    );
  }
  output.say(pageText(prunePage(plan, faceOf(output, nowMs)), output));
  if (await context.confirm(`remove ${what}, ${formatSize(plan.size_bytes)}, for ever?`)) return true;
  output.say("nothing was removed");
  return false;
}

function show({ output }: Context, found: Reply<"run.prune">, nowMs: number): undefined {
  output.result({
    schema: "ml.prune/1",
    value: () => found,
    ids: () => found.runs.map((run) => run.run_id),
    rows: () => found.runs.map((run) => [run.run_id, run.files, run.size_bytes]),
    human: () => pageText(prunePage(found, faceOf(output, nowMs)), output),
  });
  return undefined;
}
