/** The open doors: one HTTP and WebSocket server on the Unix socket, one on TCP, with the same answers behind both. */
import * as fs from "node:fs";
import type { Server, ServerWebSocket, WebSocketHandler } from "bun";
import { MlError, systemCode } from "../core/error.ts";
import { limits } from "../protocol/frames.ts";
import type { Door } from "./admission.ts";
import type { Services } from "./context.ts";
import { type Site, serveRequest } from "./http.ts";
import {
  clearSocket,
  hostInUrl,
  isLoopback,
  listenError,
  parseListen,
  prepareSocketFolder,
  socketPath,
} from "./listen.ts";
import { Session, type SessionData } from "./session.ts";

export interface Listener {
  url: string | null;
  socket: string;
  clients(): number;
  dropKey(keyId: string): void;
  close(): Promise<void>;
}

export interface ListenOptions {
  door: Door;
  listenGiven: boolean;
  socket?: string | null;
  /** Silence after which a peer is pinged, and given up soon after; 8 at least. Default 30. */
  idleSeconds?: number;
}

const mostClients = 2000;
const backpressureBytes = 1024 * 1024;
const defaultIdleSeconds = 30;

function webSocketHandler(
  services: Services,
  options: { sockets: Set<ServerWebSocket<SessionData>>; idleSeconds: number },
): WebSocketHandler<SessionData> {
  const { sockets, idleSeconds } = options;
  return {
    maxPayloadLength: limits.frameBytes,
    backpressureLimit: backpressureBytes,
    idleTimeout: idleSeconds,
    sendPings: true,
    perMessageDeflate: false,
    open(socket) {
      const { asker } = socket.data;
      const session: Session = new Session(services, socket, {
        ...asker,
        get sink() {
          return session;
        },
      });
      socket.data.session = session;
      sockets.add(socket);
    },
    message(socket, message) {
      socket.data.session?.receive(typeof message === "string" ? message : message.toString("utf8"));
    },
    drain(socket) {
      socket.data.session?.drained();
    },
    close(socket) {
      sockets.delete(socket);
      socket.data.session?.close();
    },
  };
}

function readTls(services: Services): { cert: string; key: string } | null {
  const { tls_cert: cert, tls_key: key } = services.settings;
  if (cert === null && key === null) return null;
  if (cert === null || key === null) {
    throw new MlError("bad_config", "TLS needs both `tls_cert` and `tls_key`", { hint: "set the one that is missing" });
  }
  try {
    return { cert: fs.readFileSync(cert, "utf8"), key: fs.readFileSync(key, "utf8") };
  } catch (cause) {
    throw new MlError("bad_config", "the TLS certificate or its key cannot be read", {
      cause: String((cause as Error).message),
    });
  }
}

type Start = (host: string, port: number) => Server<SessionData>;

function listenTcp(
  services: Services,
  start: Start,
  options: ListenOptions & { secure: boolean },
): Server<SessionData> {
  const address = parseListen(services.settings.listen ?? "127.0.0.1:9100");
  if (!isLoopback(address.host)) {
    if (options.door.keys.count() === 0) {
      throw new MlError(
        "refused",
        `listening on \`${address.host}\` was refused: others could reach it, and there is no key yet`,
        {
          hint: "start it on loopback, make a key with `ml key add NAME`, then start it again",
        },
      );
    }
    if (!options.secure)
      services.log.say("warn", "listening beyond this machine without TLS: keys travel readable", {
        host: address.host,
      });
  }
  try {
    return start(address.host, address.port);
  } catch (cause) {
    if (systemCode(cause) !== "EADDRINUSE" || options.listenGiven) throw listenError(cause, address);
  }
  services.log.say("warn", "the default port is taken, another one is used", { port: address.port });
  try {
    return start(address.host, 0);
  } catch (cause) {
    throw listenError(cause, { ...address, port: 0 });
  }
}

/** Opens both doors. Throws `unreachable`, `refused`, `bad_config`, `conflict` with the exact reason. */
export async function listen(services: Services, options: ListenOptions): Promise<Listener> {
  const sockets = new Set<ServerWebSocket<SessionData>>();
  const { idleSeconds = defaultIdleSeconds } = options;
  const site: Site = { services, door: options.door, isFull: () => sockets.size >= mostClients };
  const tls = readTls(services);
  const shared = {
    fetch: (request: Request, server: Server<SessionData>) => serveRequest(site, request, server) as Promise<Response>,
    websocket: webSocketHandler(services, { sockets, idleSeconds }),
    maxRequestBodySize: limits.bodyBytes,
    development: false as const,
  };
  const path = options.socket ?? socketPath(services.state.stateDir, process.env);
  prepareSocketFolder(path);
  await clearSocket(path);
  const before = process.umask(0o077);
  let local: Server<SessionData>;
  try {
    local = Bun.serve<SessionData>({ ...shared, unix: path });
    fs.chmodSync(path, 0o600);
  } finally {
    process.umask(before);
  }
  let tcp: Server<SessionData>;
  try {
    const start: Start = (hostname, port) =>
      Bun.serve<SessionData>({
        ...shared,
        hostname,
        port,
        // `development: false` turns SO_REUSEPORT on otherwise (seen with Bun 1.4.5): a taken port would go unnoticed.
        reusePort: false,
        idleTimeout: idleSeconds,
        ...(tls === null ? {} : { tls }),
      });
    tcp = listenTcp(services, start, { ...options, secure: tls !== null });
  } catch (cause) {
    await local.stop(true);
    throw cause;
  }
  const { host } = parseListen(services.settings.listen ?? "127.0.0.1:9100");
  return {
    url: `${tls === null ? "ws" : "wss"}://${hostInUrl(host)}:${tcp.port}`,
    socket: path,
    clients: () => sockets.size,
    dropKey: (keyId) => {
      for (const socket of sockets) if (socket.data.keyId === keyId) socket.close(4001, "the key was revoked");
    },
    close: async () => {
      for (const socket of sockets) socket.close(1012, "the server stops");
      await Promise.race([Promise.all([local.stop(), tcp.stop()]), Bun.sleep(300)]);
      await Promise.all([local.stop(true), tcp.stop(true)]);
      fs.rmSync(path, { force: true });
    },
  };
}
