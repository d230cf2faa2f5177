/** `ml release RUN…`: lets held runs start again. */
import { defineCommand } from "../command.ts";
import { holdingFlags, setHeld } from "../holding.ts";

export const command = defineCommand({
  name: "release",
  group: "queue",
  summary: "let held runs start again",
  positionals: [{ name: "RUN", about: "held runs", optional: true, many: true, complete: "live_run" }],
  flags: holdingFlags,
  examples: [
    ["ml release --group sweep1", "a group that was paused goes on"],
    ["ml release warmup_test", "back into the line, with its old age"],
  ],
  schemas: { "ml.release/1": "`runs`: each with `run_id` and `held`" },
  run: (context, args) => setHeld(context, { runs: args.words, ...args.flags }, false),
});
