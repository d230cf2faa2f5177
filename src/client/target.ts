/** Where a server is: a Unix socket of this machine, or a URL with a key. Spells the addresses for WebSocket and HTTP. */
import { MlError } from "../core/error.ts";

export type Target =
  | { kind: "socket"; path: string; key: string | null }
  | {
      kind: "url";
      /** `ws:` or `wss:`, without `/ws` and without a slash at the end. */
      url: string;
      key: string | null;
      /** PEM text that the server's certificate must match, for self-signed ones. */
      ca: string | null;
    };

/** A socket path (`/run/ml.sock`, `unix:/run/ml.sock`), a `ws`, `wss`, `http` or `https` URL, or `host:port`. Throws `bad_config`. */
export function parseTarget(text: string, options: { key: string | null; ca: string | null }): Target {
  const socket = /^(?:(?:ws\+)?unix:(?:\/\/)?)?(\/.*?)(?::\/ws)?$/.exec(text);
  if (socket?.[1] !== undefined) return { kind: "socket", path: socket[1], key: options.key };
  const spelled = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `ws://${text}`;
  let url: URL;
  try {
    url = new URL(spelled.replace(/^http/i, "ws"));
  } catch {
    throw badAddress(text);
  }
  if ((url.protocol !== "ws:" && url.protocol !== "wss:") || url.hostname === "") throw badAddress(text);
  const path = url.pathname.replace(/\/(ws)?$/, "");
  return { kind: "url", url: `${url.protocol}//${url.host}${path}`, key: options.key, ca: options.ca };
}

function badAddress(text: string): MlError {
  return new MlError("bad_config", `\`${text}\` is not the address of a server`, {
    hint: "write it like `ws://worker.local:9100`, `wss://host`, or the path of a socket",
  });
}

/** For people, without secrets. */
export function placeOf(target: Target): string {
  return target.kind === "socket" ? "the local server" : target.url;
}

export function webSocketAddress(target: Target): string {
  return target.kind === "socket" ? `ws+unix://${target.path}:/ws` : `${target.url}/ws`;
}

export function keyHeaders(target: Target): Record<string, string> {
  return target.key === null ? {} : { authorization: `Bearer ${target.key}` };
}

/** HTTP on the same place with the key added. Throws what fetch throws. */
export function fetchFrom(target: Target, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  for (const [name, value] of Object.entries(keyHeaders(target))) headers.set(name, value);
  if (target.kind === "socket") return fetch(`http://localhost${path}`, { ...init, headers, unix: target.path });
  const tls = target.ca === null ? {} : { tls: { ca: target.ca } };
  return fetch(`${target.url.replace(/^ws/, "http")}${path}`, { ...init, headers, ...tls });
}
