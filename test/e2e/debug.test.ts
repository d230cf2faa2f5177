/** `ml debug` of a run that another machine's worker ran: what is true of it, or a refusal in one sentence. */
import { expect } from "bun:test";
import { afterTest } from "../support/after-test.ts";
import { mlBinary, mlEnv } from "../support/binary.ts";
import { needs } from "../support/require.ts";
import { until } from "../support/temp.ts";
import { openLab } from "./lab.ts";

/** A machine of another name: a worker in a namespace of its own for that (unshare(1)), on the same disk. */
function startFarWorker(home: string): () => Promise<unknown> {
  const worker = Bun.spawn({
    cmd: ["unshare", "--uts", "sh", "-c", 'hostname far; exec "$0" worker', mlBinary()],
    env: mlEnv({ home }),
    stdio: ["ignore", "ignore", "ignore"],
  });
  const end = () => {
    worker.kill("SIGTERM");
    return worker.exited;
  };
  afterTest(async () => void (await end()));
  return end;
}

const mayUnshare = process.getuid?.() === 0 ? needs("unshare", "hostname") : needs("unshare (as root)");

mayUnshare(
  "debugging a run of another machine's worker is refused where no terminal is reached, and else says where it is",
  async () => {
    const lab = openLab();
    lab.put("train.py", "def half(x):\n    return 1 / x\nhalf(0)\n");
    await lab.ml(["server", "start", "--no-worker"]);
    const end = startFarWorker(lab.home);
    const runId = await lab.queue(["train.py"]);
    await lab.ml(["wait", runId]);
    const short = runId.split("_")[1];
    const refused = await lab.ml(["debug", runId, "-n"]);
    expect(refused.code).toBe(7);
    expect(refused.stderr).toMatch(
      new RegExp(
        `^ml: run \`${runId}\` ran on \`far\`, and a session that is queued may start on \`far\`, where this server on \`.+\` reaches no terminal\n`,
      ),
    );
    expect(refused.stderr).toContain(`hint: \`ml debug ${short} --here\``);
    expect((await lab.ml(["debug", runId, "-n", "--here"])).stdout).toContain("in this terminal, under pdb");
    const session = lab.terminal(["debug", runId, "--here"], { cols: 200, rows: 30 });
    await until("the sentence", () => session.screen().includes("it ran on `far`, and this is on `"));
    await until("pdb", () => session.screen().includes("(Pdb)"));
    session.type("p x\nq\nq\n");
    await session.ended;
    expect(session.screen()).toContain("ZeroDivisionError");
    await end();
    await until("the worker to be gone", async () => (await lab.ml(["debug", runId, "-n"])).code === 0, 60_000);
  },
);
