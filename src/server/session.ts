/**
 * One WebSocket connection: frames in, answers and numbered events out. Its memory is bounded: while the peer does not
 * read, we stop reading from it, drop events, and tell it to subscribe again once it has caught up.
 */
import type { ServerWebSocket } from "bun";
import { MlError, messageOf } from "../core/error.ts";
import { limits, type ServerEvent } from "../protocol/frames.ts";
import type { Asker } from "./asker.ts";
import type { Services } from "./context.ts";
import { answer, type Outcome, requireShallow } from "./dispatch.ts";
import type { EventSink } from "./hub.ts";

export interface SessionData {
  asker: Asker;
  keyId: string | null;
  session: Session | null;
}

/** Unsent bytes above which a peer counts as slow, and below which it has caught up. */
const slowBytes = 512 * 1024;
const caughtUpBytes = 64 * 1024;
/** Requests of one connection being answered at a time; more wait in its socket. */
const inFlight = 64;
/** Requests a second that one connection may ask in the long run, and at once. */
const rate = 1000;
const burst = 2000;

export class Session implements EventSink {
  seq = 0;
  private lagging = false;
  private asked = 0;
  private readonly waiting: string[] = [];
  private readonly unsent: string[] = [];
  private tokens = burst;
  private refilledAtMs = performance.now();
  private refill: ReturnType<typeof setTimeout> | null = null;
  private closed = false;

  constructor(
    private readonly services: Services,
    private readonly socket: ServerWebSocket<SessionData>,
    private readonly asker: Asker,
  ) {}

  /** One frame from the peer. */
  receive(text: string): void {
    this.waiting.push(text);
    this.pump();
  }

  private isSlow(): boolean {
    return this.unsent.length > 0 || this.socket.getBufferedAmount() > slowBytes;
  }

  private hasToken(): boolean {
    const now = performance.now();
    this.tokens = Math.min(burst, this.tokens + ((now - this.refilledAtMs) / 1000) * rate);
    this.refilledAtMs = now;
    if (this.tokens >= 1) return true;
    this.refill ??= setTimeout(() => {
      this.refill = null;
      this.pump();
    }, 50);
    return false;
  }

  private pump(): void {
    if (this.closed) return;
    while (this.waiting.length > 0 && this.asked < inFlight && !this.isSlow() && this.hasToken()) {
      this.tokens -= 1;
      this.asked += 1;
      void this.serve(this.waiting.shift() ?? "");
    }
    if (this.waiting.length > 0 && !this.socket.isPaused) this.socket.pause();
    else if (this.waiting.length === 0 && this.socket.isPaused) this.socket.resume();
  }

  private async serve(text: string): Promise<void> {
    const { requestId, outcome } = await this.answer(text);
    this.asked -= 1;
    if (this.closed) return;
    this.send(JSON.stringify({ id: requestId, ...outcome }));
    this.pump();
  }

  private async answer(text: string): Promise<{ requestId: number | null; outcome: Outcome }> {
    let requestId: number | null = null;
    try {
      requireShallow(text, limits.jsonDepth);
      const frame = JSON.parse(text) as { id?: unknown; ask?: unknown; body?: unknown } | null;
      if (typeof frame?.id === "number") requestId = frame.id;
      if (requestId === null || typeof frame?.ask !== "string") {
        throw new MlError("usage", "a frame must be an object with the number `id`, the text `ask`, and `body`");
      }
      return { requestId, outcome: await answer(this.services, this.askerNow(), frame.ask, frame.body) };
    } catch (cause) {
      const error = cause instanceof MlError ? cause : new MlError("usage", `a frame is not JSON: ${messageOf(cause)}`);
      return { requestId, outcome: { error: error.toValue() } };
    }
  }

  /** A key may have been revoked or given another role since the connection was opened. */
  private askerNow(): Asker {
    const { keyId } = this.socket.data;
    if (keyId === null) return this.asker;
    const role = this.services.keys.roleOf(keyId);
    if (role === null) {
      // After the answer is out.
      setTimeout(() => this.socket.close(4001, "the key was revoked"), 50);
      throw new MlError("unauthenticated", "the key of this connection was revoked");
    }
    return role === this.asker.role ? this.asker : { ...this.asker, role, sink: this };
  }

  private send(text: string): void {
    if (this.unsent.length > 0 || this.socket.send(text, false) === 0) this.unsent.push(text);
  }

  takesBytes(): boolean {
    return this.unsent.length === 0 && this.socket.getBufferedAmount() < caughtUpBytes;
  }

  push(_event: ServerEvent, json: string): void {
    if (this.lagging || this.closed) return;
    if (this.isSlow()) {
      this.lagging = true;
      this.services.hub.unsubscribe(this);
      return;
    }
    this.seq += 1;
    this.send(`{"seq":${this.seq},"event":${json}}`);
  }

  /** The socket has room again. */
  drained(): void {
    while (this.unsent.length > 0) {
      if (this.socket.send(this.unsent[0] ?? "", false) === 0) return;
      this.unsent.shift();
    }
    if (this.lagging && this.socket.getBufferedAmount() < caughtUpBytes) {
      this.lagging = false;
      this.push({ kind: "resync" }, '{"kind":"resync"}');
    }
    this.pump();
  }

  close(): void {
    this.closed = true;
    this.services.hub.unsubscribe(this);
    if (this.refill !== null) clearTimeout(this.refill);
    this.waiting.length = 0;
    this.unsent.length = 0;
  }
}
