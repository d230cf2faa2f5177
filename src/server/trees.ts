/**
 * `PUT /trees`: contents and the tree that needs them, in one request. The tree is told as by `snapshot.commit`: as itself, as
 * the hash of its list, or as a change of another. What is lacking after all is told as `snapshot_missing`; what came is kept
 * either way.
 *
 *     body = u32 length (little endian), {"tree": …} as JSON, a pack
 */
import { MlError, messageOf } from "../core/error.ts";
import { limits } from "../protocol/frames.ts";
import { storeSnapshot } from "../run/objects.ts";
import type { BasePaths } from "../run/paths.ts";
import { type ReceiveOptions, receivePack } from "../transfer/receive.ts";
import type { Asker } from "./asker.ts";
import type { Services } from "./context.ts";
import { requireShallow } from "./dispatch.ts";

const lengthBytes = 4;

function bad(why: string): MlError {
  return new MlError("usage", `\`/trees\` was asked with a body that does not fit: ${why}`, {
    hint: "docs/transfer.md has its form",
  });
}

/** The text before the pack, and what follows. Throws `usage`, `too_large`. */
async function splitBody(
  stream: AsyncIterable<Uint8Array>,
): Promise<{ text: string; rest: AsyncIterable<Uint8Array> }> {
  const chunks = stream[Symbol.asyncIterator]();
  let held = Buffer.alloc(0);
  const fill = async (count: number) => {
    while (held.length < count) {
      const step = await chunks.next();
      if (step.done === true) throw bad("it ends before its pack");
      held = Buffer.concat([held, step.value]);
    }
  };
  await fill(lengthBytes);
  const end = lengthBytes + held.readUInt32LE(0);
  if (end > limits.frameBytes) throw new MlError("too_large", `the tree takes more than ${limits.frameBytes} bytes`);
  await fill(end);
  async function* rest(): AsyncGenerator<Uint8Array> {
    try {
      if (held.length > end) yield held.subarray(end);
      for (let step = await chunks.next(); step.done !== true; step = await chunks.next()) yield step.value;
    } finally {
      await chunks.return?.();
    }
  }
  return { text: held.toString("utf8", lengthBytes, end), rest: rest() };
}

function treeIn(text: string): unknown {
  requireShallow(text, limits.jsonDepth);
  let tree: unknown;
  try {
    ({ tree } = JSON.parse(text) as { tree?: unknown });
  } catch (cause) {
    throw bad(messageOf(cause));
  }
  if (tree === undefined) throw bad("there is no `tree`");
  return tree;
}

/** Stores the contents, then the tree, and gives its name. Throws what both throw. */
export async function takeTree(
  base: BasePaths,
  stream: AsyncIterable<Uint8Array>,
  options: ReceiveOptions = {},
): Promise<string> {
  const { text, rest } = await splitBody(stream);
  const tree = treeIn(text);
  await receivePack(base, rest, options);
  return storeSnapshot(base, tree);
}

export async function receiveTree(services: Services, asker: Asker, request: Request): Promise<Response> {
  if (asker.role === "viewer") throw new MlError("not_allowed", "sending code needs the role user");
  services.disk.requireRoom("sending code");
  if (request.body === null) throw bad("it is empty");
  const asFiles = new URL(request.url).searchParams.get("as") === "files";
  return Response.json({ reply: { snapshot: await takeTree(services.base, request.body, { asFiles }) } });
}
