/**
 * Bringing runs of another tracker: read here, all of them, laid out as sealed run folders in a bundle of their own, and sent
 * through the door of `ml import FILE`. Nothing is sent before everything could be read.
 */
import * as fs from "node:fs";
import { join, resolve } from "node:path";
import type { Connection } from "../client/connection.ts";
import { MlError, systemCode } from "../core/error.ts";
import type { ForeignStore } from "../foreign/foreign-run.ts";
import type { Imported } from "../protocol/bundle.ts";
import type { Foreseen, ForeseenImport, ForeseenStanding } from "../view/foreign-page.ts";
import type { Context } from "./command.ts";
import { refusal } from "./run-files.ts";
import { asDiskError, temporaryFolder } from "./temporary-folder.ts";

export interface ForeignWishes {
  system: "mlflow" | "tensorboard" | "csv";
  /** As it was typed. */
  shown: string;
  experiment: string | null;
  artifacts: boolean;
  unfinished: boolean;
  skipBroken: boolean;
  parameters: readonly string[];
  metrics: readonly string[];
  notes: readonly string[];
  ignored: readonly string[];
  date: string | null;
}

export type OpenedStore = ForeignStore & { close(): void; columns: ForeseenImport["columns"] };

/** Reads what there is; `close` when the points have been read too. Throws `not_found`, `usage`, `refused`, `too_large`. */
export async function openForeign(cwd: string, wishes: ForeignWishes): Promise<OpenedStore> {
  const { system, shown, experiment, artifacts, unfinished, skipBroken, date, ...columns } = wishes;
  const path = resolve(cwd, shown);
  const read = { experiment, artifacts, unfinished, skipBroken };
  try {
    if (system === "mlflow") {
      const { readMlflow } = await import("../foreign/mlflow.ts");
      return { ...(await readMlflow(path, shown, read)), columns: null };
    }
    if (system === "tensorboard") {
      const { readTensorboard } = await import("../foreign/tensorboard.ts");
      return { ...(await readTensorboard(path, shown, read)), columns: null, close() {} };
    }
    const { readCsvRuns } = await import("../foreign/csv.ts");
    const { momentOf } = await import("../foreign/csv-columns.ts");
    // In UTC wherever it is typed: it is part of the ids of the runs.
    const dateMs = date === null ? null : momentOf(date);
    if (date !== null && dateMs === null)
      throw new MlError("usage", `\`--date ${date}\` is no day`, { hint: "write it like `2024-05-01`" });
    return { ...(await readCsvRuns(path, shown, { ...columns, dateMs })), close() {} };
  } catch (cause) {
    if (systemCode(cause) === null) throw cause;
    throw asDiskError(cause, `reading \`${shown}\``);
  }
}

const timeOf = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());

export function foreseenOf(store: OpenedStore, standing: readonly ForeseenStanding[] | null = null): ForeseenImport {
  return {
    what: store.what,
    left_out: store.leftOut,
    columns: store.columns,
    runs: store.runs.map(
      (run, at): Foreseen => ({
        ...{ origin_id: run.originId, name: run.name, experiment: run.experiment, user: run.user, status: run.status },
        ...{ started_at: timeOf(run.startedMs), ended_at: timeOf(run.endedMs), parameters: run.parameters },
        files: run.files.length,
        size_bytes: run.files.reduce((sum, file) => sum + file.sizeBytes, 0),
        remarks: run.remarks,
        standing: standing?.[at] ?? null,
      }),
    ),
  };
}

interface Laying {
  /** An empty folder of the caller's. */
  folder: string;
  signal: AbortSignal;
}

/** Reads all points and files of the runs, saying how far it is. */
async function layOutStore(context: Context, store: OpenedStore, { folder, signal }: Laying) {
  const { layOutAll } = await import("../foreign/lay-out.ts");
  const progress = context.output.progress("reading runs", "items");
  try {
    const points = join(folder, "points");
    fs.mkdirSync(points);
    return await layOutAll(store.runs, {
      folder: points,
      nowMs: Date.now(),
      onRun(done) {
        signal.throwIfAborted();
        progress.update(done, store.runs.length);
      },
    });
  } finally {
    progress.end();
  }
}

