/** What scripts do with processes and with their output, under the real executable. */
import { afterEach, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { runMl } from "../support/binary.ts";
import { type Served, serveFrom } from "../support/served.ts";
import { tempFolder, until } from "../support/temp.ts";

let served: Served | null = null;
afterEach(async () => {
  await served?.end();
  served = null;
});

async function serving(): Promise<Served> {
  served = serveFrom(tempFolder("ml-processes-"));
  await served.start();
  return served;
}

async function submit(at: Served, script: string): Promise<string> {
  const run = { submit_id: crypto.randomUUID(), argv: ["sh", "-c", script], snapshot: null, grace_seconds: 0.5 };
  const { runs } = await at.ask<{ runs: { run_id: string }[] }>("submit", { runs: [run] });
  return runs[0]?.run_id ?? "";
}

/** Living processes that were started with this run's id. */
function countBearers(runId: string): number {
  return fs.readdirSync("/proc").filter((name) => {
    try {
      return /^\d+$/.test(name) && fs.readFileSync(`/proc/${name}/environ`, "latin1").includes(`ML_RUN_ID=${runId}`);
    } catch {
      return false;
    }
  }).length;
}

test("[P7] a run of hundreds of processes: the server goes on answering, and a cancel leaves none of them", async () => {
  const at = await serving();
  const bomb = await submit(at, "n=0; while [ $n -lt 400 ]; do sleep 600 & n=$((n + 1)); done; echo all; wait");
  const { outputLog } = at.base.run(bomb);
  await until("all of them", () => fs.existsSync(outputLog) && fs.readFileSync(outputLog, "utf8") === "all\n");
  // The last of them may not have become its own program yet.
  await until("their names", () => countBearers(bomb) > 400);
  expect((await at.ask<{ running: unknown[] }>("status", {})).running).toHaveLength(1);
  const other = await submit(at, "echo other; exit 3");
  expect((await at.sealed(other)).manifest.exit_code).toBe(3);
  await at.ask("run.cancel", { runs: [bomb] });
  expect((await at.sealed(bomb)).manifest.status).toBe("cancelled");
  expect(countBearers(bomb)).toBe(0);
}, 120_000);

test("[P12] output closed, detached or rewritten by carriage returns: every byte kept, the end exact", async () => {
  const at = await serving();
  const closed = await submit(at, "echo before; exec >&- 2>&-; sleep 0.3; exit 5");
  const detached = await submit(at, "echo parent; (setsid sh -c 'sleep 0.5; echo child') & exit 6");
  const rewritten = await submit(at, String.raw`printf '10%%|#   |\r50%%|##  |\r100%%|####|\nepoch 3/3\r\ndone'`);
  expect((await at.sealed(closed)).manifest).toMatchObject({ status: "failed", exit_code: 5 });
  expect(fs.readFileSync(at.base.run(closed).outputLog, "utf8")).toBe("before\n");
  expect((await at.sealed(detached)).manifest).toMatchObject({ status: "failed", exit_code: 6 });
  expect(fs.readFileSync(at.base.run(detached).outputLog, "utf8")).toBe("parent\nchild\n");
  expect((await at.sealed(rewritten)).manifest).toMatchObject({ status: "completed", exit_code: 0 });
  const bytes = "10%|#   |\r50%|##  |\r100%|####|\nepoch 3/3\r\ndone";
  expect(fs.readFileSync(at.base.run(rewritten).outputLog, "utf8")).toBe(bytes);
  const logs = await runMl(["logs", rewritten], { home: at.home, env: at.env });
  expect(logs).toMatchObject({ code: 0, stdout: bytes });
  expect(fs.statSync(join(at.base.run(rewritten).folder, "output.log")).size).toBe(Buffer.byteLength(bytes));
}, 120_000);
