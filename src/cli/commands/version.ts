/** `ml version`: what `ml --version` prints, with --json too. */
import { protocolVersion, version } from "../../core/version.ts";
import { defineCommand } from "../command.ts";

export const command = defineCommand({
  name: "version",
  group: "set up",
  summary: "print the version",
  brokenConfig: true,
  positionals: [],
  flags: {},
  examples: [["ml version --json", "also the protocol and the platform"]],
  schemas: { "ml.version/1": "`version`, `protocol`, `platform`" },
  async run(context) {
    const platform = `${process.platform}-${process.arch}`;
    context.output.result({
      schema: "ml.version/1",
      value: () => ({ version, protocol: protocolVersion, platform }),
      ids: () => [version],
      rows: () => [[version, protocolVersion, platform]],
      human: () => `ml ${version}\n`,
    });
  },
});