/** Runs are asked about so many at a time. */
const askedRuns = 200;
const answerMs = 60_000;

/** What the server has of each run already, in the order of the store; nothing is sent of them but who they are. Throws as `bringForeign`. */
export async function standingOf(
  context: Context,
  store: OpenedStore,
  { connection, signal }: { connection: Connection; signal: AbortSignal },
): Promise<ForeseenStanding[]> {
  const folder = temporaryFolder("ml-import-");
  const found: ForeseenStanding[] = [];
  try {
    const { identities } = await layOutStore(context, store, { folder, signal });
    for (let at = 0; at < identities.length; at += askedRuns) {
      const some = identities.slice(at, at + askedRuns);
      const runs = some.map(({ content, firstId, queuedAt }) => ({ content, first_id: firstId, queued_at: queuedAt }));
      const { run_ids: here, as_before: before } = await connection.ask(
        "bundle.known",
        { runs },
        { timeoutMs: answerMs },
      );
      for (const index of some.keys()) {
        const [same, other] = [here[index] ?? null, before?.[index] ?? null];
        found.push({ run_id: same ?? other, state: same !== null ? "here_already" : other !== null ? "grown" : "new" });
      }
    }
    return found;
  } catch (cause) {
    throw asDiskError(cause, "reading the runs");
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** The path of the bundle, and what its runs are called where they come from. */
async function writeBundle(
  context: Context,
  store: OpenedStore,
  { folder, signal }: Laying,
): Promise<{ path: string; origins: Map<string, string> }> {
  const { packBundle } = await import("../bundle/write-archive.ts");
  const composed = await layOutStore(context, store, { folder, signal });
  const path = join(folder, "bundle.tar.zst");
  const fd = fs.openSync(path, "wx", 0o600);
  try {
    for await (const chunk of packBundle(composed, "zstd") as unknown as AsyncIterable<Uint8Array>)
      for (let at = 0; at < chunk.length; ) at += fs.writeSync(fd, chunk, at);
  } finally {
    fs.closeSync(fd);
  }
  const origins = composed.record.runs.map(({ run_id }, at) => [run_id, store.runs[at]?.originId ?? ""] as const);
  return { path, origins: new Map(origins) };
}

/** Sends all runs of the store, and is told what became of each. Throws what reading and the server say; then nothing is kept. */
export async function bringForeign(
  context: Context,
  store: OpenedStore,
  { shown, update, skipBroken }: Pick<ForeignWishes, "shown" | "skipBroken"> & { update: boolean },
): Promise<Imported & { exit: number }> {
  if (store.runs.length === 0) throw new MlError("not_found", `there is no run to import in \`${shown}\``);
  const folder = temporaryFolder("ml-import-");
  try {
    let reply: Imported = { runs: [], files: 0, size_bytes: 0 };
    const exit = await context.detachable("interrupted: nothing was kept", async (signal) => {
      const { path, origins } = await writeBundle(context, store, { folder, signal });
      const connection = await context.connect();
      const door = update ? `/bundles?update=${skipBroken ? "leave" : "refuse"}` : "/bundles";
      const response = await connection.fetch(door, { method: "PUT", body: Bun.file(path), signal });
      if (!response.ok) throw await refusal(response, `importing \`${shown}\``);
      const { runs, ...rest } = ((await response.json()) as { reply: Imported }).reply;
      const named = runs.map((run) => ({ ...run, bundled_as: origins.get(run.bundled_as) ?? run.bundled_as }));
      reply = { runs: named, ...rest };
      return 0;
    });
    return { ...reply, exit };
  } catch (cause) {
    throw asDiskError(cause, `importing \`${shown}\``);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
