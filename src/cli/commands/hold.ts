/** `ml hold RUN…`: keeps waiting runs from starting; what it does for `release` too is in ../holding.ts. */
import { defineCommand } from "../command.ts";
import { holdingFlags, setHeld } from "../holding.ts";

export const command = defineCommand({
  name: "hold",
  group: "queue",
  summary: "keep waiting runs from starting",
  about: "A held run keeps its place by age and priority, but is passed over until `ml release`.",
  positionals: [{ name: "RUN", about: "waiting runs", optional: true, many: true, complete: "live_run" }],
  flags: holdingFlags,
  examples: [["ml hold @last", "the newest run waits until it is released"]],
  schemas: { "ml.hold/1": "`runs`: each with `run_id` and `held`" },
  run: (context, args) => setHeld(context, { runs: args.words, ...args.flags }, true),
});
