/**
 * A server asked by single HTTP requests, for commands that mostly have one thing to ask: no WebSocket is opened and
 * nobody is greeted. It does not heal and explains little: who fails here connects (connect.ts), and hears there why.
 */
import type { Ask, Body, Reply } from "../protocol/requests.ts";
import type { AskOptions, Connection, Transport } from "./connection.ts";
import { post } from "./polling-link.ts";
import { fetchFrom, type Target } from "./target.ts";

/** What sending files needs of a connection. */
export type Reach = Pick<Connection, "ask" | "fetch"> & { readonly transport: Transport };

const askTimeoutMs = 30_000;

export function directTo(target: Target): Reach {
  return {
    transport: target.kind === "socket" ? "socket" : "polling",
    ask: <A extends Ask>(name: A, body: Body<A>, options: AskOptions = {}): Promise<Reply<A>> =>
      post(target, name, { body, timeoutMs: options.timeoutMs ?? askTimeoutMs, signal: options.signal }),
    fetch: (path, init) => fetchFrom(target, path, init),
  };
}
