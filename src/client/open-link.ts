/**
 * Opens a transport to a target: WebSocket where it works, polling where the upgrade is blocked on the way. Where
 * neither works, a plain HTTP probe finds out why, since a failed upgrade tells a client nothing (N6, N7).
 */
import { MlError, messageOf, systemCode } from "../core/error.ts";
import { protocolVersion, version } from "../core/version.ts";
import { type Link, LinkLost } from "./link.ts";
import { PollingLink, post } from "./polling-link.ts";
import { fetchFrom, placeOf, type Target } from "./target.ts";
import { openWebSocket } from "./websocket-link.ts";

export interface OpenOptions {
  transport: "auto" | "websocket" | "polling";
  timeoutMs: number;
  /** Called when polling had to be taken though WebSocket was wished for. */
  onBlocked(): void;
}

/** In an error's `data`: nothing listens at the address. */
export const gone = "gone";

/** In an error's `data`: it takes connections and gives no answer. */
export const late = "late";

export const greeting = { version, protocol: protocolVersion };

/** Throws `unreachable`, `unauthenticated`, `not_allowed`, each with its cause and the next step. */
export async function openLink(target: Target, options: OpenOptions): Promise<Link> {
  if (options.transport === "polling") {
    await probe(target, options.timeoutMs);
    return new PollingLink(target);
  }
  try {
    return await openWebSocket(target, options.timeoutMs);
  } catch (cause) {
    if (!(cause instanceof LinkLost)) throw cause;
    await probe(target, options.timeoutMs);
    if (options.transport === "websocket") {
      throw new MlError("unreachable", `${placeOf(target)} answers, but a WebSocket to it cannot be opened`, {
        cause: cause.why,
        hint: "let it poll: `ml config set transport auto`",
      });
    }
    options.onBlocked();
    return new PollingLink(target);
  }
}

/** Passes where the server answers `hello` over plain HTTP; otherwise throws the reason. */
async function probe(target: Target, timeoutMs: number): Promise<void> {
  try {
    await post(target, "hello", { body: greeting, timeoutMs });
  } catch (cause) {
    if (cause instanceof MlError && cause.code === "timed_out") {
      throw new MlError("unreachable", `${placeOf(target)} does not answer`, {
        cause: "no reply in time",
        data: late,
        hint: target.kind === "socket" ? "ml server status" : checkHint(target),
      });
    }
    if (cause instanceof MlError) throw withKeyHint(cause, target);
    throw networkError(target, cause instanceof LinkLost && cause.cause !== undefined ? cause.cause : cause);
  }
}

export function withKeyHint(error: MlError, target: Target): MlError {
  if (error.code !== "unauthenticated") return error;
  const hint =
    target.key === null
      ? "ask an admin of the server for a key (`ml key add NAME`), then `ml config set api_key KEY`"
      : "the key is wrong or was revoked: get a new one (`ml key add NAME` on the server), then `ml config set api_key KEY`";
  return new MlError(error.code, error.message, { ...error.detail, hint: error.detail.hint ?? hint });
}

function checkHint(target: Target): string {
  return target.kind === "socket"
    ? "`ml server status` says where the local server listens, `ml server start` starts it"
    : "is it running there? `ml server status` on that machine; `ml doctor` here";
}

/** What a failed fetch means. Codes as Bun 1.4.5 gives them. */
export function networkError(target: Target, cause: unknown): MlError {
  const code = systemCode(cause) ?? "";
  const place = placeOf(target);
  const host = target.kind === "url" ? new URL(target.url).hostname : target.path;
  const detail = (why: string, hint: string) => ({ cause: why, hint });
  if (code === "ECONNREFUSED" || (code === "ENOENT" && target.kind === "socket")) {
    return new MlError("unreachable", `no server answers at ${target.kind === "socket" ? target.path : place}`, {
      ...detail(code === "ENOENT" ? "there is no socket" : "the connection was refused", checkHint(target)),
      data: gone,
    });
  }
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return new MlError(
      "unreachable",
      `the host \`${host}\` cannot be found`,
      detail(
        `looking up its name failed (${code})`,
        "check `ml config get worker_host` and `ml config get server_url`",
      ),
    );
  }
  if (code === "EPROTO") {
    return new MlError(
      "unreachable",
      `${place} does not speak TLS`,
      detail(
        messageOf(cause),
        "write the address with `ws://`, or give the server a certificate (`tls_cert`, `tls_key`)",
      ),
    );
  }
  if (code === "ECONNRESET" && target.kind === "url" && target.url.startsWith("ws:")) {
    return new MlError(
      "unreachable",
      `${place} closed the connection without an answer`,
      detail("perhaps it speaks TLS", "write the address with `wss://`"),
    );
  }
  if (code.includes("CERT") || code.includes("SIGNATURE") || code.includes("ISSUER")) {
    return new MlError(
      "unreachable",
      `the certificate of ${place} is not trusted`,
      detail(
        `${messageOf(cause)} (${code})`,
        "pin it: `ml config set tls_ca FILE` with a copy of the server's certificate",
      ),
    );
  }
  return new MlError(
    "unreachable",
    `no server could be reached at ${place}`,
    detail(messageOf(cause), checkHint(target)),
  );
}

/** Fetch whose failures are MlErrors. */
export async function fetchOrExplain(target: Target, path: string, init?: RequestInit): Promise<Response> {
  try {
    return await fetchFrom(target, path, init);
  } catch (cause) {
    if (init?.signal?.aborted) throw init.signal.reason;
    throw networkError(target, cause);
  }
}
