/**
 * Files of a run by name: what people type (`best.pt`) and what the run folder calls it (`work/best.pt`), and their
 * bytes over HTTP with the errors of the server as our own.
 */
import type { Connection } from "../client/connection.ts";
import { type ErrorValue, MlError } from "../core/error.ts";
import type { FileEntry, Reply } from "../protocol/requests.ts";

export type Listing = Reply<"files.list">;

export interface ListOptions {
  run: string;
  path: string;
  recursive: boolean;
  limit?: number;
}

/** `./a//b/` as `a/b`; what would leave the folder is for the server to judge. */
function cleanPath(path: string): string {
  return path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
}

/** Lists one folder, or the one file that `path` is. */
async function listOne(connection: Connection, options: ListOptions): Promise<Listing> {
  const { run, path, recursive, limit } = options;
  const body = { run, recursive, ...(limit === undefined ? {} : { limit }) };
  try {
    return await connection.ask("files.list", { ...body, path });
  } catch (cause) {
    if (!(cause instanceof MlError) || cause.code !== "usage" || path === "") throw cause;
    const parent = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
    const around = await connection.ask("files.list", { ...body, path: parent, recursive: false });
    const entries = around.entries.filter((entry) => entry.path === path);
    if (entries.length === 0) throw cause;
    return { ...around, path, entries, truncated: false };
  }
}

/** Lists `path`; a name that the run folder lacks is looked for in work/ as well. Throws `not_found`, `bad_path`. */
export async function listFiles(connection: Connection, options: ListOptions): Promise<Listing> {
  const path = cleanPath(options.path);
  try {
    return await listOne(connection, { ...options, path });
  } catch (cause) {
    if (!(cause instanceof MlError) || cause.code !== "not_found" || path === "" || path.startsWith("work/"))
      throw cause;
    try {
      return await listOne(connection, { ...options, path: `work/${path}` });
    } catch {
      throw cause;
    }
  }
}

/** An answer with the bytes of a file. Throws what the server says; `unreachable` where it cannot be asked. */
export async function fetchFile(
  connection: Connection,
  options: { runId: string; path: string; from?: number; signal?: AbortSignal },
): Promise<Response> {
  const { runId, path, from = 0, signal } = options;
  const url = `/runs/${runId}/files/${path.split("/").map(encodeURIComponent).join("/")}`;
  const headers = from > 0 ? { range: `bytes=${from}-` } : undefined;
  const response = await connection.fetch(url, {
    ...(headers === undefined ? {} : { headers }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (response.ok) return response;
  let error: ErrorValue | undefined;
  try {
    error = ((await response.json()) as { error?: ErrorValue }).error;
  } catch {
    // Not from our server, or an answer without a body.
  }
  if (error !== undefined) throw MlError.fromValue(error);
  throw new MlError(
    response.status >= 500 ? "try_later" : "failed",
    `reading \`${path}\` of run \`${runId}\` failed: the server answered ${response.status}`,
  );
}

/** As `fetchFile`; a name that the run folder lacks is looked for in work/ as well. */
export async function fetchNamed(
  connection: Connection,
  options: { runId: string; path: string; signal?: AbortSignal },
): Promise<{ response: Response; path: string }> {
  const path = cleanPath(options.path);
  try {
    return { response: await fetchFile(connection, { ...options, path }), path };
  } catch (cause) {
    if (!(cause instanceof MlError) || cause.code !== "not_found" || path.startsWith("work/")) throw cause;
    const inside = `work/${path}`;
    try {
      return { response: await fetchFile(connection, { ...options, path: inside }), path: inside };
    } catch {
      throw cause;
    }
  }
}

/** Only what can be fetched: plain files, and none of our own corner. */
export function pullable(entries: readonly FileEntry[]): FileEntry[] {
  return entries.filter((entry) => entry.kind === "file" && !entry.path.startsWith(".run/"));
}
