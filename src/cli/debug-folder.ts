/**
 * The folder of a debugging session here: the code of a run, and the files that were staged for it, as they were when it
 * began, in work/ and staged/ like in its run folder. It goes when the session ends, unless code in it was changed.
 */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
// A script may import it, wherever the server and its copy are.
import runnerText from "../../python/ml_runner/ml_runner.py" with { type: "text" };
import type { Connection } from "../client/connection.ts";
import { checkoutCode, fetchSnapshot, unlikeSnapshot } from "../transfer/checkout.ts";
import { pullFiles } from "../transfer/pull.ts";
import { shortId } from "../view/mark.ts";
import type { Context } from "./command.ts";
import type { Source } from "./derived-run.ts";
import { fetchCodeOf, fetchFile, fetchPackOf, listFiles, pullable } from "./run-files.ts";

export interface SessionFolder {
  folder: string;
  work: string;
  /** Files of the code that are no longer as they ran. */
  changed(): string[];
  remove(): void;
}

const mostStaged = 100_000;

/** Throws what the server says; nothing of the folder is left then. */
export async function layOut(context: Context, connection: Connection, source: Source): Promise<SessionFolder> {
  const folder = fs.mkdtempSync(join(tmpdir(), `ml-debug-${shortId(source.manifest.run_id)}-`));
  const remove = () => fs.rmSync(folder, { recursive: true, force: true });
  const progress = context.output.progress("laying out", "bytes");
  const report = (done: number, total: number) => progress.update(done, total);
  try {
    const changed = await layOutCode(connection, source, { folder, report });
    if (source.manifest.launch.staged !== null) await layOutStaged(connection, source, { folder, report });
    fs.mkdirSync(join(folder, "lib"));
    fs.writeFileSync(join(folder, "lib/ml_runner.py"), runnerText);
    return { folder, work: join(folder, "work"), changed, remove };
  } catch (cause) {
    remove();
    throw cause;
  } finally {
    progress.end();
  }
}

interface Laying {
  folder: string;
  report(doneBytes: number, totalBytes: number): void;
}

/** Gives how to tell which files are no longer as they were laid out. A run that was queued without code has none. */
async function layOutCode(connection: Connection, { manifest }: Source, laying: Laying): Promise<() => string[]> {
  const target = join(laying.folder, "work");
  fs.mkdirSync(join(target, manifest.cwd), { recursive: true });
  const { snapshot: name } = manifest.environment;
  if (name === null) return () => [];
  const { signal } = new AbortController();
  const fetchCode = (have: readonly string[] | null) =>
    fetchCodeOf(connection, { runId: manifest.run_id, have, signal });
  const snapshot = await fetchSnapshot(fetchCode, name);
  await checkoutCode(fetchCode, snapshot, { target, onProgress: laying.report });
  return () => unlikeSnapshot(target, snapshot);
}

async function layOutStaged(connection: Connection, { manifest }: Source, laying: Laying): Promise<void> {
  const runId = manifest.run_id;
  const listing = await listFiles(connection, { run: runId, path: "staged", recursive: true, limit: mostStaged });
  const files = pullable(listing.entries).map(({ path, modified, size_bytes: sizeBytes }) => ({
    path,
    modified,
    sizeBytes,
  }));
  const { signal } = new AbortController();
  await pullFiles(
    async (path, from) => ({ ...(await fetchFile(connection, { runId, path, from })), sha256: null }),
    files,
    {
      target: laying.folder,
      fetchPack: (asked) => fetchPackOf(connection, { runId, files: asked, signal }),
      onProgress: ({ receivedBytes, totalBytes }) => laying.report(receivedBytes, totalBytes),
    },
  );
}
