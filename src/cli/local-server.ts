/**
 * The server of this machine as a client sees it: found by the record that it leaves in its state folder, and believed
 * only once it answers. Starting one is start-server.ts, loaded only where there is none.
 */
import { gone, late } from "../client/open-link.ts";
import type { Target } from "../client/target.ts";
import { MlError } from "../core/error.ts";
import { readText } from "./read-early.ts";

/** `server.json`, as far as a client needs it. */
export interface ServerRecord {
  pid: number;
  version: string;
  base: string;
  url: string | null;
  socket: string | null;
}

/** What the record says, or null where there is none or it cannot be understood. */
export async function readServerRecord(path: string): Promise<ServerRecord | null> {
  try {
    const value = JSON.parse(await readText(path)) as Partial<ServerRecord> | null;
    if (value === null || typeof value !== "object" || typeof value.pid !== "number") return null;
    if (typeof value.socket !== "string" && typeof value.url !== "string") return null;
    return {
      pid: value.pid,
      version: String(value.version ?? "?"),
      base: String(value.base ?? ""),
      url: typeof value.url === "string" ? value.url : null,
      socket: typeof value.socket === "string" ? value.socket : null,
    };
  } catch {
    return null;
  }
}

/** There is a server, and it does not answer in time; as opposed to none. */
export const isLate = (cause: unknown): cause is MlError =>
  cause instanceof MlError && cause.code === "unreachable" && cause.detail.data === late;

export function recordTarget(record: ServerRecord, key: string | null): Target {
  if (record.socket !== null) return { kind: "socket", path: record.socket, key };
  return { kind: "url", url: (record.url ?? "").replace(/^http/, "ws").replace(/\/+$/, ""), key, ca: null };
}

/** Nothing listens there: as opposed to a server that is there and does not answer. */
export function isGone(cause: unknown): boolean {
  return cause instanceof MlError && cause.code === "unreachable" && cause.detail.data === gone;
}

export function noServer(base: string): MlError {
  return new MlError("unreachable", "no server is configured and none runs on this machine", {
    cause: `nothing serves \`${base}\``,
    hint: "ml server start",
    data: gone,
  });
}
