/** `ml why RUN`: every reason for which a run waits, in sentences. */
import { readZoneAhead } from "../../core/local-offset.ts";
import { blockerSentence } from "../../view/blocker-text.ts";
import { visible } from "../../view/safe-text.ts";
import { whyPage } from "../../view/why-page.ts";
import { defineCommand } from "../command.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";

export const command = defineCommand({
  name: "why",
  group: "queue",
  summary: "say why a run waits, and when it will start",
  about:
    "Lists everything that keeps a waiting run from starting: a hold, a run that it waits for, hours, limits, resources and who holds them until when, and who goes first by which rule. The order: higher priority first (waiting raises it), then who has used less lately, then who came first.",
  positionals: [{ name: "RUN", about: "a waiting run", complete: "live_run" }],
  flags: {},
  examples: [["ml why @last", "what does my newest run wait for?"]],
  schemas: {
    "ml.why/1":
      "`run` (with `position`, `eta`, `eta_range`), `blockers` (each with a `kind` and what belongs to it), `named` (runs that they name)",
  },
  async run(context, args) {
    const connection = await context.connect();
    const reply = await connection.ask("run.why", { run: args.words[0] ?? "" });
    const { output } = context;
    if (output.mode === "human") await readZoneAhead();
    const nowMs = serverNowMs(connection);
    output.result({
      schema: "ml.why/1",
      value: () => reply,
      ids: () => [reply.run.run_id],
      rows: () =>
        reply.blockers.map((blocker) => [
          blocker.kind,
          visible(blockerSentence(blocker, { nowMs, named: reply.named })),
        ]),
      human: () => pageText(whyPage(reply, faceOf(output, nowMs)), output),
    });
    return undefined;
  },
});
