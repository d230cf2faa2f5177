/**
 * Files of a run by name: what people type (`best.pt`) and what the run folder calls it (`work/best.pt`), and their
 * bytes over HTTP with the errors of the server as our own.
 */
import type { Connection } from "../client/connection.ts";
import { type ErrorValue, MlError } from "../core/error.ts";
import type { FileEntry } from "../protocol/file-entry.ts";
import type { Reply } from "../protocol/requests.ts";
import type { AskedFile } from "../transfer/pull-pack.ts";

export type Listing = Reply<"files.list">;

export interface ListOptions {
  run: string;
  path: string;
  recursive: boolean;
  limit?: number;
}

/** `./a//b/` as `a/b`. Throws `bad_path` for `..`, which HTTP clients resolve before any server sees it. */
function cleanPath(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (!parts.includes("..")) return parts.join("/");
  throw new MlError("bad_path", `\`${path}\` leads out of the run folder`, {
    hint: "paths count from there, as `ml ls` shows them",
  });
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

/** Where it is the run that is not there, the server's own words; else which run lacks which file. */
function noSuchFile(cause: MlError, run: string, path: string): MlError {
  if (cause.message.startsWith("there is no run ")) return cause;
  const hint =
    isPattern(path) && !path.includes("/")
      ? `\`ml ls ${run} '**/${path}'\` looks in every folder`
      : `\`ml ls ${run} -R\` lists its files`;
  return new MlError("not_found", `run \`${run}\` has no \`${path}\``, { hint });
}

/** True where a path may be meant as a pattern; the server also takes it as a name. */
export function isPattern(path: string): boolean {
  return /[*?[{]/.test(path);
}

/** Lists `path`, or what it fits as a pattern; a name that the run folder lacks is looked for in work/ as well. Throws `not_found`, `bad_path`. */
export async function listFiles(connection: Connection, options: ListOptions): Promise<Listing> {
  const path = cleanPath(options.path);
  if (isPattern(path)) {
    const { run, recursive, limit } = options;
    const body = { run, recursive, match: [path], ...(limit === undefined ? {} : { limit }) };
    const listing = await connection.ask("files.list", body);
    if (listing.entries.length > 0) return { ...listing, path };
    throw noSuchFile(new MlError("not_found", ""), run, path);
  }
  try {
    return await listOne(connection, { ...options, path });
  } catch (cause) {
    if (!(cause instanceof MlError) || cause.code !== "not_found" || path === "") throw cause;
    if (path.startsWith("work/")) throw noSuchFile(cause, options.run, path);
    try {
      return await listOne(connection, { ...options, path: `work/${path}` });
    } catch {
      throw noSuchFile(cause, options.run, path);
    }
  }
}

export interface FileAnswer {
  body: AsyncIterable<Uint8Array>;
  /** Where the body begins, and the size of the whole file, which a streamed answer tells only by its range. */
  from: number;
  totalBytes: number;
  version: string | null;
}

export interface FetchOptions {
  runId: string;
  path: string;
  from?: number;
  signal?: AbortSignal;
}

const nothing: AsyncIterable<Uint8Array> = { async *[Symbol.asyncIterator]() {} };

/** The bytes of a file from an offset on. Throws what the server says; `unreachable` where it cannot be asked. */
export async function fetchFile(connection: Connection, options: FetchOptions): Promise<FileAnswer> {
  const { runId, path, from = 0, signal } = options;
  const url = `/runs/${runId}/files/${path.split("/").map(encodeURIComponent).join("/")}`;
  const headers = { range: `bytes=${from}-` };
  const response = await connection.fetch(url, { headers, ...(signal === undefined ? {} : { signal }) });
  // "bytes 5-9/10", and "bytes */10" where the range begins at the end or beyond (RFC 9110, 14.4).
  const [, start, total] = /^bytes (?:(\d+)-\d+|\*)\/(\d+)$/.exec(response.headers.get("content-range") ?? "") ?? [];
  const version = response.headers.get("etag");
  if (response.status === 416) return { body: nothing, from: Number(total), totalBytes: Number(total), version };
  if (!response.ok) throw await refusal(response, `reading \`${path}\` of run \`${runId}\``);
  const length = Number(response.headers.get("content-length") ?? 0);
  return {
    body: (response.body as AsyncIterable<Uint8Array> | null) ?? nothing,
    from: Number(start ?? 0),
    totalBytes: total === undefined ? length : Number(total),
    version,
  };
}

/** What the server says of a request that it did not answer. */
export async function refusal(response: Response, doing: string): Promise<MlError> {
  try {
    const { error } = (await response.json()) as { error?: ErrorValue };
    if (error !== undefined) return MlError.fromValue(error);
  } catch {
    // Not from our server, or an answer without a body.
  }
  return new MlError(
    response.status >= 500 ? "try_later" : "failed",
    `${doing} failed: the server answered ${response.status}`,
  );
}

/** As `fetchFile`; a name that the run folder lacks is looked for in work/ as well. */
export async function fetchNamed(
  connection: Connection,
  options: FetchOptions,
): Promise<{ answer: FileAnswer; path: string }> {
  const path = cleanPath(options.path);
  try {
    return { answer: await fetchFile(connection, { ...options, path }), path };
  } catch (cause) {
    if (!(cause instanceof MlError) || cause.code !== "not_found") throw cause;
    const inside = `work/${path}`;
    try {
      return { answer: await fetchFile(connection, { ...options, path: inside }), path: inside };
    } catch {
      throw noSuchFile(cause, options.runId, path);
    }
  }
}

/** Only what can be fetched: plain files, and none of our own corner. */
export function pullable(entries: readonly FileEntry[]): FileEntry[] {
  return entries.filter((entry) => entry.kind === "file" && !entry.path.startsWith(".run/"));
}

async function postPack(
  connection: Connection,
  { url, body, signal, doing }: { url: string; body: object; signal: AbortSignal; doing: string },
): Promise<AsyncIterable<Uint8Array>> {
  const response = await connection.fetch(url, { method: "POST", body: JSON.stringify(body), signal });
  if (!response.ok) throw await refusal(response, doing);
  return (response.body as AsyncIterable<Uint8Array> | null) ?? nothing;
}

/** Many files in one stream: see transfer/pull-pack.ts. */
export function fetchPackOf(
  connection: Connection,
  { runId, files, signal }: { runId: string; files: readonly AskedFile[]; signal: AbortSignal },
): Promise<AsyncIterable<Uint8Array>> {
  return postPack(connection, {
    url: `/runs/${runId}/pack`,
    body: { files },
    signal,
    doing: `reading run \`${runId}\``,
  });
}

/** The code of a run: see transfer/checkout.ts. */
export function fetchCodeOf(
  connection: Connection,
  { runId, have, signal }: { runId: string; have: readonly string[] | null; signal: AbortSignal },
): Promise<AsyncIterable<Uint8Array>> {
  return postPack(connection, {
    ...{ url: `/runs/${runId}/code`, body: { have }, signal, doing: `reading the code of run \`${runId}\`` },
  });
}
