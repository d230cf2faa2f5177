/** Servers of our own for one test: temporary base, a free port, no worker unless asked, and clients that speak the wire. */
import { afterEach } from "bun:test";
import { join } from "node:path";
import { settings as declared, type Settings } from "../../src/config/settings.ts";
import type { ErrorValue } from "../../src/core/error.ts";
import type { ServerEvent } from "../../src/protocol/frames.ts";
import type { Ask, Body, Reply } from "../../src/protocol/requests.ts";
import { silentLog } from "../../src/server/log.ts";
import { type OpenServer, type OpenServerOptions, openServer } from "../../src/server/open-server.ts";
import { tempFolder } from "../support/temp.ts";

const opened: OpenServer[] = [];
const clients: Client[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const server of opened.splice(0)) await server.close();
});

export type Answer<A extends Ask> = { reply: Reply<A>; error?: undefined } | { reply?: undefined; error: ErrorValue };

export interface TestServer {
  base: string;
  url: string;
  services: OpenServer["services"];
  /** By HTTP over the Unix socket: as the owner. */
  ask<A extends Ask>(name: A, body: Body<A>): Promise<Reply<A>>;
  /** The same, errors as values. */
  try<A extends Ask>(name: A, body: Body<A>): Promise<Answer<A>>;
  /** By HTTP over TCP with a key. */
  as<A extends Ask>(key: string | null, name: A, body: Body<A>): Promise<Answer<A> & { status: number }>;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  connect(options?: { key?: string; headers?: Record<string, string> }): Promise<Client>;
  close(): Promise<void>;
}

export function testSettings(overrides: Partial<Settings> = {}): Settings {
  const defaults = Object.fromEntries(Object.entries(declared).map(([key, setting]) => [key, setting.default]));
  return { ...(defaults as Settings), listen: "127.0.0.1:0", disk_floor_mb: 1, ...overrides };
}

export type Extra = Partial<Omit<OpenServerOptions, "settings">> & { settings?: Partial<Settings> };

export async function serve({ settings = {}, ...extra }: Extra = {}): Promise<TestServer> {
  const base = extra.base ?? join(tempFolder(), "data");
  const server = await openServer({
    log: silentLog,
    worker: false,
    listenGiven: true,
    onStop: () => {},
    ...extra,
    settings: testSettings(settings),
    base,
  });
  opened.push(server);
  const { services } = server;
  const unix = services.identity.socket ?? "";
  const url = services.identity.url ?? "";
  const http = url.replace("ws", "http");
  const post = async (where: string, init: BunFetchRequestInit, body: unknown) => {
    const response = await fetch(where, { method: "POST", body: JSON.stringify(body), ...init });
    return { ...((await response.json()) as object), status: response.status };
  };
  const tryAsk: TestServer["try"] = async (name, body) =>
    (await post(`http://local/api/${name}`, { unix }, body)) as never;
  return {
    base,
    url,
    services,
    try: tryAsk,
    ask: async (name, body) => {
      const { reply, error } = await tryAsk(name, body);
      if (error !== undefined) throw new Error(`${error.code}: ${error.message}`);
      return reply as never;
    },
    as: async (key, name, body) =>
      (await post(
        `${http}/api/${name}`,
        { headers: key === null ? {} : { authorization: `Bearer ${key}` } },
        body,
      )) as never,
    fetch: (path, init = {}) => fetch(`http://local${path}`, { ...init, unix } as RequestInit),
    connect: (options) => Client.open(options?.key === undefined ? `ws+unix://${unix}:/ws` : `${url}/ws`, options),
    close: () => server.close(),
  };
}

/** A WebSocket that counts its frames. */
export class Client {
  readonly events: { seq: number; event: ServerEvent }[] = [];
  closed: { code: number; reason: string } | null = null;
  private next = 1;
  private readonly waiting = new Map<number, (answer: { reply?: unknown; error?: ErrorValue }) => void>();
  readonly loose: unknown[] = [];

  private constructor(readonly socket: WebSocket) {
    socket.onmessage = (message) => {
      const frame = JSON.parse(String(message.data));
      if ("event" in frame) this.events.push(frame);
      else if (this.waiting.has(frame.id)) this.waiting.get(frame.id)?.(frame);
      else this.loose.push(frame);
    };
    socket.onclose = ({ code, reason }) => {
      this.closed = { code, reason };
    };
  }

  static open(url: string, options: { key?: string; headers?: Record<string, string> } = {}): Promise<Client> {
    const headers = {
      ...options.headers,
      ...(options.key === undefined ? {} : { authorization: `Bearer ${options.key}` }),
    };
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url, { headers } as never);
      const client = new Client(socket);
      clients.push(client);
      socket.onopen = () => resolve(client);
      socket.onerror = (event) => reject(new Error(String((event as ErrorEvent).message)));
    });
  }

  try<A extends Ask>(ask: A, body: Body<A>): Promise<Answer<A>> {
    const id = this.next++;
    return new Promise((resolve) => {
      this.waiting.set(id, resolve as never);
      this.socket.send(JSON.stringify({ id, ask, body }));
    });
  }

  async ask<A extends Ask>(ask: A, body: Body<A>): Promise<Reply<A>> {
    const { reply, error } = await this.try(ask, body);
    if (error !== undefined) throw new Error(`${error.code}: ${error.message}`);
    return reply as never;
  }

  close(): void {
    this.socket.close();
  }
}

let submissions = 0;

/** A submission of a run that does nothing, with a fresh id. */
export function spec(overrides: Partial<Body<"submit">["runs"][number]> = {}): Body<"submit">["runs"][number] {
  submissions += 1;
  return { submit_id: `submission-${process.pid}-${submissions}`, argv: ["true"], snapshot: null, ...overrides };
}

/** Queues one run and returns its id. */
export async function queued(
  server: TestServer,
  overrides: Partial<Body<"submit">["runs"][number]> = {},
): Promise<string> {
  const { runs } = await server.ask("submit", { runs: [spec(overrides)] });
  return runs[0]?.run_id ?? "";
}
