/** `ml similar RUN`: runs like it, what differs, and what they yielded. */
import { readZoneAhead } from "../../core/local-offset.ts";
import { similarPage } from "../../view/similar-page.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";

export const command = defineCommand({
  name: "similar",
  group: "think",
  summary: "runs like one, what differs, and what they yielded",
  about:
    "Runs of the same script, under every name that it has had, nearest first: equal parameters count nothing, numbers a decade or more apart, other words and missing values count whole; the share that agrees is shown. `ml queue` says so by itself when a run is the same as an earlier one, or differs in a seed and one parameter at most from one that failed or was refuted.",
  positionals: [{ name: "RUN", about: "which run", complete: "run" }],
  flags: { limit: flag.number("N", "at most this many; default 10", { short: "n", least: 1, most: 100, whole: true }) },
  examples: [["ml similar @last", "has something like it run before?"]],
  schemas: {
    "ml.similar/1":
      "`run_id`, `behind`, `runs`: each `run` as in ml.status/1, `score` (1: no parameter differs), `same_code`, `differs` (`name`, `here`, `there`), `outcome`, `learnings`",
  },
  async run(context, args) {
    await readZoneAhead();
    const connection = await context.connect();
    const reply = await connection.ask("run.similar", { run: args.words[0] ?? "", limit: args.flags.limit ?? 10 });
    const { output } = context;
    output.result({
      schema: "ml.similar/1",
      value: () => reply,
      ids: () => reply.runs.map(({ run }) => run.run_id),
      rows: () =>
        reply.runs.map(({ run, score, same_code: sameCode, differs, outcome }) => [
          ...[run.run_id, run.name, run.status, run.validation_status, Number(score.toFixed(4)), sameCode],
          ...[differs.map(({ name, here, there }) => `${name} ${there} ${here}`).join("; "), outcome],
        ]),
      human: () => pageText(similarPage(reply, faceOf(output, serverNowMs(connection))), output),
    });
    return undefined;
  },
});
