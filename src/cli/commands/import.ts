/** `ml import FILE`: the runs of a bundle become runs here, all of them or none. */
import { resolve } from "node:path";
import { MlError } from "../../core/error.ts";
import type { Imported } from "../../protocol/bundle.ts";
import { importedPage } from "../../view/bundle-page.ts";
import { defineCommand } from "../command.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";
import { refusal } from "../run-files.ts";

export const command = defineCommand({
  name: "import",
  group: "keep",
  summary: "take in runs from a bundle",
  about: [
    "Everything is checked before anything is kept, as `ml verify` does it; a bundle that fails is refused as a whole. The runs are yours then, marked as imported; whose they were, and under which id, stays in the record (`ml info`).",
    "A run keeps its id where that is free here. Importing the same again, or a run that was once exported from here, makes no second one. What runs took elsewhere does not count for estimates or shares here.",
  ].join("\n\n"),
  startsServer: true,
  positionals: [{ name: "FILE", about: "a bundle, as `ml export` makes it", complete: "file" }],
  flags: {},
  examples: [["ml import run_42.tar.gz", "from a colleague"]],
  schemas: {
    "ml.import/1":
      "`runs`: each `run_id` (here), `bundled_as`, `name`, `status`, `state` (imported, here_already); `files`, `size_bytes`",
  },
  async run(context, args) {
    const [file = ""] = args.words;
    const path = resolve(context.cwd, file);
    const { output } = context;
    const { bundleSize } = await import("../verify-bundle.ts");
    if (bundleSize(path, file) === 0) throw new MlError("refused", `\`${file}\` is empty`);
    const connection = await context.connect();
    return context.detachable("interrupted: nothing of the bundle was kept", async (signal) => {
      const response = await connection.fetch("/bundles", { method: "PUT", body: Bun.file(path), signal });
      if (!response.ok) throw await refusal(response, `importing \`${file}\``);
      const { reply } = (await response.json()) as { reply: Imported };
      output.result({
        schema: "ml.import/1",
        value: () => reply,
        ids: () => reply.runs.map(({ run_id }) => run_id),
        rows: () => reply.runs.map((run) => [run.run_id, run.bundled_as, run.name, run.status, run.state]),
        human: () => pageText(importedPage(reply, faceOf(output, serverNowMs(connection))), output),
      });
      return 0;
    });
  },
});
