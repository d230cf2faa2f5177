/** `ml review`: ended runs without a verdict, one at a time: a key for the verdict, a line for the rest, each saved at once. */
import type { Connection } from "../../client/connection.ts";
import type { NarrativeChange } from "../../think/narrative-change.ts";
import type { Verdict } from "../../think/narrative-field.ts";
import { reviewKeys, reviewPage, type Unjudged, unjudgedLine } from "../../view/review-page.ts";
import { type Context, defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import type { Keys } from "../keys.ts";
import { faceOf, pageText, sayPage, serverNowMs, talkFace } from "../page.ts";

const keyVerdicts: Record<string, Verdict> = { v: "validates", r: "refutes", i: "inconclusive", p: "partial" };

export const command = defineCommand({
  name: "review",
  group: "think",
  summary: "go through ended runs without a verdict, one at a time",
  about:
    "On a terminal: v, r, i, p give a verdict (Enter the proposed one), then outcome, lessons and next steps are asked for, an empty line going on; s skips, q ends. Every answer is saved at once. Elsewhere, and with --json, the runs are listed. Cancelled runs are left out.",
  positionals: [],
  flags: {
    limit: flag.number("N", "at most so many; default 50", { least: 1, most: 1000, whole: true }),
    group: flag.text("GROUP", "only runs of this experiment", { complete: "group" }),
    tag: flag.text("TAG", "only runs with this label", { complete: "tag" }),
    user: flag.text("NAME", "whose runs; default: yours"),
  },
  examples: [["ml review", "your ended runs, newest first"]],
  schemas: {
    "ml.review/1":
      "`runs`: each `summary` (as in ml.status/1) and `expectation` (`checks`, `proposed`, `reason`); `more`",
  },
  async run(context, args) {
    const { limit, group, tag, user } = args.flags;
    const connection = await context.connect();
    const { runs, more } = await connection.ask("runs.unjudged", {
      limit: limit ?? 50,
      ...(group === null ? {} : { group }),
      ...(tag === null ? {} : { tag }),
      ...(user === null ? {} : { user }),
    });
    const { output, terminal } = context;
    if (output.live && terminal.stdin && terminal.stderr && runs.length > 0)
      return walk(context, connection, { runs, more });
    output.result({
      schema: "ml.review/1",
      value: () => ({ runs, more }),
      ids: () => runs.map(({ summary }) => summary.run_id),
      rows: () =>
        runs.map(({ summary, expectation }) => [
          summary.run_id,
          summary.status,
          summary.name,
          expectation?.proposed ?? null,
        ]),
      human() {
        const face = faceOf(output, serverNowMs(connection));
        return pageText(
          runs.map((one) => unjudgedLine(one, face)),
          output,
        );
      },
    });
    if (runs.length === 0) output.say("no ended run of those asked for is without a verdict");
    return undefined;
  },
});

async function walk(
  context: Context,
  connection: Connection,
  { runs, more }: { runs: readonly Unjudged[]; more: boolean },
): Promise<number> {
  const { openKeys } = await import("../keys.ts");
  const keys = openKeys();
  const of = `${runs.length}${more ? " and more" : ""}`;
  let judged = 0;
  try {
    for (const [index, { summary }] of runs.entries()) {
      const answer = await reviewOne(context, { connection, keys, runId: summary.run_id, at: index + 1, of });
      if (answer === "quit") break;
      if (answer === "judged") judged += 1;
    }
  } finally {
    keys.close();
  }
  context.output.say(
    `${judged} ${judged === 1 ? "verdict" : "verdicts"} given; \`ml review\` goes on where you stopped`,
  );
  return 0;
}

interface Step {
  connection: Connection;
  keys: Keys;
  runId: string;
  at: number;
  of: string;
}

async function reviewOne(context: Context, step: Step): Promise<"judged" | "skipped" | "quit"> {
  const { connection, keys, runId } = step;
  const detail = await connection.ask("run.get", { run: runId });
  const face = talkFace(context, serverNowMs(connection));
  sayPage(context, [[], ...reviewPage(detail, { face, at: step.at, of: step.of }), [], reviewKeys(detail, face)]);
  const proposed = detail.expectation?.proposed ?? null;
  let verdict: Verdict | null = null;
  while (verdict === null) {
    const key = (await keys.key()).toLowerCase();
    if (key === "q") return "quit";
    if (key === "s") return "skipped";
    verdict = key === "\r" || key === "\n" ? proposed : (keyVerdicts[key] ?? null);
  }
  const save = (change: NarrativeChange) => connection.ask("narrative.change", { targets: [runId], change });
  await save({ set: { validation_status: verdict } });
  context.output.say(verdict);
  const outcome = await keys.line("outcome  ");
  if (outcome === null) return "quit";
  if (outcome.trim() !== "") await save({ set: { outcome } });
  for (const [question, key] of [
    ["learned  ", "learnings"],
    ["next     ", "next_steps"],
  ] as const) {
    for (;;) {
      const text = await keys.line(question);
      if (text === null) return "quit";
      if (text.trim() === "") break;
      await save({ add: { [key]: [text] } });
    }
  }
  return "judged";
}
