/** `ml notebook [today|yesterday|week|DATE]`: what ran, why, what came of it, as Markdown for a lab notebook or a mail. */
import { MlError } from "../../core/error.ts";
import { type Period, periodOf } from "../../core/past.ts";
import { quoteCommand } from "../../core/shell-quote.ts";
import { notebookText } from "../../view/notebook-text.ts";
import { defineCommand } from "../command.ts";
import { serverNowMs } from "../page.ts";
import { isScoped, sayRead, scopeFlags, scopeOf } from "../scope-flags.ts";

function namedPeriod(word: string, nowMs: number): Period {
  try {
    return periodOf(word.toLowerCase(), nowMs);
  } catch {
    throw new MlError("usage", `\`${word}\` is no day and no length of time`, {
      hint: `write today, yesterday, week, 2026-11-23 or 7d; of an experiment: \`ml notebook --group ${quoteCommand([word])}\``,
    });
  }
}

export const command = defineCommand({
  name: "notebook",
  group: "think",
  summary: "a day, a week or a group as Markdown: what ran, why, what was learned",
  about:
    "Runs that somebody said something about have a section each, the others a line in a table; at most 500 runs. By the day on which a run was queued, in your time zone.",
  positionals: [
    { name: "PERIOD", about: "today (where nothing else is said), yesterday, week, a date, or 7d", optional: true },
  ],
  flags: scopeFlags,
  examples: [
    ["ml notebook week > week.md", "the last seven days"],
    ["ml notebook --group bs", "an experiment"],
  ],
  schemas: {
    "ml.notebook/1": "`title`, `markdown`, `runs` (as the request `runs.facts` gives them), `groups`, `more`",
  },
  async run(context, args) {
    const [word] = args.words;
    if (word !== undefined && (args.flags.since ?? args.flags.until) !== null)
      throw new MlError("usage", `\`${word}\` is a period, and \`--since\` or \`--until\` another`, {
        hint: "leave one out",
      });
    const connection = await context.connect();
    const nowMs = serverNowMs(connection);
    const period = word === undefined && isScoped(args.flags) ? null : namedPeriod(word ?? "today", nowMs);
    const scope = scopeOf(args.flags, nowMs);
    const facts = await connection.ask("runs.facts", {
      ...scope,
      ...(period === null ? {} : { since: period.since, ...(period.until === null ? {} : { until: period.until }) }),
      limit: 500,
    });
    const about = [args.flags.group, args.flags.tag, args.flags.user].filter((text) => text !== null).join(", ");
    const title =
      period === null
        ? `Notebook: ${about || "all runs"}`
        : `Notebook, ${period.name}${about === "" ? "" : `: ${about}`}`;
    const markdown = notebookText(facts, title);
    const { output } = context;
    sayRead(context, facts);
    output.result({
      schema: "ml.notebook/1",
      value: () => ({ title, markdown, ...facts }),
      ids: () => facts.runs.map((run) => run.run_id),
      rows: () => markdown.split("\n").map((line) => [line]),
      human: () => markdown,
    });
    return undefined;
  },
});
