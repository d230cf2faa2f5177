/**
 * What the kernel and a script's last words say about how it ended: memory, disk, GPUs, a traceback. Pure. Each symptom
 * comes with the lines that prove it and one hint that can be typed; where nothing is found nothing is said.
 *
 * An exit status of 137 alone proves nothing: somebody may have sent that signal.
 */
import { formatSize } from "../core/size.ts";
import type { Failure, FailureKind } from "../run/manifest.ts";
import type { Evidence } from "./evidence.ts";
import type { Traceback } from "./traceback.ts";

export interface FailureDetail {
  traceback?: string | null;
  evidence?: readonly (string | null)[];
}

/** A failure whose evidence is what is there of the given. */
export function makeFailure(
  kind: FailureKind,
  message: string,
  hint: string | null,
  detail: FailureDetail = {},
): Failure {
  const evidence = (detail.evidence ?? []).filter((line) => line !== null);
  return { kind, message, hint, traceback: detail.traceback ?? null, evidence };
}

const gpuMemory =
  /CUDA out of memory|OutOfMemoryError: (?:CUDA|HIP)|torch\.(?:cuda\.)?OutOfMemoryError|CUDA_ERROR_OUT_OF_MEMORY|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED|RESOURCE_EXHAUSTED|Resource exhausted: Out of memory|OOM when allocating tensor|HIP out of memory/;
const hostMemory =
  /^MemoryError\b|numpy\.\S*ArrayMemoryError|std::bad_alloc|Cannot allocate memory|DefaultCPUAllocator: can't allocate memory/m;
const diskFull = /No space left on device|\[Errno 28\]|Disk quota exceeded|\[Errno 122\]/;
/** A GPU was asked for where there is none to see, or the library was built without. */
const noGpu =
  /Found no NVIDIA driver|No CUDA GPUs are available|no CUDA-capable device|Torch not compiled with CUDA|CUDA driver version is insufficient|No HIP GPUs are available|CUDA_ERROR_NO_DEVICE/;
const collective =
  /\bnccl(?:System|Internal|Remote|UnhandledCuda|InvalidUsage)Error|NCCL (?:WARN|error|communicator)|ProcessGroupNCCL.*(?:[Tt]imeout|[Ww]atchdog)|unhandled (?:cuda|system) error, NCCL/;
/** The card or its driver, and not the program. */
const gpuFault =
  /uncorrectable ECC error|GPU is lost|fallen off the bus|CUDA error: (?:unspecified launch failure|unknown error|initialization error|all CUDA-capable devices are busy)|CUDA_ERROR_(?:ECC_UNCORRECTABLE|SYSTEM_DRIVER_MISMATCH|SYSTEM_NOT_READY|UNKNOWN)|Driver\/library version mismatch|HSA_STATUS_ERROR|hipErrorUnknown/;
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
/** Xids that a program causes by its own mistakes ("Xid Errors", NVIDIA GPU deployment guide); the others are the machine's. */
const ownXids = new Set([13, 31, 43, 45]);

function lineWith(tail: string, pattern: RegExp): string | null {
  const lines = tail.split("\n");
  for (let index = lines.length - 1; index >= 0; index -= 1) {
    const line = lines[index] ?? "";
    if (pattern.test(line)) return line.trim().slice(0, 500);
  }
  return null;
}

/** Twice what it had, as a flag of `ml requeue`; what it peaked at where it had asked for nothing. */
function moreRam({ runId, ramGb, ramPeakGb }: Evidence): string {
  const base = ramGb ?? ramPeakGb ?? null;
  const size = base === null ? "SIZE" : `${Math.max(1, Math.ceil(base * 2))}G`;
  return `\`ml requeue ${runId ?? "@last"} --ram ${size}\` asks for more; smaller batches and fewer loader workers need less`;
}

const requeue = ({ runId }: Evidence) => `\`ml requeue ${runId ?? "@last"}\``;

/** The kernel's own word that memory was short: certain by the run's control group or its log, very likely by its counter. */
export function kernelKill(evidence: Evidence, text: string | null): Failure | null {
  const { kernel, exit, ramGb } = evidence;
  const hint = moreRam(evidence);
  if (kernel && kernel.groupKills > 0) {
    const limit = ramGb == null ? "its limit" : `the ${formatSize(ramGb * 1e9)} that it had asked for`;
    const proof = [`memory.events of its control group: oom_kill ${kernel.groupKills}`, kernel.oomLine];
    return makeFailure("oom", `the kernel killed it: it had used up ${limit}`, hint, {
      traceback: text,
      evidence: proof,
    });
  }
  if (kernel?.oomLine) {
    const message = "the kernel killed it for want of memory on the machine";
    return makeFailure("oom", message, hint, { traceback: text, evidence: [kernel.oomLine] });
  }
  if (exit?.rc === 137 && (exit.oomKills ?? 0) > 0) {
    const message =
      "the kernel killed it, very likely for want of memory (its count of out-of-memory kills rose meanwhile)";
    const proof = [`oom_kill of /proc/vmstat rose by ${exit.oomKills} while it ran, and it ended by SIGKILL`];
    return makeFailure("oom", message, hint, { traceback: text, evidence: proof });
  }
  return null;
}

function byDisk(evidence: Evidence, last: string, trace: Traceback | null): Failure | null {
  const hint = "free some space (`df -h`, `ml delete`), then queue it again";
  const full = evidence.diskFreeBytes !== null && evidence.diskFreeBytes < 256 * 1024;
  if (full && trace === null && !diskFull.test(last)) {
    const message = `the disk was full when it exited with status ${evidence.exit?.rc}: its last words may not have been written`;
    return makeFailure("disk_full", message, hint, {
      evidence: [`${formatSize(evidence.diskFreeBytes ?? 0)} were left`],
    });
  }
  const line = lineWith(last, diskFull);
  if (line === null) return null;
  return makeFailure("disk_full", `the disk was full: ${line}`, hint, {
    traceback: trace?.text ?? null,
    evidence: [line],
  });
}

