/** Where the server listens: the Unix socket for its owner, TCP for keys. Says exactly why it cannot. */

import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { MlError, messageOf, systemCode } from "../core/error.ts";

/** A Unix socket's path holds 108 bytes (unix(7)); some are left for its neighbours. */
const socketPathBytes = 100;

/** A folder that nobody else may enter; made where missing. Throws `not_allowed` where it is somebody else's or open. */
function requirePrivate(folder: string): void {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stat = fs.lstatSync(folder);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.() || (stat.mode & 0o077) !== 0) {
    throw new MlError("not_allowed", `the folder \`${folder}\` for the socket must be yours and closed to others`, {
      hint: `\`chmod 700 ${folder}\`, or give another place by \`--socket PATH\``,
    });
  }
}

/** `<state>/sock`, or a short name elsewhere where that is too long for a socket. */
export function socketPath(stateDir: string, env: Readonly<Record<string, string | undefined>>): string {
  const plain = join(stateDir, "sock");
  if (Buffer.byteLength(plain) < socketPathBytes) return plain;
  const name = `ml-${createHash("sha256").update(stateDir).digest("hex").slice(0, 16)}.sock`;
  const runtime = env.XDG_RUNTIME_DIR;
  const folder = runtime && Buffer.byteLength(runtime) < 60 ? runtime : `/tmp/ml-${process.getuid?.() ?? 0}`;
  requirePrivate(folder);
  return join(folder, name);
}

/** Removes what a killed server left; throws `conflict` where somebody answers on the socket. */
export async function clearSocket(path: string): Promise<void> {
  if (Buffer.byteLength(path) >= 108) {
    throw new MlError("bad_config", `the socket path \`${path}\` is longer than the 107 bytes that the kernel takes`, {
      hint: "give a shorter one by `--socket PATH`",
    });
  }
  if (fs.lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
  const answered = await new Promise<boolean>((resolve) => {
    Bun.connect({
      unix: path,
      socket: {
        open: (socket) => {
          socket.end();
          resolve(true);
        },
        data: () => {},
        error: () => resolve(false),
        connectError: () => resolve(false),
      },
    }).catch(() => resolve(false));
  });
  if (answered)
    throw new MlError("conflict", `something else answers on the socket \`${path}\``, {
      hint: "stop it, or use `--socket PATH`",
    });
  fs.unlinkSync(path);
}

export interface Address {
  host: string;
  port: number;
}

/** `HOST:PORT`, `[::1]:PORT`, `:PORT` (all interfaces) or `PORT` (loopback). Throws `bad_config`. */
export function parseListen(text: string): Address {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[3]);
  if (!match || port > 65_535) {
    throw new MlError("bad_config", `\`${text}\` is no address to listen on`, {
      hint: "write it like `127.0.0.1:9100` or `[::1]:9100`",
    });
  }
  const host = match[1] ?? match[2];
  return { host: host === undefined ? "127.0.0.1" : host === "" ? "0.0.0.0" : host, port };
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\./.test(host);
}

export function hostInUrl(host: string): string {
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return reachable.includes(":") ? `[${reachable}]` : reachable;
}

/** Why a TCP address could not be had, as an `unreachable` error with what to do. */
export function listenError(cause: unknown, { host, port }: Address): MlError {
  const code = systemCode(cause);
  const at = `${hostInUrl(host).includes("[") ? `[${host}]` : host}:${port}`;
  if (code === "EADDRINUSE") {
    return new MlError("unreachable", `listening on \`${at}\` failed: another program uses that port`, {
      hint: `find it by \`ss -ltnp 'sport = :${port}'\`, or take another: \`--listen ${host}:0\``,
    });
  }
  if (code === "EACCES") {
    return new MlError("unreachable", `listening on \`${at}\` failed: ports below 1024 are for root`, {
      hint: `take a higher one: \`--listen ${host}:9100\``,
    });
  }
  if (code === "EADDRNOTAVAIL") {
    return new MlError("unreachable", `listening on \`${at}\` failed: this machine has no such address`, {
      hint: "`ip address` lists them",
    });
  }
  return new MlError("unreachable", `listening on \`${at}\` failed: ${messageOf(cause)}`);
}

/** The folder of a socket exists. */
export function prepareSocketFolder(path: string): void {
  fs.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
}
