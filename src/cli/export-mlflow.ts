/**
 * `ml export --mlflow DIR`: the runs come as a bundle, which is checked like any other, and become a store of MLflow's here. The
 * folder appears whole or not at all.
 */
import * as fs from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Connection } from "../client/connection.ts";
import { MlError } from "../core/error.ts";
import { randomWord } from "../core/ids.ts";
import type { MlflowStore } from "../foreign/mlflow-write.ts";
import type { ExportWish } from "../protocol/bundle.ts";
import { safeText } from "../view/safe-text.ts";
import type { Context } from "./command.ts";
import { refusal } from "./run-files.ts";
import { asDiskError, temporaryFolder } from "./temporary-folder.ts";

export interface MlflowWish {
  /** As it was typed. */
  shown: string;
  body: Omit<ExportWish, "packing" | "figures">;
}

/** Throws `conflict` where something is there. */
function requireFree(path: string, shown: string): void {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined || (stat.isDirectory() && fs.readdirSync(path).length === 0)) return;
  throw new MlError("conflict", `\`${shown}\` is there already`, {
    hint: "name a new folder; MLflow reads several, one after the other",
  });
}

/** More than this is asked for in pieces. */
const atOnce = 500;

async function parametersOf(connection: Connection, runs: readonly string[]): Promise<Map<string, object>> {
  const found = new Map<string, object>();
  for (let at = 0; at < runs.length; at += atOnce) {
    const reply = await connection.ask("runs.facts", { runs: runs.slice(at, at + atOnce), limit: atOnce });
    for (const run of reply.runs) found.set(run.run_id, run.parameters);
  }
  return found;
}

async function receive(connection: Connection, { body }: MlflowWish, path: string, signal: AbortSignal): Promise<void> {
  const whole: ExportWish = { ...body, packing: "zstd", figures: {} };
  const response = await connection.fetch("/bundles", { method: "POST", body: JSON.stringify(whole), signal });
  if (!response.ok) throw await refusal(response, "exporting");
  const fd = fs.openSync(path, "wx", 0o600);
  try {
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>)
      for (let at = 0; at < chunk.length; ) at += fs.writeSync(fd, chunk, at);
  } finally {
    fs.closeSync(fd);
  }
}

interface Places {
  target: string;
  /** What becomes `target` once it is whole. */
  part: string;
  /** For what is on its way. */
  work: string;
  signal: AbortSignal;
}

async function writeStore(context: Context, wish: MlflowWish, places: Places): Promise<MlflowStore> {
  const { target, part, work, signal } = places;
  const connection = await context.connect();
  const parameters = await parametersOf(connection, wish.body.runs);
  await receive(connection, wish, join(work, "bundle"), signal);
  const { unpackRuns } = await import("../foreign/unpack.ts");
  const { writeMlflow } = await import("../foreign/mlflow-write.ts");
  const unpacked = await unpackRuns(join(work, "bundle"), join(work, "runs"));
  const runs = unpacked.map((run) => ({ ...run, parameters: { ...parameters.get(run.manifest.run_id) } }));
  fs.mkdirSync(dirname(part), { recursive: true });
  fs.mkdirSync(part);
  const store = await writeMlflow(runs, { folder: part, finalFolder: target });
  signal.throwIfAborted();
  requireFree(target, wish.shown);
  fs.renameSync(part, target);
  return store;
}

export async function exportMlflow(context: Context, wish: MlflowWish): Promise<number> {
  const target = resolve(context.cwd, wish.shown);
  requireFree(target, wish.shown);
  const part = `${target.replace(/\/$/, "")}.${randomWord(6)}.part`;
  const work = temporaryFolder("ml-export-");
  try {
    return await context.detachable("interrupted: nothing was written", async (signal) => {
      show(context, wish, { target, store: await writeStore(context, wish, { target, part, work, signal }) });
      return 0;
    });
  } catch (cause) {
    throw asDiskError(cause, `writing \`${wish.shown}\``);
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
    fs.rmSync(part, { recursive: true, force: true });
  }
}

function show({ output }: Context, wish: MlflowWish, { target, store }: { target: string; store: MlflowStore }): void {
  output.result({
    schema: "ml.export_mlflow/1",
    value: () => ({ folder: target, ...store }),
    ids: () => store.runs.map((run) => run.mlflow_id),
    rows: () => store.runs.map((run) => [run.run_id, run.mlflow_id, run.experiment]),
    human() {
      const runs = store.runs.length === 1 ? "1 run" : `${store.runs.length} runs`;
      const experiments = store.experiments === 1 ? "1 experiment" : `${store.experiments} experiments`;
      return `exported ${runs} of ${experiments} to ${safeText(wish.shown)}, ${store.artifacts} files; to look at them: mlflow ui --backend-store-uri ${safeText(target)}\n`;
    },
  });
}