function byGpu(evidence: Evidence, last: string, text: string | null): Failure | null {
  const say = (kind: FailureKind, message: string, hint: string, line: string | null) =>
    makeFailure(kind, line === null ? message : `${message}: ${line}`, hint, {
      traceback: text,
      evidence: [line, ...(evidence.kernel?.xidLines ?? [])],
    });
  const memory = lineWith(last, gpuMemory);
  if (memory !== null) {
    const hint = `a smaller batch, or \`ml requeue ${evidence.runId ?? "@last"} --gpu-memory SIZE\` for a larger part or card`;
    return say("gpu_oom", "the GPU's memory was likely used up", hint, memory);
  }
  const fatal = (evidence.kernel?.xidLines ?? []).filter(
    (line) => !ownXids.has(Number(/Xid.*?: (\d+)/.exec(line)?.[1])),
  );
  if (fatal.length > 0) {
    const number = /Xid.*?: (\d+)/.exec(fatal[0] ?? "")?.[1];
    const hint = `\`ml gpus\` shows the card; once it is well again (\`nvidia-smi -r\`, or a reboot), ${requeue(evidence)}`;
    return makeFailure("gpu_error", `the GPU or its driver failed while it ran (Xid ${number})`, hint, {
      traceback: text,
      evidence: fatal,
    });
  }
  const absent = lineWith(last, noGpu);
  if (absent !== null) {
    const hint = `\`ml requeue ${evidence.runId ?? "@last"} --gpus 1\` gives it one; \`ml doctor\` looks at the driver`;
    return say("environment_error", "it found no GPU that it may use", hint, absent);
  }
  const fault = lineWith(last, gpuFault);
  if (fault !== null)
    return say("gpu_error", "the GPU or its driver failed", "`ml gpus` and `ml doctor` look at it", fault);
  const nccl = lineWith(last, collective);
  if (nccl !== null) {
    const hint = `\`ml requeue ${evidence.runId ?? "@last"} --env NCCL_DEBUG=INFO\` says more; one of its processes may have failed first`;
    return say("gpu_error", "its processes lost each other (NCCL)", hint, nccl);
  }
  return null;
}

/** Memory, disk, GPU: what the last words say beyond the name of an exception. */
export function byMachine(evidence: Evidence, trace: Traceback | null): Failure | null {
  const text = trace?.text ?? null;
  const killed = kernelKill(evidence, text);
  if (killed !== null) return killed;
  const last = trace === null ? evidence.tail : `${trace.type}: ${trace.message}\n${trace.text}`;
  const found = byDisk(evidence, last, trace) ?? byGpu(evidence, last, text);
  if (found !== null) return found;
  if (trace?.type !== "MemoryError" && !hostMemory.test(last)) return null;
  const line = lineWith(last, hostMemory) ?? trace?.type ?? "";
  return makeFailure("oom", `memory was used up: ${line}`, moreRam(evidence), { traceback: text, evidence: [line] });
}

/** `input()` and the debugger at the end of stdin. */
function wantedInput(trace: Traceback): boolean {
  return /(^|\.)BdbQuit$/.test(trace.type) || (trace.type === "EOFError" && trace.message.includes("reading a line"));
}

export function byTraceback(evidence: Evidence, trace: Traceback): Failure {
  const said = trace.message === "" ? trace.type : `${trace.type}: ${trace.message}`;
  const tell = (kind: FailureKind, hint: string) =>
    makeFailure(kind, said, hint, { traceback: trace.text, evidence: [said] });
  if (environmentErrors.has(trace.type)) {
    const hint = "install it where the worker's `python3` finds it, or name another interpreter with `--python`";
    return tell("environment_error", hint);
  }
  if (wantedInput(trace)) {
    const hint = "it asked for input, and a run has none: take out `input()` or `breakpoint()`, or give it an argument";
    return tell("code_error", hint);
  }
  if (dataErrors.has(trace.type)) {
    return tell("data_error", "see whether the file is on the worker and in the form that the script expects");
  }
  if (/device-side assert|illegal memory access/.test(trace.message)) {
    const hint = `\`ml requeue ${evidence.runId ?? "@last"} --env CUDA_LAUNCH_BLOCKING=1\` shows the line that does it`;
    return tell("code_error", hint);
  }
  return tell("code_error", "read the traceback: `ml logs` shows all of its output");
}

/** `loss: nan`, `train_loss=nan`, `"loss": NaN` … as a script prints it. */
const lossIsNan = /\b\w*loss["']?\s*[:=]?\s*nan\b/i;

/** What is worth a look though it is no reason to fail. */
export function remarksOn(evidence: Evidence): string[] {
  const { kernel, exit } = evidence;
  const remarks: string[] = [];
  if (kernel && exit?.rc === 0 && (kernel.groupKills > 0 || kernel.oomLine !== null)) {
    const count = kernel.groupKills > 1 ? `${kernel.groupKills} of its processes` : "one of its processes";
    remarks.push(
      `the kernel killed ${count} for want of memory, and it went on${kernel.oomLine === null ? "" : `: ${kernel.oomLine}`}`,
    );
  }
  for (const line of kernel?.xidLines ?? [])
    if (exit?.rc === 0) remarks.push(`the GPU's driver reported an error while it ran: ${line}`);
  const nan = lineWith(evidence.tail, lossIsNan);
  if (nan !== null) remarks.push(`the loss is no number any more: ${nan.slice(0, 200)}`);
  return remarks;
}
