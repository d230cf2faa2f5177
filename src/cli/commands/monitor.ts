/** `ml monitor`, and being called as `ml-tui`: the terminal UI, which this build does not have. */
import { MlError } from "../../core/error.ts";
import { defineCommand } from "../command.ts";

export const command = defineCommand({
  name: "monitor",
  group: "watch",
  summary: "the terminal UI (not in this build)",
  brokenConfig: true,
  positionals: [],
  flags: {},
  examples: [],
  async run() {
    throw new MlError("refused", "the terminal UI is not in this build", { hint: "ml status --watch" });
  },
});
