/** `ml push DIR`: brings a folder of data to the server, as `data/<user>/<name>` of its base. */
import * as fs from "node:fs";
import { basename, resolve } from "node:path";
import { MlError } from "../../core/error.ts";
import { formatSize, parseSize } from "../../core/size.ts";
import { collectTree } from "../../transfer/walk.ts";
import { safeText } from "../../view/safe-text.ts";
import { cacheFolderOf } from "../code.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { interruptible } from "../interruptible.ts";
import { sendTree } from "../send-code.ts";

export const command = defineCommand({
  name: "push",
  group: "data",
  summary: "bring a folder of data to the server",
  about:
    "All files of DIR, ignored ones too, arrive as `data/<you>/NAME` in the base of the server, in place of what had that name; there they are read-only, and `ml dataset add` can register them. Only what the server lacks is sent, a changed file as what differs; typed again after a cut it sends the rest. Nothing of a run is ever written to.",
  startsServer: true,
  positionals: [{ name: "DIR", about: "a folder here", complete: "folder" }],
  flags: {
    as: flag.text("NAME", "what it is called there; default: the folder's own name"),
    limitRate: flag.text("SIZE", "at most so many bytes a second, such as 2M"),
  },
  examples: [
    ["ml push ./cifar10", "as data/<you>/cifar10"],
    ["ml push ./export --as cifar10-v2 --limit-rate 5M", "under another name, and gently"],
  ],
  schemas: {
    "ml.push/1":
      "`name`, `folder` (on the server), `snapshot`, `files`, `size_bytes`, `sent_files`, `sent_bytes`, `left_out`",
  },
  async run(context, args) {
    const [dir = ""] = args.words;
    const { as, limitRate } = args.flags;
    const folder = resolve(context.cwd, dir);
    if (fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
      throw new MlError("not_found", `there is no folder \`${dir}\``, { hint: "`ml push` takes a folder of data" });
    }
    const name = as ?? basename(folder);
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(name)) {
      throw new MlError("usage", `data cannot be called \`${name}\``, {
        hint: `letters, digits, dots, dashes: \`ml push ${dir} --as NAME\``,
      });
    }
    const bytesPerSecond = limitRate === null ? null : Math.max(1, parseSize(limitRate, "rate"));
    const { output } = context;
    const outcome = await interruptible(async (stage) => {
      const opening = context.connect();
      opening.catch(() => {});
      const cacheFolder = cacheFolderOf(context);
      const tree = await collectTree({ cwd: folder, limits: noLimits, cacheFolder, everything: true });
      const connection = await opening;
      const sent = await sendTree(context, tree, {
        connection,
        signal: stage.signal,
        bytesPerSecond,
        label: "pushing",
      });
      const stored = await stage.finishing(() => connection.ask("data.put", { name, snapshot: tree.hash }));
      return { tree, sent, stored };
    });
    if (outcome.kind === "interrupted") {
      output.say(
        `${context.terminal.stderr ? "\n" : ""}interrupted: what had that name is as it was; the same command sends only what has not arrived yet`,
      );
      return 130;
    }
    const { tree, sent, stored } = outcome.value;
    for (const left of tree.leftOut) output.warn(`left out ${left.path}: ${left.why}`);
    output.result({
      schema: "ml.push/1",
      value: () => ({
        name,
        folder: stored.folder,
        snapshot: tree.hash,
        files: stored.files,
        size_bytes: stored.size_bytes,
        sent_files: sent.blobs,
        sent_bytes: sent.wireBytes,
        left_out: tree.leftOut,
      }),
      ids: () => [stored.folder],
      rows: () => [[name, stored.folder, stored.files, stored.size_bytes, sent.blobs, sent.wireBytes]],
      human() {
        const count = `${stored.files} ${stored.files === 1 ? "file" : "files"}, ${formatSize(stored.size_bytes)}`;
        const travelled =
          sent.blobs === 0 ? "nothing new to send" : `${sent.blobs} new, ${formatSize(sent.wireBytes)} sent`;
        return `pushed ${count} (${travelled}) to ${safeText(stored.folder)}\n`;
      },
    });
    return undefined;
  },
});

/** What a server takes at most says the server. */
const noLimits = { totalBytes: Number.POSITIVE_INFINITY, fileBytes: Number.POSITIVE_INFINITY, files: 200_000 };
