/**
 * Files of run folders over HTTP, whole or in part: what `ml pull` and `ml cat` read, resumable by Range. A path is walked
 * folder by folder beneath the run folder; what leaves it, and what is no plain file, is never opened.
 */
import * as fs from "node:fs";
import { MlError } from "../core/error.ts";
import { openInside, streamRange } from "../transfer/open-inside.ts";
import type { Services } from "./context.ts";

export interface Part {
  start: number;
  /** Inclusive. */
  end: number;
}

/** The one range of a Range header (RFC 9110, 14.1.2): null for none or an unusable one, `beyond` where it starts after the end. */
export function parseRange(header: string | null, size: number): Part | null | "beyond" {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return null;
  if (match[1] === "") {
    const length = Number(match[2]);
    return length === 0 ? "beyond" : { start: Math.max(0, size - length), end: size - 1 };
  }
  const start = Number(match[1]);
  const end = match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (match[2] !== "" && Number(match[2]) < start) return null;
  return start >= size ? "beyond" : { start, end };
}

/** Throws what openInside throws: `bad_path`, `not_found`, `usage` for a folder. */
export async function serveFile(
  services: Services,
  request: Request,
  target: { runId: string; path: string },
): Promise<Response> {
  const { folder } = services.base.run(target.runId);
  if (!fs.existsSync(folder)) throw new MlError("not_found", `there is no run \`${target.runId}\``);
  const file = openInside(folder, target.path);
  const size = file.sizeBytes;
  const etag = `"${file.version}"`;
  const headers: Record<string, string> = {
    etag,
    "accept-ranges": "bytes",
    "content-type": "application/octet-stream",
    "x-content-type-options": "nosniff",
    "content-disposition": "attachment",
    "cache-control": "no-store",
    "last-modified": new Date(file.modifiedMs).toUTCString(),
  };
  const finish = (status: number, part: Part | null): Response => {
    if (part === null || request.method === "HEAD") {
      fs.closeSync(file.fd);
      return new Response(null, { status, headers });
    }
    return new Response(streamRange(file, { from: part.start, to: part.end + 1 }), { status, headers });
  };
  if (request.headers.get("if-none-match") === etag) return finish(304, null);
  const condition = request.headers.get("if-range");
  const range = condition === null || condition === etag ? parseRange(request.headers.get("range"), size) : null;
  if (range === "beyond") {
    headers["content-range"] = `bytes */${size}`;
    return finish(416, null);
  }
  const part = range ?? { start: 0, end: size - 1 };
  headers["content-length"] = String(part.end + 1 - part.start);
  if (range === null) return finish(200, part);
  headers["content-range"] = `bytes ${part.start}-${part.end}/${size}`;
  return finish(206, part);
}
