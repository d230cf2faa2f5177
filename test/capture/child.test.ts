import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ask } from "../../src/capture/child.ts";
import { bootId, isSameProcess, type ProcessIdentity, readProcessStat } from "../../src/core/process-identity.ts";
import { until } from "../support/temp.ts";
import { fixture } from "./fixture.ts";

describe("asking a program", () => {
  test("[I9] one that hangs is killed after its limit, with what it started", async () => {
    const at = fixture();
    const stub = at.stub("hangs", `sleep 600 & echo $! >"${at.folder}/pid"; wait`);
    const asked = ask([stub], { env: { PATH: "/usr/bin:/bin" }, timeoutMs: 1000 });
    const pid = await until("the pid file", () => {
      try {
        return Number(readFileSync(join(at.folder, "pid"), "utf8"));
      } catch {
        return 0;
      }
    });
    const identity: ProcessIdentity = { pid, start: readProcessStat(pid)?.start ?? "", boot: bootId() };
    expect(await asked).toMatchObject({ kind: "hung", reason: "gave no answer in 1 s" });
    await until("its end", () => !isSameProcess(identity));
  });

  test("[I9] one that keeps its output open in a child of a child does not hold us", async () => {
    const at = fixture();
    const stub = at.stub("daemon", "sleep 600 & exit 0");
    expect(await ask([stub], { env: { PATH: "/usr/bin:/bin" }, timeoutMs: 300 })).toMatchObject({ kind: "hung" });
  });

  test("[P16] it gets no variable of Bun, no shell, no stdin, and cwd /", async () => {
    const at = fixture();
    const stub = at.stub("tells", 'cat; pwd; env | grep -c BUN_; echo "$1"');
    const answer = await ask([stub, "$HOME; x"], {
      env: { PATH: "/usr/bin:/bin", BUN_OPTIONS: "--x" },
      timeoutMs: 10_000,
    });
    expect(answer).toMatchObject({ kind: "exited", exitCode: 0, stdout: "/\n0\n$HOME; x\n" });
  });

  test("one that cannot be started, or is ended by a signal, is a reason and no exception", async () => {
    const at = fixture();
    expect(await ask([join(at.folder, "no")], { env: {}, timeoutMs: 1000 })).toMatchObject({ kind: "failed" });
    const stub = at.stub("dies", "kill -SEGV $$");
    expect(await ask([stub], { env: {}, timeoutMs: 10_000 })).toEqual({
      kind: "failed",
      reason: "was ended by SIGSEGV",
    });
  });
});
