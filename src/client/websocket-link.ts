/** A Link over WebSocket, on TCP or a Unix socket. Frames as in protocol/frames.ts. Pings a silent server and gives it up. */
import { MlError } from "../core/error.ts";
import { limits, type ServerEvent, type ServerFrame } from "../protocol/frames.ts";
import type { Ask, Body, Reply } from "../protocol/requests.ts";
import { type Link, LinkLost } from "./link.ts";
import { keyHeaders, type Target, webSocketAddress } from "./target.ts";

const pingMs = 15_000;

interface Pending {
  resolve(reply: unknown): void;
  reject(cause: unknown): void;
}

/** Rejects with LinkLost where the socket does not open within `timeoutMs`. */
export function openWebSocket(target: Target, timeoutMs: number): Promise<Link> {
  const socket = new WebSocket(webSocketAddress(target), {
    headers: keyHeaders(target),
    perMessageDeflate: false,
    ...(target.kind === "url" && target.ca !== null ? { tls: { ca: target.ca } } : {}),
  });
  return new Promise((resolve, reject) => {
    let why = "the connection could not be opened";
    const timer = setTimeout(() => {
      why = `no answer within ${Math.round(timeoutMs / 1000)} s`;
      socket.terminate();
      reject(new LinkLost(why));
    }, timeoutMs);
    socket.onerror = (event) => {
      why = String((event as ErrorEvent).message ?? why).replace(/^WebSocket connection to '.*' failed: /, "");
    };
    socket.onclose = () => {
      clearTimeout(timer);
      reject(new LinkLost(why));
    };
    socket.onopen = () => {
      clearTimeout(timer);
      resolve(new WebSocketLink(socket, target.kind === "socket" ? "socket" : "websocket"));
    };
  });
}

class WebSocketLink implements Link {
  readonly lost: Promise<string>;
  private readonly pending = new Map<number, Pending>();
  private nextNumber = 1;
  private lastSeq: number | null = null;
  private onEvent: ((event: ServerEvent) => void) | null = null;
  private early: ServerEvent[] | null = null;
  private heard = true;
  private readonly pinger: Timer;

  constructor(
    private readonly socket: WebSocket,
    readonly transport: "socket" | "websocket",
  ) {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.lost = promise;
    socket.onmessage = (event) => {
      this.heard = true;
      this.receive(String(event.data));
    };
    socket.addEventListener("pong", () => {
      this.heard = true;
    });
    socket.onerror = () => {};
    socket.onclose = (event) => {
      clearInterval(this.pinger);
      const why = event.reason || (event.code === 1006 ? "the connection broke" : `closed with code ${event.code}`);
      for (const { reject } of this.pending.values()) reject(new LinkLost(why));
      this.pending.clear();
      resolve(why);
    };
    this.pinger = setInterval(() => this.checkPulse(), pingMs);
  }

  /** A half-open connection never says that it is gone (N3). */
  private checkPulse(): void {
    if (!this.heard) {
      this.socket.terminate();
      return;
    }
    this.heard = false;
    this.socket.ping();
  }

  private receive(text: string): void {
    let frame: ServerFrame;
    try {
      frame = JSON.parse(text) as ServerFrame;
    } catch {
      return;
    }
    if ("event" in frame) this.receiveEvent(frame.seq, frame.event);
    else if (frame.id !== null) {
      const waiting = this.pending.get(frame.id);
      this.pending.delete(frame.id);
      if ("error" in frame) waiting?.reject(MlError.fromValue(frame.error));
      else waiting?.resolve(frame.reply);
    }
  }

  private receiveEvent(seq: number, event: ServerEvent): void {
    const gap = this.lastSeq !== null && seq > this.lastSeq + 1;
    this.lastSeq = seq;
    const told: ServerEvent = gap ? { kind: "resync" } : event;
    if (this.early !== null) this.early.push(told);
    else this.onEvent?.(told);
  }

  ask<A extends Ask>(
    name: A,
    body: Body<A>,
    options: { timeoutMs: number; signal?: AbortSignal | undefined },
  ): Promise<Reply<A>> {
    const id = this.nextNumber++;
    const text = JSON.stringify({ id, ask: name, body });
    if (text.length > limits.frameBytes) {
      throw new MlError("too_large", `the request \`${name}\` has ${text.length} characters, ${limits.frameBytes} fit`);
    }
    if (this.socket.readyState !== WebSocket.OPEN) throw new LinkLost("the connection is closed");
    return new Promise<Reply<A>>((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        options.signal?.removeEventListener("abort", abort);
        this.pending.delete(id);
      };
      const timer = setTimeout(
        () => {
          settle();
          reject(new MlError("timed_out", `the server did not answer \`${name}\` in ${options.timeoutMs} ms`));
        },
        Math.max(1, Math.min(options.timeoutMs, 2 ** 31 - 1)),
      );
      const abort = () => {
        settle();
        reject(options.signal?.reason);
      };
      options.signal?.addEventListener("abort", abort);
      this.pending.set(id, {
        resolve: (reply) => {
          settle();
          resolve(reply as Reply<A>);
        },
        reject: (cause) => {
          settle();
          reject(cause);
        },
      });
      this.socket.send(text);
    });
  }

  async subscribe(body: Body<"subscribe">, onEvent: (event: ServerEvent) => void): Promise<Reply<"subscribe">> {
    this.early = [];
    this.lastSeq = null;
    try {
      const snapshot = await this.ask("subscribe", body, { timeoutMs: 30_000 });
      this.onEvent = onEvent;
      queueMicrotask(() => this.tellEarly());
      return snapshot;
    } catch (cause) {
      this.early = null;
      throw cause;
    }
  }

  /** Events that arrived in the same read as the snapshot follow it. */
  private tellEarly(): void {
    const events = this.early ?? [];
    this.early = null;
    for (const event of events) this.onEvent?.(event);
  }

  async unsubscribe(): Promise<void> {
    this.onEvent = null;
    await this.ask("unsubscribe", {}, { timeoutMs: 5000 });
  }

  close(): void {
    clearInterval(this.pinger);
    this.socket.close();
  }
}
