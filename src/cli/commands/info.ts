/** `ml info RUN`: the whole story of one run; with --json its manifest. */

import { plainFacts } from "../../view/facts.ts";
import { infoPage } from "../../view/info-page.ts";
import { type Curve, curves, withRecorded } from "../../view/metric.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";
import { readPoints } from "../read-points.ts";

export const command = defineCommand({
  name: "info",
  group: "watch",
  summary: "tell the whole story of a run",
  positionals: [{ name: "RUN", about: "which run", complete: "run" }],
  flags: { showMetrics: flag.on("add a table of the metrics and their course") },
  examples: [
    ["ml info @last", "the newest run"],
    ["ml info best_one --json | jq .manifest.metrics", "for programs"],
  ],
  schemas: {
    "ml.info/1":
      "`summary` (as in ml.status/1), `manifest` (run_manifest.json as it is), `folder`, `worker`; with --show-metrics also `points`",
  },
  async run(context, args) {
    const connection = await context.connect();
    const detail = await connection.ask("run.get", { run: args.words[0] ?? "" });
    const runId = detail.summary.run_id;
    const points = args.flags.showMetrics ? (await readPoints(connection, runId)).points : null;
    const found: Curve[] | null = points === null ? null : withRecorded(curves(points), detail.manifest.metrics);
    const { output } = context;
    output.result({
      schema: "ml.info/1",
      value: () => ({ ...detail, ...(points === null ? {} : { points }) }),
      ids: () => [runId],
      rows: () => plainFacts(detail.manifest),
      human: () => pageText(infoPage(detail, found, faceOf(output, serverNowMs(connection))), output),
    });
    return undefined;
  },
});
