/**
 * How a run ended, from evidence alone. Pure. What is not known is said to be unknown; success is never guessed, and an
 * exit status of 137 is never called "out of memory" without evidence from the kernel or the log.
 *
 * First what we did ourselves (stop, time limit), then what the kernel says, then what the script said in its last lines.
 */
import { constants } from "node:os";
import { formatDuration } from "../core/duration.ts";
import type { Failure } from "../run/manifest.ts";
import { buildFailed } from "./build-env.ts";
import type { Evidence } from "./evidence.ts";
import type { ExitRecord } from "./records.ts";
import { byMachine, byTraceback, makeFailure, remarksOn } from "./symptoms.ts";
import { lastTraceback } from "./traceback.ts";

export interface Verdict {
  status: "completed" | "failed" | "cancelled";
  exit_code: number | null;
  signal: string | null;
  failure: Failure | null;
  /** What else was noticed. */
  remarks?: string[];
}

const signalNames = new Map<number, string>();
// Of two names for one signal the first counts: SIGABRT, not SIGIOT.
for (const [name, number] of Object.entries(constants.signals))
  if (!signalNames.has(number)) signalNames.set(number, name);

/** The name of the signal behind a shell's exit status (128 + N), or null. */
export function signalOf(rc: number): string | null {
  return rc > 128 ? (signalNames.get(rc - 128) ?? null) : null;
}

/** A limit that we keep by watching: what was measured is the evidence. */
function ownLimit(evidence: Evidence, { why, reason }: NonNullable<Evidence["stopped"]>): Failure {
  const again = `ml requeue ${evidence.runId ?? "@last"}`;
  const proof = { evidence: [reason] };
  if (why === "ram_limit") {
    const size = evidence.ramGb == null ? "SIZE" : `${Math.max(1, Math.ceil(evidence.ramGb * 2))}G`;
    const message = `${reason ?? "it used more RAM than it had asked for"}, so it was stopped`;
    return makeFailure("oom", message, `\`${again} --ram ${size}\` asks for more`, proof);
  }
  if (why === "disk_limit") {
    const message = `${reason ?? "its folder took more disk than it had asked for"}, so it was stopped`;
    return makeFailure(
      "disk_full",
      message,
      `keep fewer checkpoints, or \`${again} --disk SIZE\` asks for more`,
      proof,
    );
  }
  const message = "its output passed the limit `log_max_mb` and it was stopped";
  return makeFailure("disk_full", message, "print less, or raise `log_max_mb`", proof);
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
      failure: makeFailure("timeout", `it was still running at ${limit} and was stopped`, hint),
    };
  }
  if (exit !== null && evidence.warnedWith && signalOf(exit.rc) === `SIG${evidence.warnedWith}`) {
    const message = `the warning before its time limit (SIG${evidence.warnedWith}) ended it: the script does not handle that signal`;
    const hint = "handle the signal and save a checkpoint, or leave `--warn-signal` out";
    return { status: "failed", ...code, failure: makeFailure("timeout", message, hint) };
  }
  if (stopped?.why === "log_limit" || stopped?.why === "disk_limit" || stopped?.why === "ram_limit") {
    return { status: "failed", ...code, failure: ownLimit(evidence, stopped) };
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
    return makeFailure(
      "environment_error",
      message,
      `check with \`command -v ${command}\` on the worker, or give the whole path`,
    );
  }
  const missing = evidence.interpreterMissing ?? null;
  if ((rc === 127 || rc === 126) && missing !== null) {
    const crlf = missing.endsWith("\r");
    const shown = crlf ? missing.slice(0, -1) : missing;
    return makeFailure(
      "environment_error",
      crlf
        ? `the first line of \`${command}\` ends like those of Windows, so its interpreter \`${shown}\` was not found`
        : `the interpreter \`${shown}\`, which the first line of \`${command}\` names, was not found`,
      crlf
        ? `\`sed -i 's/\\r$//' ${command}\` mends its lines; then queue it again`
        : `mend its first line, or name an interpreter: \`ml queue -- sh ${command}\``,
    );
  }
  if (rc === 126 && evidence.commandFound !== true) {
    const message = `the command \`${command}\` was found but cannot be executed (PATH was \`${evidence.path}\`)`;
    return makeFailure(
      "environment_error",
      message,
      `make it executable (\`chmod +x\`) or name its interpreter, and queue it again`,
    );
  }
  return null;
}

/** The build of a reproduction's environment said why it failed. */
function notBuilt(line: string): Failure {
  const hint = "its output has the whole story; without `--rebuild-env` it runs in the environment that is there";
  return makeFailure("environment_error", line.replace(/^ml: /, ""), hint, { evidence: [line] });
}

function byExit(evidence: Evidence, exit: ExitRecord): Failure {
  const trace = lastTraceback(evidence.tail);
  const early = neverRan(evidence, exit.rc) ?? byMachine(evidence, trace);
  if (early !== null) return early;
  if (exit.rc === 1 && trace === null) {
    const unbuilt = evidence.tail.split("\n").findLast((line) => line.startsWith(buildFailed));
    if (unbuilt !== undefined) return notBuilt(unbuilt);
  }
  const signal = signalOf(exit.rc);
  if (signal === "SIGKILL") {
    return makeFailure(
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
    return makeFailure("signal", `ended by ${signal}`, hint, { traceback: trace?.text ?? null });
  }
  if (trace !== null) return byTraceback(evidence, trace);
  return makeFailure(
    "code_error",
    `it exited with status ${exit.rc}`,
    "see the end of its output: `ml logs --tail 50`",
  );
}

/** The verdict. `failed` with kind `worker_lost` and no exit code wherever the end was not seen. */
export function judge(evidence: Evidence): Verdict {
  const own = ownDoing(evidence);
  if (own !== null) return own;
  const { exit } = evidence;
  if (exit === null) {
    const message = evidence.lost ?? "nobody saw how it ended";
    const hint = "look at its output and artifacts, then queue it again if you need to";
    return { status: "failed", exit_code: null, signal: null, failure: makeFailure("worker_lost", message, hint) };
  }
  const remarks = remarksOn(evidence);
  if (exit.rc === 0) return { status: "completed", exit_code: 0, signal: null, failure: null, remarks };
  return { status: "failed", exit_code: exit.rc, signal: signalOf(exit.rc), failure: byExit(evidence, exit), remarks };
}
