/** A server of a few lines that answers as protocol/frames.ts says, for tests of the connection alone. */
import type { ServerWebSocket } from "bun";
import type { ServerEvent } from "../../../src/protocol/frames.ts";

export interface FakeOptions {
  unix?: string;
  port?: number;
  tls?: { key: string; cert: string };
  /** Upgrades are answered with 400, as by a proxy that strips them. */
  blockUpgrade?: boolean;
  key?: string;
  nowMs?: () => number;
  protocol?: number;
  /** Answers of asks besides hello and subscribe; throwing an object with `code` answers an error. */
  answer?: (ask: string, body: Record<string, unknown>, ws: ServerWebSocket<unknown> | null) => unknown;
}

export class FakeServer {
  readonly sockets = new Set<ServerWebSocket<unknown>>();
  readonly asked: string[] = [];
  private seq = 0;
  private polled: { seq: number; event: ServerEvent }[] = [];
  private wake: (() => void)[] = [];
  private readonly server: Bun.Server<unknown>;

  constructor(readonly options: FakeOptions = {}) {
    const fake = this;
    const place =
      options.unix === undefined ? { port: options.port ?? 0, hostname: "127.0.0.1" } : { unix: options.unix };
    this.server = Bun.serve({
      ...place,
      ...(options.tls === undefined ? {} : { tls: options.tls }),
      async fetch(request: Request, server: Bun.Server<unknown>) {
        const { pathname } = new URL(request.url);
        if (options.key !== undefined && request.headers.get("authorization") !== `Bearer ${options.key}`) {
          return Response.json(
            { error: { code: "unauthenticated", message: "the key is not known" } },
            { status: 401 },
          );
        }
        if (pathname === "/ws") {
          if (options.blockUpgrade) return new Response("no upgrade here", { status: 400 });
          return server.upgrade(request, { data: {} }) ? undefined : new Response("", { status: 400 });
        }
        if (!pathname.startsWith("/api/")) return new Response(`file ${pathname}`);
        const body = (await request.json()) as Record<string, unknown>;
        return Response.json(await fake.reply(pathname.slice(5), body, null));
      },
      websocket: {
        open: (ws) => void fake.sockets.add(ws),
        close: (ws) => void fake.sockets.delete(ws),
        async message(ws, text) {
          const { id, ask, body } = JSON.parse(String(text));
          const frame = await fake.reply(ask, body, ws);
          if (frame !== null) ws.send(JSON.stringify({ id, ...frame }));
        },
      },
    } as Parameters<typeof Bun.serve>[0]);
  }

  get port(): number {
    return this.server.port ?? 0;
  }
  get url(): string {
    return `${this.options.tls === undefined ? "ws" : "wss"}://127.0.0.1:${this.port}`;
  }

  private async reply(ask: string, body: Record<string, unknown>, ws: ServerWebSocket<unknown> | null) {
    this.asked.push(ask);
    if (ask === "hello") {
      const now = new Date(this.options.nowMs?.() ?? Date.now()).toISOString();
      return {
        reply: {
          version: "0.1.0",
          protocol: this.options.protocol ?? 1,
          user: "u",
          role: "admin",
          host: "h",
          base: "/b",
          now,
        },
      };
    }
    if (ask === "subscribe") return { reply: { seq: 0, runs: [], server: { pid: 1 } } };
    if (ask === "events.poll") return { reply: await this.poll(body) };
    try {
      const reply = await this.options.answer?.(ask, body, ws);
      return reply === null ? null : { reply: reply ?? {} };
    } catch (cause) {
      return { error: cause };
    }
  }

  private async poll(body: Record<string, unknown>) {
    if (body.poll_id === undefined) {
      return { poll_id: "p1", seq: this.seq, events: [], snapshot: { runs: [], server: { pid: 1 } } };
    }
    const after = Number(body.after);
    if (!this.polled.some(({ seq }) => seq > after)) await new Promise<void>((resolve) => this.wake.push(resolve));
    return { poll_id: "p1", seq: this.seq, events: this.polled.filter(({ seq }) => seq > after), snapshot: null };
  }

  tell(event: ServerEvent): void {
    this.seq += 1;
    this.polled.push({ seq: this.seq, event });
    for (const ws of this.sockets) ws.send(JSON.stringify({ seq: this.seq, event }));
    for (const wake of this.wake.splice(0)) wake();
  }

  /** Cuts every connection as a crash would. */
  cut(): void {
    for (const ws of this.sockets) ws.terminate();
  }

  async stop(): Promise<void> {
    for (const wake of this.wake.splice(0)) wake();
    await this.server.stop(true);
  }
}
