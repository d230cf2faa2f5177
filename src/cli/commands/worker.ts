/** `ml worker`: only its help. The worker itself is started by src/main.ts, before the thin client is loaded. */
import { MlError } from "../../core/error.ts";
import { defineCommand } from "../command.ts";

export const command = defineCommand({
  name: "worker",
  group: "set up",
  summary: "run what is queued, without serving",
  about:
    "Runs in the foreground beside a server (`ml server --no-worker`) or alone on the same base directory; several may share one queue. Runs outlive it: stopped, killed or upgraded, it adopts them at its next start. `ml worker --help` lists its own options.",
  positionals: [],
  flags: {},
  examples: [["ml worker --slots 2", "run two at a time"]],
  async run() {
    throw new MlError("usage", "flags of `ml worker` stand after it", { hint: "ml worker --help" });
  },
});
