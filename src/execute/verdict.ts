/**
 * How a run ended, from evidence alone. Pure. What is not known is said to be unknown; success is never guessed, and an
 * exit status of 137 is never called "out of memory" without evidence from the kernel or the log.
 *
 * First what we did ourselves (stop, time limit), then what the kernel says, then what the script said in its last lines.
 */
import { constants } from "node:os";
import { formatDuration } from "../core/duration.ts";
import type { Failure, FailureKind } from "../run/manifest.ts";
import type { ExitRecord } from "./records.ts";
import { lastTraceback, type Traceback } from "./traceback.ts";

/** Why we stopped the run ourselves, where we did. */
export type StopReason = "asked" | "log_limit" | "time_limit";

export interface Evidence {
  argv: readonly string[];
  /** PATH of the script, and whether argv[0] is found there (null: nobody looked). */
  path: string;
  commandFound: boolean | null;
  /** Null where nobody saw the end. */
  exit: ExitRecord | null;
  /** The last 64 KiB of its output, or of its stderr. */
  tail: string;
  stopped: { why: StopReason; by: string | null; reason: string | null } | null;
  limitHours: number | null;
  /** The signal that it was warned with of its time limit; null where it was not. */
  warnedWith?: string | null;
  /** Space left on the run's disk when it ended; null where nobody looked. */
  diskFreeBytes: number | null;
  /** Why there is no exit record, one sentence; null where there is one. */
  lost: string | null;
}

export interface Verdict {
  status: "completed" | "failed" | "cancelled";
  exit_code: number | null;
  signal: string | null;
  failure: Failure | null;
}

const signalNames = new Map<number, string>();
// Of two names for one signal the first counts: SIGABRT, not SIGIOT.
for (const [name, number] of Object.entries(constants.signals))
  if (!signalNames.has(number)) signalNames.set(number, name);

/** The name of the signal behind a shell's exit status (128 + N), or null. */
export function signalOf(rc: number): string | null {
  return rc > 128 ? (signalNames.get(rc - 128) ?? null) : null;
}

const gpuMemory =
  /CUDA out of memory|OutOfMemoryError: (?:CUDA|HIP)|torch\.(?:cuda\.)?OutOfMemoryError|CUDA_ERROR_OUT_OF_MEMORY|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED|RESOURCE_EXHAUSTED|Resource exhausted: Out of memory|OOM when allocating tensor|HIP out of memory/;
const hostMemory =
  /^MemoryError\b|numpy\.\S*ArrayMemoryError|std::bad_alloc|Cannot allocate memory|DefaultCPUAllocator: can't allocate memory/m;
const diskFull = /No space left on device|\[Errno 28\]|Disk quota exceeded|\[Errno 122\]/;
const dataErrors = new Set([
  "FileNotFoundError",
  "NotADirectoryError",
  "IsADirectoryError",
  "EOFError",
  "UnicodeDecodeError",
  "JSONDecodeError",
  "BadZipFile",
  "UnpicklingError",
  "ParserError",
  "EmptyDataError",
]);
const environmentErrors = new Set(["ModuleNotFoundError", "ImportError"]);

function lineWith(tail: string, pattern: RegExp): string | null {
  const lines = tail.split("\n");
  for (let index = lines.length - 1; index >= 0; index -= 1) {
    const line = lines[index] ?? "";
    if (pattern.test(line)) return line.trim().slice(0, 500);
  }
  return null;
}

function failure(kind: FailureKind, message: string, hint: string | null, traceback: string | null = null): Failure {
  return { kind, message, hint, traceback };
}

function ownDoing(evidence: Evidence): Verdict | null {
  const { exit, stopped } = evidence;
  const code = { exit_code: exit?.rc ?? null, signal: exit === null ? null : signalOf(exit.rc) };
  if (exit?.timeLimit || stopped?.why === "time_limit") {
    const limit =
      evidence.limitHours === null
        ? "its time limit"
        : `its time limit of ${formatDuration(evidence.limitHours * 3_600_000)}`;
    const hint = "give it more with `--max-runtime`, or let it resume from a checkpoint";
    return {
      status: "failed",
      ...code,
      failure: failure("timeout", `it was still running at ${limit} and was stopped`, hint),
    };
  }
  if (exit !== null && evidence.warnedWith && signalOf(exit.rc) === `SIG${evidence.warnedWith}`) {
    const message = `the warning before its time limit (SIG${evidence.warnedWith}) ended it: the script does not handle that signal`;
    const hint = "handle the signal and save a checkpoint, or leave `--warn-signal` out";
    return { status: "failed", ...code, failure: failure("timeout", message, hint) };
  }
  if (stopped?.why === "log_limit") {
    const hint = "print less, or raise `log_max_mb`";
    return {
      status: "failed",
      ...code,
      failure: failure("disk_full", "its output passed the limit `log_max_mb` and it was stopped", hint),
    };
  }
  if (stopped !== null) return { status: "cancelled", ...code, failure: null };
  return null;
}

