/** `PUT /blobs`: a pack of blobs, streamed to disk as it arrives. With `?as=files` each is kept as a file of its own: pushed data links to those. */
import { MlError } from "../core/error.ts";
import { receivePack } from "../transfer/receive.ts";
import type { Asker } from "./asker.ts";
import type { Services } from "./context.ts";

export async function receiveBlobs(services: Services, asker: Asker, request: Request): Promise<Response> {
  if (asker.role === "viewer") throw new MlError("not_allowed", "sending code needs the role user");
  services.disk.requireRoom("sending code");
  if (request.body === null) throw new MlError("usage", "the pack of blobs is empty");
  const asFiles = new URL(request.url).searchParams.get("as") === "files";
  const reply = await receivePack(services.base, request.body, { asFiles });
  return Response.json({ reply });
}
