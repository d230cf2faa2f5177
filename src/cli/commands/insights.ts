/** `ml insights`: which parameters moved a metric, when runs failed, what was asked for and not used; with n, and no more. */
import { MlError } from "../../core/error.ts";
import { insightsPage } from "../../view/insights-page.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";
import { isScoped, sayRead, scopeFlags, scopeOf } from "../scope-flags.ts";

export const command = defineCommand({
  name: "insights",
  group: "think",
  summary: "what moved a metric within a group, when runs failed, what was wasted",
  about:
    "Numbers by rank correlation, words by their means; `moves it` is said where that is beyond chance at 95 %, `too few` below five runs. Requests are called wasted where three runs or more used, on average, less than half.",
  positionals: [],
  flags: {
    ...scopeFlags,
    metric: flag.text("NAME", "which metric; default: the most telling", { complete: "metric" }),
  },
  examples: [["ml insights --group bs --metric val_acc", "what made the difference?"]],
  schemas: {
    "ml.insights/1":
      "`runs`, `statuses`, `verdicts`, `metric`, `better`, `best`, `noise`, `parameters` (`parameter`, `n`, `correlation`, `finding`, `values`), `failures`, `waste`, `more`",
  },
  async run(context, args) {
    const { metric } = args.flags;
    if (!isScoped(args.flags))
      throw new MlError("usage", "nothing was said about which runs", {
        hint: "ml insights --group NAME, or --tag, --user, --since",
      });
    const connection = await context.connect();
    const scope = scopeOf(args.flags, serverNowMs(connection));
    const insights = await connection.ask("memory.insights", { ...scope, ...(metric === null ? {} : { metric }) });
    const { output } = context;
    sayRead(context, insights);
    output.result({
      schema: "ml.insights/1",
      value: () => insights,
      ids: () => insights.parameters.filter(({ finding }) => finding === "moves").map(({ parameter }) => parameter),
      rows: () => insights.parameters.map((one) => [one.parameter, one.finding, one.n, one.correlation]),
      human: () => pageText(insightsPage(insights, faceOf(output, serverNowMs(connection))), output),
    });
    if (insights.more) output.say(`looked at the newest ${insights.runs} runs only`);
    return undefined;
  },
});
