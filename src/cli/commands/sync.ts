/** `ml sync`: brings the code to the server and queues nothing, so that the next `ml queue` has nothing left to send. */
import { realpathSync } from "node:fs";
import { formatSize, parseSize } from "../../core/size.ts";
import { treeTop } from "../../transfer/git-folder.ts";
import { span } from "../../view/face.ts";
import { codeLines, collectCode } from "../code.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { interruptible } from "../interruptible.ts";
import { sayPage } from "../page.ts";
import { aheadTo, reachForCode, sendCode } from "../send-code.ts";

export const command = defineCommand({
  name: "sync",
  group: "code",
  summary: "send the code to the server without queueing anything",
  about:
    "The same tree as `ml queue` would freeze, to the same place: only what the server lacks is sent, a changed file as what differs. Typed again after a cut it sends the rest. It prints the name of the snapshot, by which it is kept.",
  startsServer: true,
  positionals: [],
  flags: {
    limitRate: flag.text("SIZE", "at most so many bytes a second, such as 2M"),
    verbose: flag.on("name everything that is left out of the code", { short: "v" }),
  },
  examples: [
    ["ml sync", "before the laptop is closed"],
    ["ml sync --limit-rate 500k", "on a line that others need too"],
  ],
  schemas: {
    "ml.sync/1": "`snapshot`, `root`, `files`, `size_bytes`, `sent_files`, `sent_bytes`, `left_out`",
  },
  async run(context, args) {
    const { limitRate, verbose } = args.flags;
    const bytesPerSecond = limitRate === null ? null : Math.max(1, parseSize(limitRate, "rate"));
    const { output } = context;
    const outcome = await interruptible(async (stage) => {
      const reach = reachForCode(context);
      const sending = { signal: stage.signal, bytesPerSecond };
      const ahead = await aheadTo(context, { root: treeTop(realpathSync(context.cwd)), ...sending });
      const code = await collectCode(context, ahead);
      return { code, sent: await sendCode(context, code, { connection: await reach(), ahead, ...sending }) };
    });
    if (outcome.kind === "interrupted") {
      output.say(
        `${context.terminal.stderr ? "\n" : ""}interrupted: \`ml sync\` again sends only what has not arrived yet`,
      );
      return 130;
    }
    const { code, sent } = outcome.value;
    const { tree } = code;
    sayPage(
      context,
      codeLines(code, { sent, verbose, dryRun: false }).map((line) => [span(line, "dim")]),
    );
    output.result({
      schema: "ml.sync/1",
      value: () => ({
        snapshot: tree.hash,
        root: tree.root,
        files: tree.files.length,
        size_bytes: tree.sizeBytes,
        sent_files: sent.blobs,
        sent_bytes: sent.wireBytes,
        left_out: tree.leftOut,
      }),
      ids: () => [tree.hash],
      rows: () => [[tree.hash, tree.files.length, tree.sizeBytes, sent.blobs, sent.wireBytes]],
      human: () =>
        `snapshot ${tree.hash.slice(0, 12)}: ${sent.blobs === 0 ? "the server had it already" : `${formatSize(sent.wireBytes)} sent`}\n`,
    });
    return undefined;
  },
});
