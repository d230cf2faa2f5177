/** `ml release RUN…`: lets held runs start again. */
import { defineCommand } from "../command.ts";
import { setHeld } from "../holding.ts";

export const command = defineCommand({
  name: "release",
  group: "queue",
  summary: "let held runs start again",
  positionals: [{ name: "RUN", about: "held runs", many: true, complete: "live_run" }],
  flags: {},
  examples: [["ml release warmup_test", "back into the line, with its old age"]],
  schemas: { "ml.release/1": "`runs`: each with `run_id` and `held`" },
  run: (context, args) => setHeld(context, args.words, false),
});
