/** `ml why-different A B`: what most plausibly explains the gap, or that chance alone may. */
import { explainPage } from "../../view/explain-page.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";

export const command = defineCommand({
  name: "why-different",
  group: "think",
  summary: "what most plausibly explains the gap between two runs",
  about:
    "The noise floor is the spread among repeats: runs of the same script, code, data and arguments but for the seed. A gap that two such runs show by chance (95 %) is called within noise; without repeats the answer is that it cannot be told. Each thing that differs is held against all pairs of other runs that differ in it alone; only completed runs bear witness.",
  positionals: [
    { name: "A", about: "a run", complete: "run" },
    { name: "B", about: "another", complete: "run" },
  ],
  flags: {
    metric: flag.text("NAME", "which metric; default: the most telling that both have", { complete: "metric" }),
  },
  examples: [["ml why-different @last~1 @last --metric val_acc", "why is the newest better, if it is?"]],
  schemas: {
    "ml.why_different/1":
      "`a`, `b`, `pool` (how many runs were looked at), `explanation` (`metric`, `a`, `b`, `gap`, `verdict`: beyond_noise, within_noise, cannot_tell; `reason`, `noise`, `reserves`, `causes` (`facet`, `key`, `a`, `b`, `evidence`: `median`, `low`, `high`, `pairs`, `same_way`, `runs`; `weight`), `more`)",
  },
  async run(context, args) {
    const [a = "", b = ""] = args.words;
    const connection = await context.connect();
    const { metric } = args.flags;
    const explained = await connection.ask("run.explain", { a, b, ...(metric === null ? {} : { metric }) });
    const { output } = context;
    const { explanation } = explained;
    output.result({
      schema: "ml.why_different/1",
      value: () => explained,
      ids: () => [explanation.verdict],
      rows: () =>
        explanation.causes.map(({ facet, key, a: from, b: to, evidence }) => [
          facet,
          key,
          from,
          to,
          evidence?.median ?? null,
          evidence?.pairs ?? 0,
        ]),
      human: () => pageText(explainPage(explained, faceOf(output, serverNowMs(connection))), output),
    });
    return undefined;
  },
});
