/** MLflow's past: which of its stores lies at a path, and the runs in it. */
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { MlError } from "../core/error.ts";
import { type ForeignRun, type ForeignStore, foreignLimits, tooMany, unreadable } from "./foreign-run.ts";
import { isFileStore, readFileStore } from "./mlflow-files.ts";
import { foreignRun, hasEnded, type MlflowRecord } from "./mlflow-run.ts";

export interface ReadWishes {
  /** Only this experiment; null: all. */
  experiment: string | null;
  artifacts: boolean;
  /** Runs that never ended there as well, as cancelled. */
  unfinished: boolean;
  /** Leave out what cannot be read instead of refusing all. */
  skipBroken: boolean;
}

interface Found {
  kind: "files" | "database";
  path: string;
  /** Everything must lie in it. */
  root: string;
}

/** Throws `not_found`, `usage` where it is none, or two. */
async function findStore(path: string, shown: string): Promise<Found> {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new MlError("not_found", `there is no folder \`${shown}\``);
  if (stat.isFile()) return { kind: "database", path, root: dirname(path) };
  if (!stat.isDirectory()) throw new MlError("usage", `\`${shown}\` is neither folder nor file`);
  if (await isFileStore(path)) return { kind: "files", path, root: path };
  const database = join(path, "mlflow.db");
  const hasDatabase = fs.lstatSync(database, { throwIfNoEntry: false })?.isFile() === true;
  const hasFiles = await isFileStore(join(path, "mlruns"));
  if (hasDatabase && hasFiles)
    throw new MlError("usage", `\`${shown}\` has two stores of MLflow's, a database and a folder of files`, {
      hint: `name one: \`ml import --mlflow ${shown.replace(/\/$/, "")}/mlflow.db\`, or \`…/mlruns\``,
    });
  if (hasDatabase) return { kind: "database", path: database, root: path };
  if (hasFiles) return { kind: "files", path: join(path, "mlruns"), root: join(path, "mlruns") };
  throw new MlError("usage", `\`${shown}\` has no runs of MLflow's`, {
    hint: "name the folder `mlruns`, the file `mlflow.db`, or the folder that holds one of them",
  });
}

/** What was left out, counted by why. */
class LeftOut {
  #counts = new Map<string, number>();

  add(why: string): void {
    this.#counts.set(why, (this.#counts.get(why) ?? 0) + 1);
  }

  sentences(): string[] {
    return [...this.#counts].map(([why, count]) => `${count} ${count === 1 ? "run" : "runs"}: ${why}`);
  }
}

function whyNot(record: MlflowRecord, wishes: ReadWishes): string | null {
  if (record.deleted) return "deleted in MLflow";
  if (wishes.experiment !== null && ![record.experiment, record.experimentId].includes(wishes.experiment))
    return "of another experiment";
  if (!wishes.unfinished && !hasEnded(record)) return "never ended there; `--unfinished` takes them as cancelled";
  return null;
}

/** Throws `refused`, `too_large`; `close` when all points were read. */
export async function readMlflow(
  path: string,
  shown: string,
  wishes: ReadWishes,
): Promise<ForeignStore & { close(): void }> {
  const store = await findStore(path, shown);
  const runs: ForeignRun[] = [];
  const leftOut = new LeftOut();
  const seen = new Set<string>();
  const take = ({ record, folder }: { record: MlflowRecord; folder: string | null }) => {
    const why = whyNot(record, wishes);
    if (why !== null) return leftOut.add(why);
    if (seen.has(record.runId)) throw unreadable(store.path, `run \`${record.runId}\` is in it twice`);
    seen.add(record.runId);
    runs.push(foreignRun(record, { root: store.root, folder, artifacts: wishes.artifacts }));
    if (runs.length > foreignLimits.runs) throw tooMany(`\`${shown}\` has more than ${foreignLimits.runs} runs`);
  };
  const onBroken = (cause: unknown) => {
    if (!wishes.skipBroken || !(cause instanceof MlError) || cause.code !== "refused") throw cause;
    leftOut.add(`cannot be read (${cause.message})`);
  };
  if (store.kind === "files") {
    for await (const found of readFileStore(store.path, onBroken)) take(found);
    return { what: `MLflow's files in ${basename(store.path)}`, runs, leftOut: leftOut.sentences(), close() {} };
  }
  const { openDatabase, readDatabase } = await import("./mlflow-database.ts");
  const database = openDatabase(store.path);
  try {
    for (const found of readDatabase(database, store.path)) take(found);
  } catch (cause) {
    database.close();
    throw cause;
  }
  const what = `MLflow's database ${basename(store.path)}`;
  return { what, runs, leftOut: leftOut.sentences(), close: () => database.close() };
}
