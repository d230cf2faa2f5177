/**
 * What travels over a WebSocket: one JSON object a text frame. The same requests can be POSTed to `/api/<ask>` with
 * `body` as the HTTP body; the answer is then the bare `{reply}` or `{error}` object.
 *
 *     → {"id": 7, "ask": "status", "body": {…}}
 *     ← {"id": 7, "reply": {…}}   or   {"id": 7, "error": {code, message, cause?, hint?, data?}}
 *     ← {"seq": 41, "event": {…}}  after `subscribe`; `seq` grows by one a frame on this connection
 */
import type { ErrorValue } from "../core/error.ts";
import type { RunSummary } from "./summary.ts";

export interface AskFrame {
  id: number;
  ask: string;
  body: unknown;
}
export interface ReplyFrame {
  id: number;
  reply: unknown;
}
export interface ErrorFrame {
  /** Null where the frame could not be understood far enough to have an id. */
  id: number | null;
  error: ErrorValue;
}
export interface EventFrame {
  seq: number;
  event: ServerEvent;
}
export type ServerFrame = ReplyFrame | ErrorFrame | EventFrame;

/**
 * What a subscriber is told. `log` says how far the file has grown; where that is little and the subscriber keeps up, the
 * new bytes come along as `added`. A reader uses them where `added.offset` is the byte that it wants next, else it asks
 * `log.read`; so who does not know `added` misses nothing.
 */
export type ServerEvent =
  | { kind: "run"; run: RunSummary }
  | { kind: "removed"; run_id: string }
  /** `ended` is true once the run is final and no more bytes will come. */
  | { kind: "log"; run_id: string; stream: LogStream; size: number; ended: boolean; added?: AddedBytes }
  /** The reader was too slow and events were dropped: subscribe again. */
  | { kind: "resync" }
  /** The server is about to stop; reconnect later. */
  | { kind: "stopping" };

export type LogStream = "output" | "stdout" | "stderr";

/** The bytes from `offset` to the `size` of the event, at most `limits.addedBytes`. */
export interface AddedBytes {
  offset: number;
  encoding: "utf8" | "base64";
  data: string;
}

/** Limits both sides keep to. */
export const limits = {
  /** Bytes of one HTTP body: a bundle, a pack of code. The runtime closes the connection on more without a word. */
  bodyBytes: 8 * 1024 ** 3,
  /** Bytes of one frame or POST body; larger ones close the connection (1009) or answer 413. */
  frameBytes: 1024 * 1024,
  /** Bytes of one frame before a connection has said who it is. */
  unauthenticatedFrameBytes: 16 * 1024,
  /** Nesting of one JSON value. */
  jsonDepth: 64,
  /** Log bytes in one `log.read` reply. */
  logChunkBytes: 256 * 1024,
  /** Log bytes that come with an event. */
  addedBytes: 16 * 1024,
  /** Runs in one `submit`. */
  submitRuns: 250,
  /** Bytes of a note, hypothesis or other free text. */
  textBytes: 64 * 1024,
  /** Rows of one page of a listing. */
  pageRows: 1000,
} as const;
