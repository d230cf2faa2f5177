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
    "Of completed runs. `moves it` is said where means or ranks differ by more than chance (95 %, for all parameters together), among runs that differ in the parameter alone where there are five or more; `goes along with it` where another parameter, or the code, changed wherever it did; `too few` below five runs. Requests are called wasted where three runs or more used, on average, less than half.",
  positionals: [],
  flags: {
    ...scopeFlags,
    metric: flag.text("NAME", "which metric; default: the most telling", { complete: "metric" }),
  },
  examples: [["ml insights --group bs --metric val_acc", "what made the difference?"]],
  schemas: {
    "ml.insights/1":
      "`runs`, `statuses`, `verdicts`, `metric`, `better`, `measured` (completed runs with the metric), `not_counted` (runs that broke off with one), `best`, `noise`, `parameters` (`parameter`, `n`, `correlation`, `finding`: moves, not_alone, no_sign, too_few; `chance`, `alone`, `along`, `effect`, `small`, `values`, `more`), `failures`, `waste`, `more`",
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
