/** Sends the code of a submission over the command's connection, with a progress line. Loaded where the server lacks it. */
import type { Connection } from "../client/connection.ts";
import { type ErrorValue, MlError } from "../core/error.ts";
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

function senderOver(connection: Connection, signal: AbortSignal): Sender {
  return {
    ask: ((name: "snapshot.offer", body: never) => connection.ask(name, body, { signal })) as Sender["ask"],
    put: async (path, stream, options) =>
      checkAnswer(await connection.fetch(path, { method: "PUT", body: stream, ...options })),
  };
}

export interface SendTreeOptions {
  connection: Connection;
  signal: AbortSignal;
  bytesPerSecond?: number | null;
  label: string;
  extra?: readonly { name: string; bytes: Uint8Array }[];
}

/** Sends what the server lacks of a tree, with a progress line. Throws what sendSnapshot throws; nothing is queued by it. */
export async function sendTree(context: Context, tree: Tree, options: SendTreeOptions): Promise<Sent> {
  const progress = context.output.progress(options.label, "bytes");
  try {
    return await sendSnapshot(senderOver(options.connection, options.signal), tree, {
      signal: options.signal,
      memory: new SentMemory(cacheFolderOf(context), tree.root),
      compress: options.connection.transport !== "socket",
      bytesPerSecond: options.bytesPerSecond ?? null,
      onProgress: ({ sentBytes, totalBytes }) => progress.update(sentBytes, totalBytes),
      extra: options.extra ?? [],
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
