/** `ml fork RUN DIR`: the code of a run in a folder, to be changed and queued from there as a child of that run. */
import { existsSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { MlError } from "../../core/error.ts";
import { quoteCommand } from "../../core/shell-quote.ts";
import { checkoutCode, fetchSnapshot } from "../../transfer/checkout.ts";
import { safeText } from "../../view/safe-text.ts";
import { defineCommand } from "../command.ts";
import { readSource } from "../derived-run.ts";
import { writeFork } from "../fork-file.ts";
import { fetchCodeOf } from "../run-files.ts";

export const command = defineCommand({
  name: "fork",
  group: "queue",
  summary: "check a run's code out to change it, and queue children of that run from there",
  about:
    "Runs that are queued from DIR have RUN as their parent, and its group, tags and narrative where nothing else is said; `ml queue` without a script queues the command of RUN. The file `.mlfork` in DIR says so; it is no part of the code. DIR is a tree of its own, also inside a git checkout.",
  positionals: [
    { name: "RUN", about: "the run to start from", complete: "run" },
    { name: "DIR", about: "a folder, empty or not there yet", complete: "folder" },
  ],
  flags: {},
  examples: [["ml fork best:val_acc ../warmup", "then edit there, and `ml queue`"]],
  schemas: { "ml.fork/1": "`run_id`, `to`, `files`, `command`" },
  async run(context, args) {
    const [run = "", dir = ""] = args.words;
    const target = resolve(context.cwd, dir);
    if (existsSync(target) && readdirSync(target).length > 0) {
      throw new MlError("refused", `\`${dir}\` is not empty, and nothing was written into it`, {
        hint: `ml fork ${run} ANOTHER-DIR`,
      });
    }
    const connection = await context.connect();
    const source = await readSource(connection, run);
    const { manifest } = source;
    const { snapshot: name } = manifest.environment;
    if (name === null) {
      throw new MlError("not_found", `run \`${manifest.run_id}\` was queued without code`, {
        hint: `\`ml requeue ${run} -- ARGS\` needs none`,
      });
    }
    return context.detachable("interrupted; remove the folder and fork again", async (signal) => {
      const fetchCode = (have: readonly string[] | null) =>
        fetchCodeOf(connection, { runId: manifest.run_id, have, signal });
      const snapshot = await fetchSnapshot(fetchCode, name);
      const progress = context.output.progress("checking out", "bytes");
      await checkoutCode(fetchCode, snapshot, {
        target,
        signal,
        onProgress: (done, total) => progress.update(done, total),
      }).finally(() => progress.end());
      writeFork(target, source);
      const command = quoteCommand(manifest.argv);
      context.output.result({
        schema: "ml.fork/1",
        value: () => ({
          run_id: manifest.run_id,
          to: target,
          files: snapshot.files.length,
          command,
        }),
        ids: () => [target],
        rows: () => [[manifest.run_id, target, snapshot.files.length, command]],
        human: () =>
          `forked ${manifest.run_id} (${snapshot.files.length} files) into ${safeText(target)}; from there \`ml queue\` runs: ${safeText(command)}\n`,
      });
      return 0;
    });
  },
});
