/** `ml export RUN…`: runs with their code as one file that needs nothing of ours to be read, checked and run again. */
import * as fs from "node:fs";
import { basename, dirname, resolve } from "node:path";
import type { Connection } from "../../client/connection.ts";
import { asMlError, MlError } from "../../core/error.ts";
import { quoteWord } from "../../core/shell-quote.ts";
import { formatSize } from "../../core/size.ts";
import type { ExportWish } from "../../protocol/bundle.ts";
import type { Verified } from "../../view/bundle-page.ts";
import { shortId } from "../../view/mark.ts";
import { safeText } from "../../view/safe-text.ts";
import { levelFlags, levelOf } from "../bundle-level.ts";
import { searchedIds } from "../chosen-runs.ts";
import { type Arguments, type Context, defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { refusal } from "../run-files.ts";

const flags = {
  out: flag.text("FILE", "the bundle: x.tar.gz or x.tar.zst", { short: "o", complete: "file" }),
  bundle: flag.text("FILE", "the same", { complete: "file" }),
  ...levelFlags,
  redact: flag.text("WHAT", "take out of the texts: paths, names, secrets; several with commas"),
  where: flag.text("QUERY", "all runs that a search means", { complete: "query" }),
  mlflow: flag.text("DIR", "instead of a bundle, a folder that MLflow reads", { complete: "file" }),
  force: flag.on("replace FILE where it is there"),
};
type Flags = Arguments<typeof flags>["flags"];

export const command = defineCommand({
  name: "export",
  group: "keep",
  summary: "runs as one file that checks and repeats itself",
  about: [
    "One archive with the run folders as they are, the code as it ran, locks of the environment, sums of everything, a README with what was thought and what came out, reproduce.sh, which needs a shell and no `ml`, and RO-Crate metadata. Without RUN it is the run that FILE is named for, else the newest.",
    "`--redact` cleans records, output and env/, and lists what went in REDACTED.txt; code and artifacts stay as they ran, and the list says where they hold such a thing. What was written is read back and checked before it gets its name.",
  ].join("\n\n"),
  positionals: [{ name: "RUN", about: "ended runs", optional: true, many: true, complete: "run" }],
  flags,
  examples: [
    ["ml export @last -o run_42.tar.gz", "for a colleague, a reviewer, an archive"],
    [
      "ml export --where 'group:bs' -o bs.tar.zst --include-artifacts 'best.pt'",
      "an experiment, of the artifacts only these",
    ],
    ["ml export --where 'group:bs' --mlflow mlruns", "for MLflow and its user interface"],
    ["ml export k3f9ab --metadata-only --redact paths,names,secrets", "for the public"],
  ],
  schemas: {
    "ml.export_mlflow/1":
      "with --mlflow: `folder`, `experiments`, `runs` (each `run_id`, `mlflow_id`, `experiment`), `artifacts` (files)",
    "ml.export/1":
      "`file`, `size_bytes`, `run_ids`, `level` (all, some, metadata), `redacted`, `files`, `unpacked_bytes`, `checks` (as in `ml.verify/1`)",
  },
  async run(context, args) {
    const wish = wishOf(args.flags);
    const { out, bundle, where, force, mlflow } = args.flags;
    const named = out ?? bundle;
    if (mlflow !== null && named !== null)
      throw new MlError("usage", "`--mlflow` and a bundle contradict each other", { hint: "leave one out" });
    if (named !== null) packingOf(named);
    const connection = await context.connect();
    const runs = where !== null ? await searchedIds(context, where) : await runsFor(connection, args.words, named);
    if (runs.length === 0) throw new MlError("not_found", "no run fits the search, and nothing was written");
    if (mlflow !== null) {
      const { exportMlflow } = await import("../export-mlflow.ts");
      return exportMlflow(context, { shown: mlflow, body: { ...wish, runs } });
    }
    const file = named ?? defaultName(runs);
    const path = resolve(context.cwd, file);
    if (!force && fs.existsSync(path))
      throw new MlError("conflict", `\`${file}\` is there already`, { hint: "name another file, or add `--force`" });
    const { output } = context;
    return context.detachable("interrupted: nothing was written", async (signal) => {
      const { runFigures } = await import("../run-figures.ts");
      const figures = await runFigures(connection, runs);
      const body: ExportWish = { ...wish, runs, packing: packingOf(file), figures };
      const found = await write(context, connection, { body, path, file, signal });
      const sizeBytes = fs.statSync(path).size;
      output.result({
        schema: "ml.export/1",
        value: () => ({
          file: path,
          size_bytes: sizeBytes,
          run_ids: runs,
          level: wish.level,
          redacted: wish.redact,
          files: found.files,
          unpacked_bytes: found.size_bytes,
          checks: found.checks,
        }),
        ids: () => [path],
        rows: () => [[path, sizeBytes, runs.length, found.files, wish.level]],
        human() {
          const what = runs.length === 1 ? `run ${runs[0]}` : `${runs.length} runs`;
          const passed = found.checks.filter(({ state }) => state === "ok").length;
          return `exported ${what} to ${safeText(file)}: ${found.files} files, ${formatSize(sizeBytes)}, ${passed} checks passed\n`;
        },
      });
      return 0;
    });
  },
});

function wishOf({ metadataOnly, includeArtifacts, redact }: Flags): Pick<ExportWish, "level" | "artifacts" | "redact"> {
  const level = levelOf({ metadataOnly, includeArtifacts });
  const kinds = (redact ?? "")
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
  const isKind = (word: string): word is ExportWish["redact"][number] => /^(paths|names|secrets)$/.test(word);
  const odd = kinds.find((word) => !isKind(word));
  if (odd !== undefined || (redact !== null && kinds.length === 0))
    throw new MlError("usage", `\`--redact ${redact}\` is not understood`, {
      hint: "paths, names, secrets: `--redact paths,secrets`",
    });
  return { ...level, redact: [...new Set(kinds.filter(isKind))] };
}

const endings = /\.(tar\.gz|tgz|tar\.zst|tzst)$/i;

/** By the ending. Throws `usage`. */
function packingOf(file: string): ExportWish["packing"] {
  const ending = endings.exec(file)?.[1]?.toLowerCase();
  if (ending === undefined)
    throw new MlError("usage", `\`${file}\` does not end like a bundle`, { hint: "call it x.tar.gz or x.tar.zst" });
  return ending.endsWith("gz") ? "gzip" : "zstd";
}

const defaultName = (runs: readonly string[]) =>
  runs.length === 1 ? `run_${shortId(runs[0] ?? "")}.tar.gz` : `${runs.length}_runs_${shortId(runs[0] ?? "")}.tar.gz`;

/** The runs that were named; without a name the one that the file is named for, else the newest. */
async function runsFor(connection: Connection, words: readonly string[], file: string | null): Promise<string[]> {
  const resolved = async (runs: string[]) => [
    ...new Set((await connection.ask("run.resolve", { runs, many: true })).run_ids),
  ];
  if (words.length > 0) return resolved([...words]);
  const stem = basename(file ?? "").replace(endings, "");
  if (stem !== "") {
    try {
      return await resolved([stem]);
    } catch (cause) {
      if (!(cause instanceof MlError) || cause.code !== "not_found") throw cause;
    }
  }
  return resolved(["@last"]);
}

interface Writing {
  body: ExportWish;
  path: string;
  file: string;
  signal: AbortSignal;
}

/** Writes beside, checks, renames. Throws what the server says, and `check_failed` where what came is not whole. */
async function write(
  context: Context,
  connection: Connection,
  { body, path, file, signal }: Writing,
): Promise<Verified> {
  const folder = dirname(path);
  if (fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new MlError("failed", `\`${file}\` cannot be written: there is no folder \`${folder}\``, {
      hint: `mkdir -p ${quoteWord(folder)}`,
    });
  const response = await connection.fetch("/bundles", { method: "POST", body: JSON.stringify(body), signal });
  if (!response.ok) throw await refusal(response, "exporting");
  const part = `${path}.part`;
  const progress = context.output.progress("exporting", "bytes");
  try {
    const fd = fs.openSync(part, "w", 0o644);
    try {
      let done = 0;
      for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
        for (let at = 0; at < chunk.length; ) at += fs.writeSync(fd, chunk, at);
        done += chunk.length;
        progress.update(done, null);
      }
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    const { verifyBundle } = await import("../verify-bundle.ts");
    const found = await verifyBundle(part, file);
    const failed = found.checks.find(({ state }) => state === "failed");
    if (failed !== undefined) {
      throw new MlError(
        "check_failed",
        `what was exported does not verify: ${failed.name}: ${failed.evidence[0] ?? failed.actual}`,
        {
          hint: `nothing was written to ${file}; \`ml validate ${body.runs[0]}\` tells whether the run itself is damaged`,
        },
      );
    }
    fs.renameSync(part, path);
    return found;
  } catch (cause) {
    throw asMlError(cause, `writing \`${file}\``);
  } finally {
    progress.end();
    fs.rmSync(part, { force: true });
  }
}
