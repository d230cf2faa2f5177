/** Sends the code of a submission over the command's connection, with a progress line. Loaded where the server lacks it. */
import { realpathSync } from "node:fs";
import type { Reach } from "../client/direct.ts";
import { type ErrorValue, MlError } from "../core/error.ts";
import { Ahead } from "../transfer/ahead.ts";
import { treeTop } from "../transfer/git-folder.ts";
import { type Sender, type Sent, sendSnapshot } from "../transfer/send.ts";
import { SentMemory } from "../transfer/sent-tree.ts";
import type { Tree } from "../transfer/walk.ts";
import { type Code, cacheFolderOf } from "./code.ts";
import type { Context } from "./command.ts";

/** An HTTP answer that is none of success, as the MlError it carries. */
async function checkAnswer(response: Response): Promise<unknown> {
  const text = await response.text();
  if (response.ok) return text;
  let error: ErrorValue | undefined;
  try {
    error = (JSON.parse(text) as { error?: ErrorValue }).error;
  } catch {
    // Not from our server, or cut off.
  }
  if (error !== undefined) throw MlError.fromValue(error);
  const code = response.status >= 500 ? "try_later" : "failed";
  throw new MlError(code, `sending the code failed: the server answered ${response.status}`);
}

function senderOver({
  connection,
  signal,
  asFiles = false,
}: Pick<SendTreeOptions, "connection" | "signal" | "asFiles">): Sender {
  const at = (path: string) => (asFiles ? `${path}?as=files` : path);
  return {
    ask: ((name: "snapshot.offer", body: never) => connection.ask(name, body, { signal })) as Sender["ask"],
    put: async (path, stream, options) =>
      checkAnswer(await connection.fetch(at(path), { method: "PUT", body: stream, ...options })),
  };
}

/**
 * The server, for bringing the tree around `context.cwd` to it. Where one was brought before, most likely nothing or little
 * has changed, and one request tells or brings that; for all else, and where it fails, a connection is opened.
 */
export function reachForCode(context: Context): () => Promise<Reach> {
  const memory = new SentMemory(cacheFolderOf(context), treeTop(realpathSync(context.cwd)));
  if (memory.isThere()) return async () => shortReach(context, await context.direct());
  const opening = context.connect();
  opening.catch(() => {});
  return () => opening;
}

function shortReach(context: Context, direct: Reach | null): Promise<Reach> | Reach {
  if (direct === null) return context.connect();
  return {
    transport: direct.transport,
    async ask(name, body, options) {
      if (name !== "snapshot.known") return (await context.connect()).ask(name, body, options);
      try {
        return await direct.ask(name, body, options);
      } catch {
        return (await context.connect()).ask(name, body, options);
      }
    },
    fetch: async (path, init) => (path === "/trees" ? direct : await context.connect()).fetch(path, init),
  };
}

export interface AheadOptions {
  /** The top of the tree. */
  root: string;
  signal: AbortSignal;
  bytesPerSecond?: number | null;
}

/** For collecting a tree: large files that have been changed since they were sent go to the server on the way. Undefined where none were. */
export async function aheadTo(context: Context, options: AheadOptions): Promise<Ahead | undefined> {
  const memory = new SentMemory(cacheFolderOf(context), options.root);
  const direct = memory.isThere() ? await context.direct() : null;
  if (direct === null) return undefined;
  return new Ahead({
    sender: senderOver({ connection: direct, signal: options.signal }),
    memory,
    compress: direct.transport !== "socket",
    bytesPerSecond: options.bytesPerSecond ?? null,
    signal: options.signal,
  });
}

export interface SendTreeOptions {
  connection: Reach;
  signal: AbortSignal;
  bytesPerSecond?: number | null;
  label: string;
  /** What the tree was collected with. */
  ahead?: Ahead | undefined;
  extra?: readonly { name: string; bytes: Uint8Array }[];
  /** The server keeps each content as a file of its own: for what is laid out there by links. */
  asFiles?: boolean;
}

/** Sends what the server lacks of a tree, with a progress line. Throws what sendSnapshot throws; nothing is queued by it. */
export async function sendTree(context: Context, tree: Tree, options: SendTreeOptions): Promise<Sent> {
  const progress = context.output.progress(options.label, "bytes");
  try {
    return await sendSnapshot(senderOver(options), tree, {
      signal: options.signal,
      memory: new SentMemory(cacheFolderOf(context), tree.root),
      compress: options.connection.transport !== "socket",
      bytesPerSecond: options.bytesPerSecond ?? null,
      onProgress: ({ sentBytes, totalBytes }) => progress.update(sentBytes, totalBytes),
      extra: options.extra ?? [],
      ...(options.ahead === undefined ? {} : { ahead: options.ahead }),
    });
  } finally {
    progress.end();
  }
}

export function sendCode(
  context: Context,
  code: Code,
  options: Omit<SendTreeOptions, "label" | "extra">,
): Promise<Sent> {
  const extra = code.diffs.map((bytes) => ({ name: "git.diff", bytes }));
  return sendTree(context, code.tree, { ...options, label: "sending code", extra });
}
