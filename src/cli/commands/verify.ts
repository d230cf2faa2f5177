/** `ml verify FILE`: is a bundle whole and what it says? Reads the file here; no server is asked, nothing is unpacked to disk. */
import { resolve } from "node:path";
import { verifyPage } from "../../view/bundle-page.ts";
import { defineCommand } from "../command.ts";
import { faceOf, pageText } from "../page.ts";

export const command = defineCommand({
  name: "verify",
  group: "keep",
  summary: "check a bundle, without a server",
  about:
    "Every check by name: the archive (whole, within its limits, nothing in it that could leave its folder), the sum of every file, the records of the runs, each run against its own seal, the code against its hashes. Ends with 8 where one has failed.",
  positionals: [{ name: "FILE", about: "a bundle", complete: "file" }],
  flags: {},
  examples: [["ml verify run_42.tar.gz", "before you trust it"]],
  schemas: {
    "ml.verify/1":
      "`file`, `valid`, `checks` (as in `ml.validate/1`), `runs` (each `run_id`, `name`), `files`, `size_bytes` (unpacked)",
  },
  async run(context, args) {
    const [file = ""] = args.words;
    const { output } = context;
    const { verifyBundle } = await import("../verify-bundle.ts");
    const progress = output.progress("verifying", "bytes");
    const found = await verifyBundle(resolve(context.cwd, file), file, (done, total) =>
      progress.update(done, total),
    ).finally(() => progress.end());
    output.result({
      schema: "ml.verify/1",
      value: () => found,
      ids: () => found.runs.map(({ run_id }) => run_id),
      rows: () => found.checks.map((check) => [check.name, check.state, check.expected, check.actual]),
      human: () => pageText(verifyPage(found, faceOf(output, Date.now())), output),
    });
    return found.valid ? 0 : 8;
  },
});
