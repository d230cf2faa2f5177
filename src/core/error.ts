/**
 * The one error type and the closed table of its codes.
 *
 * A code decides the exit status of the command line and the status of an HTTP reply; a message is one lower-case
 * sentence that names what was being done to which thing and why it failed; a hint is the next command to type.
 * Anything thrown that is not an MlError is a bug of ours and is reported as `internal`.
 */

/** Every error code, with the exit code of the CLI and the HTTP status that go with it. */
export const errorCodes = {
  failed: { exit: 1, http: 500 },
  usage: { exit: 2, http: 400 },
  ambiguous: { exit: 2, http: 400 },
  bad_config: { exit: 2, http: 400 },
  unknown_request: { exit: 2, http: 404 },
  not_found: { exit: 3, http: 404 },
  not_allowed: { exit: 4, http: 403 },
  unauthenticated: { exit: 4, http: 401 },
  run_failed: { exit: 5, http: 200 },
  timed_out: { exit: 6, http: 408 },
  conflict: { exit: 7, http: 409 },
  refused: { exit: 7, http: 422 },
  too_large: { exit: 7, http: 413 },
  snapshot_missing: { exit: 7, http: 409 },
  bad_path: { exit: 4, http: 403 },
  check_failed: { exit: 8, http: 200 },
  unreachable: { exit: 69, http: 503 },
  internal: { exit: 70, http: 500 },
  try_later: { exit: 75, http: 503 },
  no_space: { exit: 75, http: 507 },
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** What travels over the wire and into `--json`: an error as a value. */
export interface ErrorValue {
  code: ErrorCode;
  message: string;
  cause?: string | undefined;
  hint?: string | undefined;
  data?: unknown;
}

export interface ErrorDetail {
  /** The underlying reason, one sentence. */
  cause?: string | undefined;
  /** The exact next command or step. */
  hint?: string | undefined;
  /** Structured facts for programs, such as the candidates of an ambiguous name. */
  data?: unknown;
}

export class MlError extends Error {
  readonly code: ErrorCode;
  readonly detail: ErrorDetail;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message);
    this.name = "MlError";
    this.code = code;
    this.detail = detail;
  }

  get exitCode(): number {
    return errorCodes[this.code].exit;
  }

  toValue(): ErrorValue {
    const { cause, hint, data } = this.detail;
    return {
      code: this.code,
      message: this.message,
      ...(cause === undefined ? {} : { cause }),
      ...(hint === undefined ? {} : { hint }),
      ...(data === undefined ? {} : { data }),
    };
  }

  static fromValue(value: ErrorValue): MlError {
    const code = value.code in errorCodes ? value.code : "failed";
    return new MlError(code, value.message, { cause: value.cause, hint: value.hint, data: value.data });
  }
}

/** The `code` of a system error (`ENOENT`, `ENOSPC`, …), or null where `cause` is none. */
export function systemCode(cause: unknown): string | null {
  if (typeof cause !== "object" || cause === null || !("code" in cause)) return null;
  return typeof cause.code === "string" ? cause.code : null;
}

/** The message of anything that can be thrown. */
export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/**
 * Anything thrown, as an MlError: a full disk, missing inodes or a read-only file system becomes a `no_space` or
 * `try_later` that names `doing`; everything unknown becomes `internal`.
 */
export function asMlError(cause: unknown, doing = "handling the request"): MlError {
  if (cause instanceof MlError) return cause;
  const code = systemCode(cause);
  if (code === "ENOSPC") {
    return new MlError("no_space", `${doing} failed: the disk is full, or out of inodes`, {
      cause: messageOf(cause),
      hint: "free some space (`df -h`, `df -i`), then try again: nothing was half-written",
    });
  }
  if (code === "EDQUOT") {
    return new MlError("no_space", `${doing} failed: the disk quota is used up`, { cause: messageOf(cause) });
  }
  if (code === "EROFS") {
    return new MlError("try_later", `${doing} failed: the file system is mounted read-only`, {
      cause: messageOf(cause),
      hint: "remount it writable; `ml status` and `ml logs` go on working meanwhile",
    });
  }
  if (code === "EIO")
    return new MlError("try_later", `${doing} failed: the disk reported an error`, { cause: messageOf(cause) });
  if (code === "EACCES" || code === "EPERM") {
    return new MlError("not_allowed", `${doing} failed: permission denied`, { cause: messageOf(cause) });
  }
  return new MlError("internal", `${doing} failed: ${messageOf(cause)}`);
}
