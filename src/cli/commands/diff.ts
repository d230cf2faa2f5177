/** `ml diff A B`: how two runs differ, and nothing else. */
import { diffPage, diffRows } from "../../view/diff-page.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";

export const command = defineCommand({
  name: "diff",
  group: "think",
  summary: "how two runs differ: arguments, code, packages, data, machine, results",
  about:
    "Only what differs, by facet: what may have caused something first, most likely first, then what came of it. Changed code is shown line by line from the snapshots of both runs, wherever the project is now.",
  positionals: [
    { name: "A", about: "a run", complete: "run" },
    { name: "B", about: "another", complete: "run" },
  ],
  flags: {
    stat: flag.on("only name the changed files, without their lines"),
    only: flag.texts(
      "FACET",
      "only these: arguments, code, packages, data, hardware, environment, narrative, metrics, outcome",
    ),
  },
  examples: [
    ["ml diff @last~1 @last", "what did I change?"],
    ["ml diff best:val_acc @last --stat", "the best so far against the newest"],
  ],
  schemas: {
    "ml.diff/1":
      "`a`, `b`, `facets` (each `facet` and `rows`: `key`, `a`, `b`, `weight`), `code` (`known`, `more`, `files`: each `path`, `kind`, `was`, `lines_added`, `lines_removed`, `hunks`, `why`), `warnings`: a sentence for each dataset that was not the same for both",
  },
  async run(context, args) {
    const [a = "", b = ""] = args.words;
    const connection = await context.connect();
    const diff = await connection.ask("run.diff", { a, b });
    const only = args.flags.only.flatMap((text) => text.split(","));
    const shown =
      only.length === 0 ? diff : { ...diff, facets: diff.facets.filter(({ facet }) => only.includes(facet)) };
    const { output } = context;
    output.result({
      schema: "ml.diff/1",
      value: () => shown,
      ids: () => shown.facets.map(({ facet }) => facet),
      rows: () => diffRows(shown),
      human: () =>
        pageText(diffPage(shown, { face: faceOf(output, serverNowMs(connection)), lines: !args.flags.stat }), output),
    });
    return undefined;
  },
});
