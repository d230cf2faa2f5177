/** What a verdict makes of evidence. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { interpreterOf } from "../../../src/execute/command-look.ts";
import type { Evidence } from "../../../src/execute/evidence.ts";
import { kernelEvidence } from "../../../src/execute/kernel-log.ts";
import type { ExitRecord } from "../../../src/execute/records.ts";
import { lastTraceback } from "../../../src/execute/traceback.ts";
import { judge } from "../../../src/execute/verdict.ts";
import { put } from "../../support/queued-run.ts";
import { tempFolder } from "../../support/temp.ts";

const exit = (rc: number, more: Partial<ExitRecord> = {}): ExitRecord => ({
  token: 1,
  rc,
  endedAtMs: 0,
  cpuSeconds: null,
  stragglers: false,
  timeLimit: false,
  oomKills: null,
  readBytes: null,
  writtenBytes: null,
  diskFreeBytes: null,
  ...more,
});
const evidence = (more: Partial<Evidence>): Evidence => ({
  argv: ["python3", "train.py"],
  path: "/usr/bin:/bin",
  commandFound: null,
  exit: exit(1),
  tail: "",
  stopped: null,
  limitHours: null,
  diskFreeBytes: null,
  lost: null,
  ...more,
});
const kind = (more: Partial<Evidence>) => judge(evidence(more)).failure?.kind ?? null;
const trace = (last: string) =>
  `epoch 1\nTraceback (most recent call last):\n  File "train.py", line 3, in <module>\n    main()\n${last}\n`;

describe("kinds", () => {
  const table: [string, string][] = [
    ["ModuleNotFoundError: No module named 'torch'", "environment_error"],
    ["ImportError: libcudart.so.12: cannot open shared object file", "environment_error"],
    ["FileNotFoundError: [Errno 2] No such file or directory: 'data.csv'", "data_error"],
    ["pandas.errors.EmptyDataError: No columns to parse from file", "data_error"],
    ["torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", "gpu_oom"],
    ["RuntimeError: CUDA out of memory. Tried to allocate 20.00 MiB", "gpu_oom"],
    ["MemoryError", "oom"],
    ["numpy.core._exceptions._ArrayMemoryError: Unable to allocate 8 GiB", "oom"],
    ["OSError: [Errno 28] No space left on device", "disk_full"],
    ["ValueError: bad shape", "code_error"],
    ["KeyError: 'x'", "code_error"],
    ["my.package.OwnException", "code_error"],
  ];
  for (const [last, expected] of table) {
    test(`\`${last.slice(0, 40)}\` is ${expected}`, () => {
      const { failure } = judge(evidence({ tail: trace(last) }));
      expect(failure?.kind).toBe(expected as never);
      expect(failure?.traceback).toEndWith(last);
    });
  }

  test("who asked for input is told that a run has none", () => {
    for (const last of ["EOFError: EOF when reading a line", "bdb.BdbQuit"]) {
      const { failure } = judge(evidence({ tail: trace(last) }));
      expect([failure?.kind, failure?.hint]).toEqual(["code_error", expect.stringContaining("`breakpoint()`")]);
    }
    expect(kind({ tail: trace("EOFError: Ran out of input") })).toBe("data_error");
  });

  test("an earlier error that was survived does not decide", () => {
    const tail = `${trace("RuntimeError: CUDA out of memory")}retrying\n${trace("ValueError: bad shape")}`;
    expect(kind({ tail })).toBe("code_error");
  });

  test("no traceback: the exit status alone", () => {
    expect(judge(evidence({ exit: exit(3) })).failure).toMatchObject({
      kind: "code_error",
      message: "it exited with status 3",
    });
  });
});

describe("signals and memory", () => {
  test("[P8] SIGKILL with a kernel that counted an out-of-memory kill is oom", () => {
    expect(kind({ exit: exit(137, { oomKills: 1 }) })).toBe("oom");
  });
  test("[P9] SIGKILL without evidence is a signal, said not to be ours", () => {
    const { failure, exit_code, signal } = judge(evidence({ exit: exit(137, { oomKills: 0 }) }));
    expect([failure?.kind, exit_code, signal]).toEqual(["signal", 137, "SIGKILL"]);
    expect(failure?.message).toContain("not by ml");
    expect(kind({ exit: exit(137, { oomKills: null }) })).toBe("signal");
  });
  test("[P10] a crash in native code names its signal", () => {
    expect(judge(evidence({ exit: exit(139) }))).toMatchObject({ signal: "SIGSEGV", failure: { kind: "signal" } });
    expect(judge(evidence({ exit: exit(134) }))).toMatchObject({ signal: "SIGABRT" });
  });
});

describe("what we did ourselves", () => {
  const asked = { why: "asked" as const, by: "ana", reason: null };
  test("a stop is cancelled, whatever the exit status", () => {
    for (const rc of [0, 1, 137, 143])
      expect(judge(evidence({ exit: exit(rc), stopped: asked })).status).toBe("cancelled");
  });
  test("the time limit is a timeout even where the script exited 0 on SIGTERM", () => {
    expect(judge(evidence({ exit: exit(0, { timeLimit: true }), limitHours: 2 }))).toMatchObject({
      status: "failed",
      failure: { kind: "timeout", message: "it was still running at its time limit of 2h00m and was stopped" },
    });
  });
  test("a kill of ours is no out-of-memory", () => {
    expect(judge(evidence({ exit: exit(137, { oomKills: 3 }), stopped: asked })).failure).toBeNull();
  });
});

test("[K6] without an exit record there is no success and no exit code", () => {
  const verdict = judge(evidence({ exit: null, lost: "its supervisor was killed" }));
  expect(verdict).toMatchObject({ status: "failed", exit_code: null, failure: { kind: "worker_lost" } });
});

test("[P1] 127 names PATH where the command is not there, and is the script's own where it is", () => {
  const missing = judge(evidence({ argv: ["nope"], exit: exit(127), commandFound: false })).failure;
  expect(missing?.message).toContain("/usr/bin:/bin");
  expect(kind({ exit: exit(127), commandFound: true })).toBe("code_error");
});

test("[P1] a script whose first line names an interpreter that is not there is told so, Windows' line ends by name", () => {
  const told = (interpreterMissing: string) =>
    judge(evidence({ argv: ["./go.sh"], exit: exit(127), commandFound: true, interpreterMissing })).failure;
  expect(told("/opt/python4")).toMatchObject({
    kind: "environment_error",
    message: "the interpreter `/opt/python4`, which the first line of `./go.sh` names, was not found",
  });
  expect(told("/bin/sh\r")).toMatchObject({
    message: "the first line of `./go.sh` ends like those of Windows, so its interpreter `/bin/sh` was not found",
    hint: "`sed -i 's/\\r$//' ./go.sh` mends its lines; then queue it again",
  });
});

test("the interpreter of a first line is read as the kernel reads it", () => {
  const file = join(tempFolder(), "go");
  const read = (text: string) => {
    writeFileSync(file, text);
    return interpreterOf(file);
  };
  expect(read("#! /usr/bin/env python3\nprint(1)\n")).toBe("/usr/bin/env");
  expect(read("#!/bin/sh\r\necho hi\r\n")).toBe("/bin/sh\r");
  for (const none of ["", "#!", "#!\n/bin/sh", "print(1)\n"]) expect(read(none)).toBeNull();
  expect(interpreterOf(join(file, "nothere"))).toBeNull();
});

test("the last traceback of several, with its message; none where the tail is cut before its end", () => {
  const chained = `${trace("KeyError: 1")}\nDuring handling of the above exception, another exception occurred:\n\n${trace("ValueError: two: parts")}`;
  expect(lastTraceback(chained)).toMatchObject({ type: "ValueError", message: "two: parts" });
  expect(lastTraceback("Traceback (most recent call last):\n  File")).toBeNull();
  expect(lastTraceback("nothing")).toBeNull();
});

describe("what the kernel and the driver say", () => {
  const kernel = { groupKills: 0, oomLine: null, xidLines: [] as string[] };

  test("[P8] the run's own control group proves that it used up what it had asked for", () => {
    const given = { runId: "r1", ramGb: 2, exit: exit(137), kernel: { ...kernel, groupKills: 1 } };
    const { failure } = judge(evidence(given));
    expect(failure).toMatchObject({ kind: "oom", evidence: ["memory.events of its control group: oom_kill 1"] });
    expect(failure?.message).toBe("the kernel killed it: it had used up the 2.0 GB that it had asked for");
    expect(failure?.hint).toContain("`ml requeue r1 --ram 4G`");
  });

  test("[P8] a line of the kernel's log that names one of its processes proves it", () => {
    const oomLine = "Out of memory: Killed process 4711 (python3) total-vm:8123456kB, anon-rss:7900000kB";
    const { failure } = judge(evidence({ exit: exit(137), kernel: { ...kernel, oomLine } }));
    expect(failure).toMatchObject({ kind: "oom", evidence: [oomLine] });
  });

  test("[P8] a process of it that was killed while the rest went on is a remark, not a failure", () => {
    const verdict = judge(evidence({ exit: exit(0), kernel: { ...kernel, groupKills: 2 } }));
    expect(verdict.status).toBe("completed");
    expect(verdict.remarks).toEqual(["the kernel killed 2 of its processes for want of memory, and it went on"]);
  });

  test("[P9] 137 alone is never called want of memory", () => {
    expect(judge(evidence({ exit: exit(137), kernel })).failure?.kind).toBe("signal");
  });

  test("[G3] an Xid of the machine is named with its line; one that programs cause is no reason", () => {
    const xid = (number: number) =>
      `NVRM: Xid (PCI:0000:01:00): ${number}, pid=4711, name=python3, GPU has fallen off the bus.`;
    const gone = judge(evidence({ exit: exit(1), kernel: { ...kernel, xidLines: [xid(79)] } })).failure;
    expect(gone).toMatchObject({ kind: "gpu_error", evidence: [xid(79)] });
    expect(gone?.message).toContain("Xid 79");
    expect(judge(evidence({ exit: exit(1), kernel: { ...kernel, xidLines: [xid(31)] } })).failure?.kind).toBe(
      "code_error",
    );
  });

  const lines: [string, string][] = [
    [
      "RuntimeError: NCCL error in: ProcessGroupNCCL.cpp:1333, unhandled system error, NCCL version 2.18.1",
      "gpu_error",
    ],
    ["RuntimeError: CUDA error: uncorrectable ECC error encountered", "gpu_error"],
    ["RuntimeError: Found no NVIDIA driver on your system.", "environment_error"],
    ["RuntimeError: No CUDA GPUs are available", "environment_error"],
    ["RuntimeError: CUDA error: device-side assert triggered", "code_error"],
    ["RuntimeError: HIP out of memory. Tried to allocate 2.00 GiB", "gpu_oom"],
  ];
  test.each(lines)("[G6] %j is %s, with a hint that can be typed", (last, expected) => {
    const { failure } = judge(evidence({ tail: trace(last) }));
    expect(failure?.kind as string).toBe(expected);
    expect(failure?.hint).toContain("`ml ");
    expect(failure?.evidence.length).toBeGreaterThan(0);
  });

  test("a loss that is NaN is a remark, with the line that says so, and no reason to fail", () => {
    const verdict = judge(evidence({ exit: exit(0), tail: "epoch 1 loss: 0.5\nepoch 2 loss: nan\ndone\n" }));
    expect(verdict).toMatchObject({ status: "completed", failure: null });
    expect(verdict.remarks).toEqual(["the loss is no number any more: epoch 2 loss: nan"]);
    expect(judge(evidence({ exit: exit(0), tail: "glossary: nancy\n" })).remarks).toEqual([]);
  });

  test("limits that we keep ourselves carry what was measured", () => {
    const stopped = { why: "ram_limit" as const, by: null, reason: "it used 2.10 GB of RAM and had asked for 2.00 GB" };
    const { failure } = judge(evidence({ exit: exit(137), stopped, ramGb: 2, runId: "r1" }));
    expect(failure).toMatchObject({ kind: "oom", evidence: [stopped.reason] });
    expect(judge(evidence({ exit: exit(143), stopped: { ...stopped, why: "idle_gpu" } })).status).toBe("cancelled");
  });
});

test("the kernel's log is read from a moment on, for processes that were the run's, and its absence is silence", () => {
  const root = tempFolder("ml-kmsg-");
  const lines = [
    "6,100,1000000,-;Out of memory: Killed process 11 (python3) total-vm:1kB",
    "3,101,5000000,-;Memory cgroup out of memory: Killed process 12 (python3) total-vm:1kB",
    "3,102,6000000,-;NVRM: Xid (PCI:0000:01:00): 79, pid=12, GPU has fallen off the bus.",
    " SUBSYSTEM=pci",
  ];
  put(`${root}/dev/kmsg`, `${lines.join("\n")}\n`);
  const found = kernelEvidence({ sinceUs: 2_000_000, pids: new Set([11, 12]), root });
  expect(found.oomLine).toContain("Killed process 12");
  expect(found.xidLines).toHaveLength(1);
  expect(kernelEvidence({ sinceUs: 2_000_000, pids: new Set([11]), root }).oomLine).toBeNull();
  expect(kernelEvidence({ sinceUs: 0, pids: new Set(), root: tempFolder("ml-kmsg-") }).xidLines).toEqual([]);
});
