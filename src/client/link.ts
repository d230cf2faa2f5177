/**
 * One transport for as long as it lasts: WebSocket or polling. It does not heal; when it is lost, all that is pending
 * fails with LinkLost and `lost` resolves. `connect.ts` opens the next.
 */
import type { MlError } from "../core/error.ts";
import type { ServerEvent } from "../protocol/frames.ts";
import type { Ask, Body, Reply } from "../protocol/requests.ts";
import type { Transport } from "./connection.ts";

/** The transport went away before an answer came; whether the server acted is unknown. */
export class LinkLost extends Error {
  constructor(readonly why: string) {
    super(why);
    this.name = "LinkLost";
  }
}

export interface Link {
  readonly transport: Transport;
  /** Resolves, once, with the reason. */
  readonly lost: Promise<string>;
  /** Throws MlError as answered, LinkLost, `timed_out` after `timeoutMs`, or the signal's reason. */
  ask<A extends Ask>(
    name: A,
    body: Body<A>,
    options: { timeoutMs: number; signal?: AbortSignal | undefined },
  ): Promise<Reply<A>>;
  /** Events begin after the snapshot; a gap arrives as `resync`. */
  subscribe(body: Body<"subscribe">, onEvent: (event: ServerEvent) => void): Promise<Reply<"subscribe">>;
  unsubscribe(): Promise<void>;
  close(): void;
}

/** Why a link could not be opened: `refused` is an answer (wrong key), `blocked` means that HTTP works but the upgrade does not. */
export type OpenFailure = { kind: "refused" | "unreachable"; error: MlError } | { kind: "blocked" };
