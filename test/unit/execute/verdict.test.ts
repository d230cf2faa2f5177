/** What a verdict makes of evidence. */
import { describe, expect, test } from "bun:test";
import type { Evidence } from "../../../src/execute/evidence.ts";
import type { ExitRecord } from "../../../src/execute/records.ts";
import { lastTraceback } from "../../../src/execute/traceback.ts";
import { judge } from "../../../src/execute/verdict.ts";

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

test("the last traceback of several, with its message; none where the tail is cut before its end", () => {
  const chained = `${trace("KeyError: 1")}\nDuring handling of the above exception, another exception occurred:\n\n${trace("ValueError: two: parts")}`;
  expect(lastTraceback(chained)).toMatchObject({ type: "ValueError", message: "two: parts" });
  expect(lastTraceback("Traceback (most recent call last):\n  File")).toBeNull();
  expect(lastTraceback("nothing")).toBeNull();
});
