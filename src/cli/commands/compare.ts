/** `ml compare A B C…`, or of a whole group: a table of what varies, for a terminal or a paper. */
import { MlError } from "../../core/error.ts";
import type { Comparison } from "../../think/comparison.ts";
import { compareCsv, compareLatex, compareMarkdown, compareTable, sameLine } from "../../view/compare-table.ts";
import { safeText, visible } from "../../view/safe-text.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { faceOf, pageText, sayPage, serverNowMs } from "../page.ts";
import { isScoped, sayRead, scopeFlags, scopeOf } from "../scope-flags.ts";

const formats: Record<string, (comparison: Comparison) => string> = {
  markdown: compareMarkdown,
  csv: compareCsv,
  latex: compareLatex,
};

export const command = defineCommand({
  name: "compare",
  group: "think",
  summary: "several runs side by side: what varies, what came out",
  about:
    "Shows only the parameters and facts that are not the same in all runs, then metrics, time and verdict; the best value of a metric is marked where its name says which way is better. Without names, --group, --tag, --user and times choose the runs.",
  positionals: [{ name: "RUN", about: "which runs", optional: true, many: true, complete: "run" }],
  flags: {
    ...scopeFlags,
    metric: flag.texts("NAME", "only these metrics; several by commas", { complete: "metric" }),
    sort: flag.text("NAME", "by this metric or parameter, best first"),
    all: flag.on("keep what is the same in all of them"),
    format: flag.choice(["markdown", "csv", "latex"], "for a paper or a spreadsheet"),
  },
  examples: [
    ["ml compare --group bs --sort val_acc", "an experiment, best first"],
    ["ml compare @last @last~1 @last~2 --format latex", "a table for a paper"],
  ],
  schemas: {
    "ml.compare/1":
      "`runs` (`run_id`, `name`, `user`, `status`), `columns` (`kind`, `name`, `values` in the order of the runs, `better`), `same`, `warnings` (a sentence for each dataset that was not the same in all, and each run that cannot be read), `more`",
  },
  async run(context, args) {
    const { metric, sort, all, format } = args.flags;
    const runs = args.words;
    if (runs.length === 0 && !isScoped(args.flags))
      throw new MlError("usage", "no run was named", { hint: "ml compare RUN RUN…, or ml compare --group NAME" });
    const connection = await context.connect();
    const metrics = metric.flatMap((text) => text.split(",")).filter((name) => name !== "");
    const scope = runs.length > 0 ? { runs } : scopeOf(args.flags, serverNowMs(connection));
    const comparison = await connection.ask("runs.compare", {
      ...scope,
      all,
      ...(metrics.length === 0 ? {} : { metrics }),
      ...(sort === null ? {} : { sort }),
    });
    const { output } = context;
    sayRead(context, comparison);
    if (comparison.more) output.say(`only the newest ${comparison.runs.length} runs are compared`);
    output.result({
      schema: "ml.compare/1",
      value: () => comparison,
      ids: () => comparison.runs.map((run) => run.run_id),
      rows: () => [
        ["run_id", ...comparison.columns.map((column) => visible(column.name))],
        ...comparison.runs.map((run, at) => [
          run.run_id,
          ...comparison.columns.map((column) => column.values[at] ?? null),
        ]),
      ],
      human: () =>
        formats[format ?? ""]?.(comparison) ??
        pageText(compareTable(comparison, faceOf(output, serverNowMs(connection))), output),
    });
    for (const warning of comparison.warnings ?? []) output.say(`warning: ${safeText(warning)}`);
    const same = sameLine(comparison);
    if (format === null && output.mode === "human" && same !== null) sayPage(context, [same]);
    return undefined;
  },
});