function neverRan(evidence: Evidence, rc: number): Failure | null {
  const [command = ""] = evidence.argv;
  if (rc === 127 && evidence.commandFound !== true) {
    const message = command.includes("/")
      ? `the command \`${command}\` was not found`
      : `the command \`${command}\` was not found on PATH (\`${evidence.path}\`)`;
    return failure(
      "environment_error",
      message,
      `check with \`command -v ${command}\` on the worker, or give the whole path`,
    );
  }
  if (rc === 126 && evidence.commandFound !== true) {
    const message = `the command \`${command}\` was found but cannot be executed (PATH was \`${evidence.path}\`)`;
    return failure(
      "environment_error",
      message,
      `make it executable (\`chmod +x\`) or name its interpreter, and queue it again`,
    );
  }
  return null;
}

function byMemory(evidence: Evidence, exit: ExitRecord, trace: Traceback | null): Failure | null {
  const text = trace?.text ?? null;
  if (exit.rc === 137 && (exit.oomKills ?? 0) > 0) {
    const message =
      "the kernel killed it, very likely for want of memory (its count of out-of-memory kills rose meanwhile)";
    return failure(
      "oom",
      message,
      "ask for more with `--ram`, or use less: smaller batches, fewer loader workers",
      text,
    );
  }
  const last = trace === null ? evidence.tail : `${trace.type}: ${trace.message}\n${trace.text}`;
  const full = evidence.diskFreeBytes !== null && evidence.diskFreeBytes < 256 * 1024;
  if (full && trace === null && !diskFull.test(last)) {
    const message = `the disk was full when it exited with status ${exit.rc}: its last words may not have been written`;
    return failure("disk_full", message, "free some space (`df -h`), then queue it again");
  }
  if (diskFull.test(last)) {
    const message = `the disk was full: ${lineWith(last, diskFull)}`;
    return failure("disk_full", message, "free some space (`df -h`), then queue it again", text);
  }
  if (gpuMemory.test(last)) {
    const message = `the GPU's memory was likely used up: ${lineWith(last, gpuMemory)}`;
    return failure("gpu_oom", message, "use a smaller batch, or a GPU with more memory", text);
  }
  if (trace?.type === "MemoryError" || hostMemory.test(last)) {
    const message = `memory was used up: ${lineWith(last, hostMemory) ?? trace?.type ?? ""}`;
    return failure(
      "oom",
      message,
      "ask for more with `--ram`, or use less: smaller batches, fewer loader workers",
      text,
    );
  }
  return null;
}

/** `input()` and the debugger at the end of stdin. */
function wantedInput(trace: Traceback): boolean {
  return /(^|\.)BdbQuit$/.test(trace.type) || (trace.type === "EOFError" && trace.message.includes("reading a line"));
}

function byTraceback(trace: Traceback): Failure {
  const said = trace.message === "" ? trace.type : `${trace.type}: ${trace.message}`;
  if (environmentErrors.has(trace.type)) {
    const hint = "install it where the worker's `python3` finds it, or name another interpreter with `--python`";
    return failure("environment_error", said, hint, trace.text);
  }
  if (wantedInput(trace)) {
    const hint = "it asked for input, and a run has none: take out `input()` or `breakpoint()`, or give it an argument";
    return failure("code_error", said, hint, trace.text);
  }
  if (dataErrors.has(trace.type)) {
    return failure(
      "data_error",
      said,
      "see whether the file is on the worker and in the form that the script expects",
      trace.text,
    );
  }
  return failure("code_error", said, "read the traceback: `ml logs` shows all of its output", trace.text);
}

function byExit(evidence: Evidence, exit: ExitRecord): Failure {
  const trace = lastTraceback(evidence.tail);
  const early = neverRan(evidence, exit.rc) ?? byMemory(evidence, exit, trace);
  if (early !== null) return early;
  const signal = signalOf(exit.rc);
  if (signal === "SIGKILL") {
    return failure(
      "signal",
      "killed (SIGKILL), not by ml, and nothing says that memory was short",
      "somebody or something on the machine killed it",
    );
  }
  if (signal !== null) {
    const core =
      signal === "SIGSEGV" || signal === "SIGABRT" || signal === "SIGBUS" || signal === "SIGILL" || signal === "SIGFPE";
    const hint = core
      ? "a crash in native code: `PYTHONFAULTHANDLER=1` (`--env`) shows where"
      : "it was not ml that sent it";
    return failure("signal", `ended by ${signal}`, hint, trace?.text ?? null);
  }
  if (trace !== null) return byTraceback(trace);
  return failure("code_error", `it exited with status ${exit.rc}`, "see the end of its output: `ml logs --tail 50`");
}

/** The verdict. `failed` with kind `worker_lost` and no exit code wherever the end was not seen. */
export function judge(evidence: Evidence): Verdict {
  const own = ownDoing(evidence);
  if (own !== null) return own;
  const { exit } = evidence;
  if (exit === null) {
    const message = evidence.lost ?? "nobody saw how it ended";
    const hint = "look at its output and artifacts, then queue it again if you need to";
    return { status: "failed", exit_code: null, signal: null, failure: failure("worker_lost", message, hint) };
  }
  if (exit.rc === 0) return { status: "completed", exit_code: 0, signal: null, failure: null };
  return { status: "failed", exit_code: exit.rc, signal: signalOf(exit.rc), failure: byExit(evidence, exit) };
}
