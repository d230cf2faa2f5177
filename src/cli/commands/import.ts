/** `ml import FILE`: the runs of a bundle become runs here, all of them or none; and those that other trackers kept. */
import { resolve } from "node:path";
import { MlError } from "../../core/error.ts";
import { formatSize } from "../../core/size.ts";
import type { Imported } from "../../protocol/bundle.ts";
import { limits } from "../../protocol/frames.ts";
import { importedPage } from "../../view/bundle-page.ts";
import { columnsPage, type ForeseenStanding, foreseenPage } from "../../view/foreign-page.ts";
import { visible } from "../../view/safe-text.ts";
import { type Arguments, type Context, defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import {
  bringForeign,
  type ForeignWishes,
  foreseenOf,
  type OpenedStore,
  openForeign,
  standingOf,
} from "../foreign-import.ts";
import { faceOf, pageText, sayPage, serverNowMs, talkFace } from "../page.ts";
import { refusal } from "../run-files.ts";

const flags = {
  mlflow: flag.text("DIR", "runs of MLflow: `mlruns`, `mlflow.db`, or the folder that holds one", { complete: "file" }),
  tensorboard: flag.text("DIR", "runs of TensorBoard: each folder with event files", { complete: "file" }),
  csv: flag.text("FILE", "a table of results: each row", { complete: "file" }),
  update: flag.on("runs that were imported before take over what is new there; what was said here stays"),
  dryRun: flag.on("only show what would be imported, how it was read, and what is here already", { short: "n" }),
  experiment: flag.text("NAME", "only runs of this experiment there"),
  noArtifacts: flag.on("leave files out"),
  unfinished: flag.on("of MLflow, also runs that never ended there; as cancelled"),
  skipBroken: flag.on("leave out what cannot be read, or contradicts what was imported, instead of refusing all"),
  params: flag.texts("COLUMN", "of a table: these columns are parameters; several by commas"),
  metrics: flag.texts("COLUMN", "… metrics"),
  notes: flag.texts("COLUMN", "… notes"),
  ignore: flag.texts("COLUMN", "… nothing"),
  date: flag.text("DAY", "of a table: when rows ran that do not say so"),
  yes: flag.on("do not ask whether a table was read rightly", { short: "y" }),
};
type Flags = Arguments<typeof flags>["flags"];

export const command = defineCommand({
  name: "import",
  group: "keep",
  summary: "take in runs from a bundle, from MLflow, TensorBoard or a table",
  about: [
    "Everything is checked before anything is kept, as `ml verify` does it; what fails is refused as a whole. The runs are yours then, marked as imported; whose they were, and under which id, stays in the record (`ml info`).",
    "A run keeps its id where that is free here. Importing the same again, or a run that was once exported from here, makes no second one; a run of another tracker that went on there since is told, and stays as it was imported, or with `--update` takes over what is new there. What runs took elsewhere does not count for estimates or shares here.",
    "Runs of other trackers are read here and never changed; docs/import.md says what becomes of what. A table is shown as it was understood, and asked about, before anything is kept.",
  ].join("\n\n"),
  startsServer: true,
  positionals: [{ name: "FILE", about: "a bundle, as `ml export` makes it", optional: true, complete: "file" }],
  flags,
  examples: [
    ["ml import run_42.tar.gz", "from a colleague"],
    ["ml import --mlflow mlruns -n", "what MLflow has"],
    ["ml import --tensorboard runs", "each folder of event files"],
    ["ml import --tensorboard runs --update", "what was logged there since"],
    ["ml import --csv results.csv --date 2024-05-01", "each row of a table"],
  ],
  schemas: {
    "ml.import/1":
      "`runs`: each `run_id` (here), `bundled_as`, `name`, `status`, `state` (imported, here_already, grown, updated), `new_points` (of the last two), `changes` (of updated: what is new), `contradictions` (of grown, with `--update --skip-broken`); `files`, `size_bytes`; `left_out` (of other trackers)",
    "ml.import_preview/1":
      "for --dry-run: `what`, `runs` (each `origin_id`, `name`, `experiment`, `user`, `status`, `started_at`, `ended_at`, `parameters`, `files`, `size_bytes`, `remarks`, `standing`: `run_id` and `state` (new, here_already, grown), or null where no server was asked), `left_out`, `columns` (of a table: `column`, `kind`, `name`, `why`)",
  },
  async run(context, args) {
    const [file] = args.words;
    const wishes = foreignWishes(args.flags, file);
    if (wishes !== null) return importForeign(context, wishes, args.flags);
    if (file === undefined)
      throw new MlError("usage", "nothing to import was named", {
        hint: "ml import FILE, ml import --mlflow DIR, --tensorboard DIR, or --csv FILE",
      });
    if (args.flags.update)
      throw new MlError("usage", "`--update` is for what other trackers keep, and a bundle was named", {
        hint: "name where the runs went on: `--mlflow DIR`, `--tensorboard DIR` or `--csv FILE`",
      });
    if (args.flags.dryRun)
      throw new MlError("usage", "a bundle is looked at with `ml verify`", { hint: `ml verify ${file}` });
    return importBundle(context, file);
  },
});

function show(
  context: Context,
  reply: Imported,
  { nowMs, leftOut }: { nowMs: number; leftOut: string[] | null },
): void {
  const { output } = context;
  output.result({
    schema: "ml.import/1",
    value: () => ({ ...reply, ...(leftOut === null ? {} : { left_out: leftOut }) }),
    ids: () => reply.runs.map(({ run_id }) => run_id),
    rows: () =>
      reply.runs.map((run) => [run.run_id, visible(run.bundled_as), visible(run.name), run.status, run.state]),
    human: () => pageText(importedPage(reply, faceOf(output, nowMs)), output),
  });
}

async function importBundle(context: Context, file: string): Promise<number> {
  const path = resolve(context.cwd, file);
  const { bundleSize } = await import("../verify-bundle.ts");
  const sizeBytes = bundleSize(path, file);
  if (sizeBytes === 0) throw new MlError("refused", `\`${file}\` is empty`);
  if (sizeBytes > limits.bodyBytes)
    throw new MlError(
      "too_large",
      `\`${file}\` has ${formatSize(sizeBytes)}, more than the ${formatSize(limits.bodyBytes)} that a server takes at once`,
      { hint: "export fewer runs into one file, or leave out artifacts: `ml export --include-artifacts GLOB`" },
    );
  const connection = await context.connect();
  return context.detachable("interrupted: nothing of the bundle was kept", async (signal) => {
    const response = await connection.fetch("/bundles", { method: "PUT", body: Bun.file(path), signal });
    if (!response.ok) throw await refusal(response, `importing \`${file}\``);
    const { reply } = (await response.json()) as { reply: Imported };
    show(context, reply, { nowMs: serverNowMs(connection), leftOut: null });
    return 0;
  });
}

const named = (texts: readonly string[]) =>
  texts.flatMap((text) => text.split(",")).flatMap((text) => (text.trim() === "" ? [] : [text.trim()]));

/** Null for a bundle. Throws `usage` where several things are named. */
function foreignWishes(given: Flags, file: string | undefined): ForeignWishes | null {
  const { mlflow, tensorboard, csv } = given;
  const all = Object.entries({ mlflow, tensorboard, csv } as const).filter(([, path]) => path !== null);
  const [first] = all;
  if (first === undefined) return null;
  if (all.length > 1 || file !== undefined)
    throw new MlError("usage", "one thing is imported at a time", { hint: "name one bundle, folder or table" });
  return {
    system: first[0] as ForeignWishes["system"],
    shown: first[1] ?? "",
    experiment: given.experiment,
    artifacts: !given.noArtifacts,
    unfinished: given.unfinished,
    skipBroken: given.skipBroken,
    parameters: named(given.params),
    metrics: named(given.metrics),
    notes: named(given.notes),
    ignored: named(given.ignore),
    date: given.date,
  };
}

/** `standing` is null where no server can say; why is said. */
async function askStanding(context: Context, store: OpenedStore) {
  let standing: ForeseenStanding[] | null = null;
  const exit = await context.detachable("interrupted: nothing was sent", async (signal) => {
    try {
      const connection = await context.connect({ start: false });
      standing = await standingOf(context, store, { connection, signal });
    } catch (cause) {
      if (!(cause instanceof MlError) || !cannotSay.has(cause.code)) throw cause;
      context.output.say(`which of them were imported before is not known: ${cause.message}`);
    }
    return 0;
  });
  return { exit, standing };
}

const cannotSay: ReadonlySet<string> = new Set(["unreachable", "not_allowed"]);

async function importForeign(
  context: Context,
  wishes: ForeignWishes,
  { dryRun, yes, update }: Flags,
): Promise<number | undefined> {
  const { output } = context;
  const store = await openForeign(context.cwd, wishes);
  try {
    const { exit: left, standing } = dryRun ? await askStanding(context, store) : { exit: 0, standing: null };
    if (left !== 0) return left;
    const foreseen = foreseenOf(store, standing);
    if (dryRun) {
      output.result({
        schema: "ml.import_preview/1",
        value: () => foreseen,
        ids: () => foreseen.runs.map((run) => visible(run.origin_id)),
        rows: () =>
          foreseen.runs.map((run) => [
            ...[visible(run.origin_id), visible(run.name), visible(run.experiment ?? "")],
            ...[run.status, run.started_at, run.files, run.standing?.state ?? null],
          ]),
        human: () => pageText(foreseenPage(foreseen, faceOf(output, Date.now())), output),
      });
      return undefined;
    }
    if (foreseen.columns !== null && !yes) {
      sayPage(context, columnsPage(foreseen, talkFace(context, Date.now())));
      if (!context.terminal.stdin || !context.terminal.stderr)
        throw new MlError("usage", "a table is imported once somebody has said that it was read rightly", {
          hint: "add `--yes`, or say it otherwise with `--params`, `--metrics`, `--notes`, `--ignore`",
        });
      if (!(await context.confirm(`import ${foreseen.runs.length} runs, read like this?`))) return 1;
    }
    const { exit, ...reply } = await bringForeign(context, store, { ...wishes, update });
    if (exit !== 0) return exit;
    for (const why of foreseen.left_out) output.say(`left out: ${why}`);
    show(context, reply, { nowMs: Date.now(), leftOut: foreseen.left_out });
    return 0;
  } finally {
    store.close();
  }
}
