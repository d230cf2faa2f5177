/** `ml ls RUN [PATH]`: the files of a run folder, each with where it comes from. */
import { fileTable } from "../../view/file-page.ts";
import { visible } from "../../view/safe-text.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";
import { listFiles } from "../run-files.ts";

export const command = defineCommand({
  name: "ls",
  group: "watch",
  summary: "list the files of a run",
  about:
    "Paths count from the run folder; one that it lacks is looked for in work/. A pattern in quotes (`*`, `**`, `?`, `[a-z]`, `{a,b}`) is matched on the server. `code` was sent with the run, `artifact` is new or changed, `record` was written by ml.",
  positionals: [
    { name: "RUN", about: "which run", complete: "run" },
    { name: "PATH", about: "a folder or file in it, or a pattern", optional: true },
  ],
  flags: { recursive: flag.on("everything beneath, too", { short: "R" }) },
  examples: [
    ["ml ls @last", "the run folder"],
    ["ml ls @last work -R", "all that the script saw and wrote"],
    ["ml ls @last '**/*.pt'", "every checkpoint, wherever it is"],
  ],
  schemas: {
    "ml.ls/1": "`run_id`, `path`, `entries` (each `path`, `kind`, `size_bytes`, `modified`, `origin`), `truncated`",
  },
  async run(context, args) {
    const [run = "", path = ""] = args.words;
    const connection = await context.connect();
    const reply = await listFiles(connection, { run, path, recursive: args.flags.recursive });
    const { output } = context;
    output.result({
      schema: "ml.ls/1",
      value: () => reply,
      ids: () => reply.entries.map((entry) => visible(entry.path)),
      rows: () =>
        reply.entries.map((entry) => [visible(entry.path), entry.kind, entry.size_bytes, entry.modified, entry.origin]),
      human: () => pageText(fileTable(reply.entries, faceOf(output, serverNowMs(connection))), output),
    });
    if (reply.truncated) output.warn(`these are only the first ${reply.entries.length}; name a folder to see the rest`);
    return undefined;
  },
});
