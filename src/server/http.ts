/**
 * Everything that comes by HTTP: the WebSocket upgrade, `POST /api/<ask>`, blobs in, files out, and whether we are
 * well. Who asks is settled before a body is read.
 */
import type { Server } from "bun";
import { asMlError, errorCodes, MlError, messageOf } from "../core/error.ts";
import { isRunId } from "../core/ids.ts";
import { limits } from "../protocol/frames.ts";
import { type Admitted, admit, type Door, requireOrigin } from "./admission.ts";
import { receiveBlobs } from "./blobs.ts";
import { receiveBundle } from "./bundle-in.ts";
import { sendBundle } from "./bundle-out.ts";
import type { Services } from "./context.ts";
import { answer, type Outcome, requireShallow, traceBug } from "./dispatch.ts";
import { serveFile } from "./files.ts";
import { sendCode, sendFiles } from "./run-pack.ts";
import type { SessionData } from "./session.ts";
import { receiveTree } from "./trees.ts";

export interface Site {
  services: Services;
  door: Door;
  /** True once too many clients are connected. */
  isFull(): boolean;
}

const mostLongSeconds = 180;
/** A list of many paths, or of what a folder holds, or the block sums of a large file. */
const packFrameBytes = 64 * 1024 * 1024;

function jsonResponse(outcome: Outcome): Response {
  const status = "error" in outcome ? errorCodes[outcome.error.code].http : 200;
  const headers: Record<string, string> = { "content-type": "application/json", "cache-control": "no-store" };
  if (status === 401) headers["www-authenticate"] = "Bearer";
  return new Response(`${JSON.stringify(outcome)}\n`, { status, headers });
}

/** The body as text, read up to the limit and no further. Throws `too_large`. */
async function readBody(request: Request, limitBytes: number): Promise<string> {
  const tooLarge = () => new MlError("too_large", `the request is larger than ${limitBytes} bytes`);
  if (Number(request.headers.get("content-length") ?? 0) > limitBytes) throw tooLarge();
  if (request.body === null) return "";
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of request.body) {
    total += chunk.length;
    if (total > limitBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function readJson(request: Request, limitBytes: number, ask: string): Promise<unknown> {
  const text = await readBody(request, limitBytes);
  requireShallow(text, limits.jsonDepth);
  try {
    return text.trim() === "" ? {} : JSON.parse(text);
  } catch (cause) {
    throw new MlError("usage", `the body of \`${ask}\` is not JSON: ${messageOf(cause)}`);
  }
}

async function answerPost(site: Site, admitted: Admitted, request: Request, ask: string): Promise<Response> {
  const body = await readJson(request, limits.frameBytes, ask);
  return jsonResponse(await answer(site.services, admitted.asker, ask, body));
}

function health(services: Services): Response {
  const well = !services.bugs.isHigh();
  return new Response(well ? "ok\n" : "not well\n", { status: well ? 200 : 503 });
}

/** Splits `/runs/<id>/files/<path>` without normalising it: what the client wrote is what is judged. */
export function fileTarget(url: string): { runId: string; path: string } | null {
  const match = /^(?:[a-z]+:\/\/[^/]*)?\/runs\/([^/?#]+)\/files\/([^?#]*)/i.exec(url);
  if (!match) return null;
  try {
    return { runId: decodeURIComponent(match[1] ?? ""), path: decodeURIComponent(match[2] ?? "") };
  } catch {
    throw new MlError("bad_path", "the path is not valid percent-encoded UTF-8");
  }
}

/** Unpacking or packing many gigabytes may leave the connection silent for long. */
async function routeBundle(
  services: Services,
  { asker }: Admitted,
  { request, server }: { request: Request; server: Server<SessionData> },
): Promise<Response> {
  server.timeout(request, 0);
  if (request.method === "PUT") {
    const { searchParams } = new URL(request.url);
    const resumable = searchParams.get("resumable") === "1";
    const wish = searchParams.get("update");
    const update = wish === "refuse" || wish === "leave" ? wish : null;
    return await receiveBundle(services, asker, { request, resumable, update });
  }
  if (request.method === "POST")
    return await sendBundle(services, asker, await readJson(request, packFrameBytes, "bundles"));
  throw new MlError("usage", "`/bundles` wants PUT or POST");
}

async function route(
  site: Site,
  request: Request,
  server: Server<SessionData>,
  address: string | null,
): Promise<Response | undefined> {
  const { pathname } = new URL(request.url);
  if (pathname === "/healthz") return health(site.services);
  requireOrigin(site.door, request.headers.get("origin"));
  const admitted = admit(site.door, request.headers.get("authorization"), address);
  if (pathname === "/ws") {
    if (site.isFull()) throw new MlError("try_later", "too many clients are connected");
    const data: SessionData = { asker: admitted.asker, keyId: admitted.keyId, session: null };
    if (server.upgrade(request, { data })) return undefined;
    throw new MlError("usage", "`/ws` speaks WebSocket", { hint: "by HTTP, POST to /api/<ask>" });
  }
  server.timeout(request, mostLongSeconds);
  if (pathname.startsWith("/api/")) {
    if (request.method !== "POST") throw new MlError("usage", `\`${pathname}\` wants POST`);
    return await answerPost(site, admitted, request, pathname.slice("/api/".length));
  }
  if (pathname === "/blobs") {
    if (request.method !== "PUT") throw new MlError("usage", "`/blobs` wants PUT");
    return await receiveBlobs(site.services, admitted.asker, request);
  }
  if (pathname === "/trees") {
    if (request.method !== "PUT") throw new MlError("usage", "`/trees` wants PUT");
    return await receiveTree(site.services, admitted.asker, request);
  }
  if (pathname === "/bundles") return await routeBundle(site.services, admitted, { request, server });
  const packed = /^\/runs\/([^/]+)\/(pack|code)$/.exec(pathname);
  if (packed !== null) {
    if (request.method !== "POST") throw new MlError("usage", `\`${pathname}\` wants POST`);
    const [, runId = "", what] = packed;
    if (!isRunId(runId)) throw new MlError("not_found", `there is no run \`${runId.slice(0, 64)}\``);
    const body = await readJson(request, packFrameBytes, `${what}`);
    return what === "pack" ? sendFiles(site.services, runId, body) : sendCode(site.services, runId, body);
  }
  const target = fileTarget(request.url);
  if (target !== null) {
    if (request.method !== "GET" && request.method !== "HEAD") throw new MlError("usage", "files want GET or HEAD");
    if (!isRunId(target.runId)) throw new MlError("not_found", `there is no run \`${target.runId.slice(0, 64)}\``);
    return await serveFile(site.services, request, target);
  }
  throw new MlError("unknown_request", `there is nothing at \`${pathname.slice(0, 128)}\``, {
    hint: "docs/protocol.md lists what there is",
  });
}

/** One HTTP request, whatever happens. `address` is null on the Unix socket. */
export async function serveRequest(
  site: Site,
  request: Request,
  server: Server<SessionData>,
): Promise<Response | undefined> {
  const address = server.requestIP(request)?.address ?? null;
  const isSocket = server.port === undefined || server.port === null;
  try {
    if (!isSocket && address === null) throw new MlError("try_later", "the connection was closed");
    return await route(site, request, server, isSocket ? null : address);
  } catch (cause) {
    const error = asMlError(cause, "answering the request");
    if (error.code === "internal") traceBug(site.services, "http", cause);
    if (error.code === "unauthenticated" || error.code === "not_allowed") {
      site.services.log.say("warn", "refused at the door", { from: address ?? "socket", why: error.code });
    }
    return jsonResponse({ error: error.toValue() });
  }
}
