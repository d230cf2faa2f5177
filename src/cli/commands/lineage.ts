/** `ml lineage [RUN]`: what follows from what, as a tree: hypothesis, verdict, what was to come next. */
import { MlError } from "../../core/error.ts";
import { lineagePage } from "../../view/memory-pages.ts";
import { defineCommand } from "../command.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";
import { isScoped, sayRead, scopeFlags, scopeOf } from "../scope-flags.ts";

export const command = defineCommand({
  name: "lineage",
  group: "think",
  summary: "what follows from what: hypothesis, run, verdict, next",
  about:
    "With a run: the whole tree that it is part of. Without: the trees of the runs of a group, tag, person or time. A run follows from its --parent, else from the run that it was requeued, cloned or forked from.",
  positionals: [{ name: "RUN", about: "a run of the tree", optional: true, complete: "run" }],
  flags: scopeFlags,
  examples: [
    ["ml lineage @last", "how did I get here?"],
    ["ml lineage --group bs", "an experiment"],
  ],
  schemas: {
    "ml.lineage/1":
      "`nodes` in the order of the page: each `run_id`, `name`, `user`, `status`, `group`, `at`, `hypothesis`, `outcome`, `verdict`, `failure`, `next_steps`, `metrics`, `depth`, `last`, `beyond`; `more`",
  },
  async run(context, args) {
    const [run] = args.words;
    if (run === undefined && !isScoped(args.flags))
      throw new MlError("usage", "no run was named", { hint: "ml lineage @last, or ml lineage --group NAME" });
    const connection = await context.connect();
    const scope = run === undefined ? scopeOf(args.flags, serverNowMs(connection)) : { run };
    const reply = await connection.ask("memory.lineage", scope);
    const { output } = context;
    sayRead(context, reply);
    output.result({
      schema: "ml.lineage/1",
      value: () => reply,
      ids: () => reply.nodes.map((node) => node.run_id),
      rows: () =>
        reply.nodes.map((node) => [
          node.depth,
          node.run_id,
          node.name,
          node.status,
          node.verdict,
          node.hypothesis,
          node.outcome,
        ]),
      human: () => pageText(lineagePage(reply.nodes, faceOf(output, serverNowMs(connection))), output),
    });
    if (reply.more) output.say(`only ${reply.nodes.length} runs are shown`);
    if (reply.nodes.length === 0 && output.mode === "human")
      output.say("no run is of that group, tag, person and time");
    return undefined;
  },
});
