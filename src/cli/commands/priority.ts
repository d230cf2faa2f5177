/** `ml priority RUN N`: moves a waiting run in the line; higher goes first. Never touches what runs already. */
import { MlError } from "../../core/error.ts";
import { submittedLine } from "../../view/submitted-line.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";

export const command = defineCommand({
  name: "priority",
  group: "queue",
  summary: "move a waiting run forward or back",
  about:
    "Priorities go from 1 to 10, 5 where none is given; higher goes first. A priority is a place in the line: it never stops what runs.",
  positionals: [
    { name: "RUN", about: "a waiting run", complete: "live_run" },
    { name: "N", about: "1 to 10, higher goes first" },
  ],
  flags: { reason: flag.text("TEXT", "why, for the record", { short: "m" }) },
  examples: [["ml priority warmup_test 8", "before everything of priority 7 and less"]],
  schemas: { "ml.priority/1": "`runs`: each with `run_id`, `name`, `status`, `position`, `eta`, `folder`, `command`" },
  async run(context, args) {
    const [run = "", text = ""] = args.words;
    const priority = Number(text);
    if (text.trim() === "" || !Number.isInteger(priority) || priority < 1 || priority > 10) {
      throw new MlError("usage", `\`${text}\` is not a priority: it is a whole number from 1 to 10`, {
        hint: `try \`ml priority ${run} 8\``,
      });
    }
    const connection = await context.connect();
    const reply = await connection.ask("run.priority", { runs: [run], priority, reason: args.flags.reason });
    const { output } = context;
    output.result({
      schema: "ml.priority/1",
      value: () => reply,
      ids: () => reply.runs.map((one) => one.run_id),
      rows: () => reply.runs.map((one) => [one.run_id, one.status, one.position, one.eta]),
      human() {
        const face = faceOf(output, serverNowMs(connection));
        return pageText(
          reply.runs.map((one) => submittedLine(one, { face, word: `priority ${priority}` })),
          output,
        );
      },
    });
  },
});
