/** A Link over plain HTTP, for where WebSocket is blocked: asks by POST /api/<ask>, events by `events.poll`. */
import { MlError, messageOf } from "../core/error.ts";
import type { ErrorFrame, ReplyFrame, ServerEvent } from "../protocol/frames.ts";
import type { Ask, Body, Reply } from "../protocol/requests.ts";
import { type Link, LinkLost } from "./link.ts";
import { fetchFrom, placeOf, type Target } from "./target.ts";

/** One ask by HTTP. Throws MlError as answered; LinkLost where the network failed; the signal's reason. */
export async function post<A extends Ask>(
  target: Target,
  name: A,
  options: { body: Body<A>; timeoutMs: number; signal?: AbortSignal | undefined },
): Promise<Reply<A>> {
  const timeout = AbortSignal.timeout(Math.max(1, Math.min(options.timeoutMs, 2 ** 31 - 1)));
  const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
  const headers = { "content-type": "application/json" };
  let response: Response;
  let text: string;
  try {
    response = await fetchFrom(target, `/api/${name}`, {
      method: "POST",
      body: JSON.stringify(options.body),
      headers,
      signal,
    });
    text = await response.text();
  } catch (cause) {
    if (options.signal?.aborted) throw options.signal.reason;
    if (timeout.aborted) throw new MlError("timed_out", `the server did not answer \`${name}\` in time`);
    const lost = new LinkLost(messageOf(cause));
    lost.cause = cause;
    throw lost;
  }
  let frame: ReplyFrame | ErrorFrame;
  try {
    frame = JSON.parse(text) as ReplyFrame | ErrorFrame;
  } catch {
    throw notOurs(target, response.status);
  }
  if (typeof frame !== "object" || frame === null) throw notOurs(target, response.status);
  if ("error" in frame && typeof frame.error === "object") throw MlError.fromValue(frame.error);
  if ("reply" in frame) return frame.reply as Reply<A>;
  throw notOurs(target, response.status);
}

function notOurs(target: Target, status: number): MlError {
  if (status === 502 || status === 503 || status === 504) {
    return new MlError("unreachable", `a proxy before ${placeOf(target)} answered ${status}: the server is not up`);
  }
  const code = status === 401 ? "unauthenticated" : status === 403 ? "not_allowed" : "unreachable";
  return new MlError(code, `what answers at ${placeOf(target)} is not an \`ml\` server (HTTP ${status})`, {
    hint: "check the address: `ml config get server_url`, `ml config get worker_host`",
  });
}

export class PollingLink implements Link {
  readonly transport = "polling";
  readonly lost: Promise<string>;
  private readonly lose: (why: string) => void;
  private readonly closed = new AbortController();
  private polling: AbortController | null = null;

  constructor(private readonly target: Target) {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.lost = promise;
    this.lose = resolve;
  }

  async ask<A extends Ask>(
    name: A,
    body: Body<A>,
    options: { timeoutMs: number; signal?: AbortSignal | undefined },
  ): Promise<Reply<A>> {
    try {
      return await post(this.target, name, { body, ...options });
    } catch (cause) {
      if (cause instanceof LinkLost) this.lose(cause.why);
      throw cause;
    }
  }

  async subscribe(body: Body<"subscribe">, onEvent: (event: ServerEvent) => void): Promise<Reply<"subscribe">> {
    this.polling?.abort();
    const first = await this.ask("events.poll", { ...body, wait_ms: 0 }, { timeoutMs: 30_000 });
    if (first.snapshot === null) throw new LinkLost("the server gave no snapshot");
    const own = new AbortController();
    this.polling = own;
    const state = { pollId: first.poll_id, after: first.seq };
    queueMicrotask(() => {
      for (const { event } of first.events) onEvent(event);
      void this.poll(body, { state, onEvent, own });
    });
    return { seq: first.seq, ...first.snapshot };
  }

  private async poll(
    body: Body<"subscribe">,
    run: { state: { pollId: string; after: number }; onEvent: (event: ServerEvent) => void; own: AbortController },
  ): Promise<void> {
    const signal = AbortSignal.any([run.own.signal, this.closed.signal]);
    const { state } = run;
    while (!signal.aborted) {
      try {
        const reply = await post(this.target, "events.poll", {
          body: { ...body, poll_id: state.pollId, after: state.after, wait_ms: 20_000 },
          timeoutMs: 45_000,
          signal,
        });
        if (signal.aborted) return;
        if (reply.poll_id !== state.pollId) run.onEvent({ kind: "resync" });
        else for (const { event } of reply.events) run.onEvent(event);
        state.pollId = reply.poll_id;
        state.after = reply.seq;
      } catch (cause) {
        if (!signal.aborted) this.lose(messageOf(cause));
        return;
      }
    }
  }

  async unsubscribe(): Promise<void> {
    this.polling?.abort();
  }

  close(): void {
    this.closed.abort();
    this.polling?.abort();
    this.lose("closed");
  }
}
