/** `ml push DIR`: a folder of data to the server, as `data/<user>/<name>` of its base. `ml push RUN… --to SERVER`: runs to another server. */
import * as fs from "node:fs";
import { basename, resolve } from "node:path";
import { MlError } from "../../core/error.ts";
import { formatSize, parseSize } from "../../core/size.ts";
import type { TravellingRun } from "../../protocol/bundle-requests.ts";
import { collectTree } from "../../transfer/walk.ts";
import { type CarriedRun, pushedPage } from "../../view/bundle-page.ts";
import { safeText } from "../../view/safe-text.ts";
import { levelFlags, levelOf } from "../bundle-level.ts";
import { chosenRuns, searchedIds } from "../chosen-runs.ts";
import { cacheFolderOf } from "../code.ts";
import { type Arguments, type Context, defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { interruptible } from "../interruptible.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";
import { sendTree } from "../send-code.ts";

const flags = {
  as: flag.text("NAME", "what DIR is called there; default: the folder's own name"),
  to: flag.text("SERVER", "push runs to this server: an address, or a config file (lab2.toml, or lab2 beside yours)"),
  toKey: flag.text("KEY", "your key on that server; default: ML_TO_KEY, or what its config file says"),
  where: flag.text("QUERY", "with --to: all runs that a search means", { complete: "query" }),
  ...levelFlags,
  limitRate: flag.text("SIZE", "at most so many bytes a second, such as 2M"),
};
type Flags = Arguments<typeof flags>["flags"];

export const command = defineCommand({
  name: "push",
  group: "data",
  summary: "bring a folder of data to the server, or runs to another server",
  about: [
    "All files of DIR, ignored ones too, arrive as `data/<you>/NAME` in the base of the server, in place of what had that name; there they are read-only, and `ml dataset add` can register them. Only what the server lacks is sent, a changed file as what differs; typed again after a cut it sends the rest. Nothing of a run is ever written to.",
    "With --to, ended runs go to another server as they are, through here and without a file in between. Everything is checked there before it is kept, as `ml import` does it; they are yours there, and whose they were stays in the record. A run that is there already is not sent again, nor code that is there; after a cut the same command goes on.",
    "Your own key is never shown to the other server: `ml init --config ~/.ml/lab2.toml --host HOST --key -` writes down where it is and which key you have there, and `--to lab2` uses it.",
  ].join("\n\n"),
  startsServer: true,
  positionals: [
    { name: "WHAT", about: "a folder here; with --to: runs", optional: true, many: true, complete: "folder" },
  ],
  flags,
  examples: [
    ["ml push ./cifar10", "as data/<you>/cifar10"],
    ["ml push ./export --as cifar10-v2 --limit-rate 5M", "under another name, and gently"],
    ["ml push @last k3f9ab --to lab2", "whole runs, to the server that ~/.ml/lab2.toml names"],
    ["ml push --where 'group:bs' --to ws://archive:9100 --metadata-only", "the records of an experiment"],
  ],
  schemas: {
    "ml.push/1":
      "`name`, `folder` (on the server), `snapshot`, `files`, `size_bytes`, `sent_files`, `sent_bytes`, `left_out`",
    "ml.push-runs/1":
      "with --to: `to`, `level` (all, some, metadata), `runs` (each `run_id`, `there_as`, `name`, `status`, `state`: pushed, there_already, refused; `why`), `sent_bytes`",
  },
  run: (context, args) =>
    args.flags.to === null
      ? pushFolder(context, args)
      : pushToServer(context, { words: args.words, flags: args.flags }),
});

const rateOf = ({ limitRate }: Flags) => (limitRate === null ? null : Math.max(1, parseSize(limitRate, "rate")));

function requireFolderFlags({ toKey, where, metadataOnly, includeArtifacts }: Flags): void {
  const given = [
    [toKey !== null, "--to-key"],
    [where !== null, "--where"],
    [metadataOnly, "--metadata-only"],
    [includeArtifacts.length > 0, "--include-artifacts"],
  ] as const;
  const odd = given.find(([isGiven]) => isGiven)?.[1];
  if (odd !== undefined)
    throw new MlError("usage", `\`${odd}\` is about runs and means nothing without \`--to\``, {
      hint: "`ml push RUN --to SERVER` pushes runs to another server",
    });
}

async function pushFolder(
  context: Context,
  args: { words: readonly string[]; flags: Flags },
): Promise<number | undefined> {
  const [dir, second] = args.words;
  requireFolderFlags(args.flags);
  if (dir === undefined || second !== undefined)
    throw new MlError("usage", dir === undefined ? "`ml push` wants a folder" : "`ml push` takes one folder", {
      hint: "`ml push DIR`, or `ml push RUN… --to SERVER` for runs",
    });
  const folder = resolve(context.cwd, dir);
  if (fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new MlError("not_found", `there is no folder \`${dir}\``, {
      hint: "`ml push` takes a folder of data; runs go to another server by `--to SERVER`",
    });
  }
  const name = args.flags.as ?? basename(folder);
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(name)) {
    throw new MlError("usage", `data cannot be called \`${name}\``, {
      hint: `letters, digits, dots, dashes: \`ml push ${dir} --as NAME\``,
    });
  }
  const bytesPerSecond = rateOf(args.flags);
  const { output } = context;
  const outcome = await interruptible(async (stage) => {
    const opening = context.connect();
    opening.catch(() => {});
    const cacheFolder = cacheFolderOf(context);
    const tree = await collectTree({ cwd: folder, limits: noLimits, cacheFolder, everything: true });
    const connection = await opening;
    const sent = await sendTree(context, tree, {
      ...{ connection, signal: stage.signal, bytesPerSecond, label: "pushing", asFiles: true },
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
}

/** What a server takes at most says the server. */
const noLimits = { totalBytes: Number.POSITIVE_INFINITY, fileBytes: Number.POSITIVE_INFINITY, files: 200_000 };

/** Those that have ended. A named one that has not is an error; one that a search found is left out, and that is said. */
function endedOf(context: Context, planned: readonly TravellingRun[], searched: boolean): TravellingRun[] {
  const live = planned.filter(({ content }) => content === null);
  const [first] = live;
  if (first !== undefined && !searched)
    throw new MlError("conflict", `run \`${first.run_id}\` cannot be pushed: it is ${first.status}`, {
      hint: `wait for it: \`ml wait ${first.run_id}\``,
    });
  if (first !== undefined)
    context.output.say(`left out ${live.length} ${live.length === 1 ? "run that has" : "runs that have"} not ended`);
  return planned.filter(({ content }) => content !== null);
}

async function pushToServer(context: Context, args: { words: readonly string[]; flags: Flags }): Promise<number> {
  const { to: place, toKey, where, as } = args.flags;
  const level = levelOf(args.flags);
  if (as !== null) throw new MlError("usage", "`--as` names a folder of data and means nothing with `--to`");
  if ((where === null) === (args.words.length === 0))
    throw new MlError("usage", "`ml push --to` wants runs, or `--where QUERY`", {
      hint: `\`ml push @last --to ${place}\``,
    });
  const bytesPerSecond = rateOf(args.flags);
  const [{ connectOther }, { planRuns, pushRuns }] = await Promise.all([
    import("../other-server.ts"),
    import("../push-runs.ts"),
  ]);
  const { output } = context;
  const from = await context.connect();
  const runIds = where === null ? await chosenRuns(from, args.words) : await searchedIds(context, where);
  const to = await connectOther(context, { place: place ?? "", key: toKey });
  const settled: CarriedRun[] = [];
  const left = "interrupted: runs that are there are there whole; the same command goes on";
  return context
    .detachable(left, async (signal) => {
      const runs = endedOf(context, await planRuns(from, { runIds, ...level }), where !== null);
      const progress = output.progress("pushing", "bytes");
      const wish = {
        ...{ runIds, ...level, bytesPerSecond, signal },
        onRun: (run: CarriedRun) => void settled.push(run),
        onProgress: (done: number, total: number) => progress.update(done, total),
      };
      const { sentBytes } = await pushRuns(context, { from, to, runs, wish }).finally(() => progress.end());
      const refused = settled.some(({ state }) => state === "refused");
      output.result({
        schema: "ml.push-runs/1",
        value: () => ({ to: to.place, level: level.level, runs: settled, sent_bytes: sentBytes }),
        ids: () => settled.flatMap(({ there_as }) => there_as ?? []),
        rows: () => settled.map((run) => [run.run_id, run.there_as, run.name, run.status, run.state, run.why]),
        human: () =>
          pageText(
            pushedPage({ runs: settled, sentBytes, place: to.place }, faceOf(output, serverNowMs(from))),
            output,
          ),
      });
      return refused ? 7 : 0;
    })
    .finally(() => to.close());
}
