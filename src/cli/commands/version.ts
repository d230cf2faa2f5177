/** `ml version`: what `ml --version` prints, with --json too. */
import { protocolVersion, version } from "../../core/version.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";

/** Put in by the build (scripts/licences.ts). */
/** Compressed, base64: as plain text they would lie in the executable twice, as source and as bytecode. */
declare const LICENCES: string | undefined;

export const command = defineCommand({
  name: "version",
  group: "set up",
  summary: "print the version",
  brokenConfig: true,
  positionals: [],
  flags: { licences: flag.on("print the licences of everything in this executable") },
  examples: [["ml version --json", "also the protocol and the platform"]],
  schemas: { "ml.version/1": "`version`, `protocol`, `platform`" },
  async run(context, args) {
    if (args.flags.licences) {
      const text =
        typeof LICENCES === "undefined"
          ? "see node_modules: this runs from source\n"
          : Bun.zstdDecompressSync(Buffer.from(LICENCES, "base64")).toString();
      context.output.write(text);
      return undefined;
    }
    const platform = `${process.platform}-${process.arch}`;
    context.output.result({
      schema: "ml.version/1",
      value: () => ({ version, protocol: protocolVersion, platform }),
      ids: () => [version],
      rows: () => [[version, protocolVersion, platform]],
      human: () => `ml ${version}\n`,
    });
    return undefined;
  },
});
