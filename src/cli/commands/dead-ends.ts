/** `ml dead-ends`: what was refuted, and what never worked; worth a look before the same mistake is queued again. */
import { deadEndsPage } from "../../view/memory-pages.ts";
import { visible } from "../../view/safe-text.ts";
import { defineCommand } from "../command.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";
import { sayRead, scopeFlags, scopeOf } from "../scope-flags.ts";

export const command = defineCommand({
  name: "dead-ends",
  group: "think",
  summary: "what was refuted, and what never worked",
  about:
    "Hypotheses with the verdict `refutes`, with what came out; and set-ups (script and arguments, but for seeds and names of folders) that failed at least twice, always in the same way. A set-up that worked once is none.",
  positionals: [],
  flags: scopeFlags,
  examples: [["ml dead-ends --tag warmup", "before warmup is tried again"]],
  schemas: {
    "ml.dead_ends/1":
      "`dead_ends` (each `kind`: refuted, always_failed; `what`, `because`, `failure`, `runs`, `group`, `parameters`, `at`), `looked_at`, `more`",
  },
  async run(context, args) {
    const connection = await context.connect();
    const reply = await connection.ask("memory.dead_ends", scopeOf(args.flags, serverNowMs(connection)));
    const { output } = context;
    sayRead(context, reply);
    output.result({
      schema: "ml.dead_ends/1",
      value: () => reply,
      ids: () => [...new Set(reply.dead_ends.flatMap(({ runs }) => runs.map(({ run_id }) => run_id)))],
      rows: () =>
        reply.dead_ends.map((end) => [
          end.kind,
          end.failure,
          end.runs[0]?.run_id ?? end.group,
          end.at,
          visible(end.what),
          end.because === null ? null : visible(end.because),
        ]),
      human: () => pageText(deadEndsPage(reply.dead_ends, faceOf(output, serverNowMs(connection))), output),
    });
    if (reply.more) output.say(`looked at the newest ${reply.looked_at} runs only`);
    if (reply.dead_ends.length === 0 && output.mode === "human")
      output.say(`none among ${reply.looked_at} runs: nothing was refuted, and nothing failed the same way each time`);
    return undefined;
  },
});
