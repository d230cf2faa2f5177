/** Runs outlive the server: fifty SIGKILLs while twenty runs run. And a server that is asleep for longer than a lease. */
import { afterEach, expect } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { needs } from "../support/require.ts";
import { seeded } from "../support/seeded.ts";
import { hasEnded, type Served, serveFrom, sumTrouble } from "../support/served.ts";
import { tempFolder, until } from "../support/temp.ts";

let served: Served | null = null;
afterEach(async () => {
  await served?.end();
  served = null;
});

interface Submitted {
  runs: { run_id: string }[];
}

needs("sha256sum")(
  "[K1 K5] fifty SIGKILLs of the server while twenty runs run: each started once, no line lost, each exit code exact",
  async () => {
    const seed = Number(process.env.KILL_SEED ?? Math.floor(Math.random() * 1e9));
    const random = seeded(seed);
    const home = tempFolder("ml-kills-");
    const at = serveFrom(home, { ML_SLOTS: "20" });
    served = at;
    const witness = join(home, "witness.txt");
    // Each prints until it is told to stop, so that all of them run through all of the kills.
    const script = `echo "$ML_RUN_ID" >> "${witness}"; i=0
      while [ ! -e "${home}/stop" ]; do echo "line $i"; i=$((i + 1)); sleep 0.2; done
      echo $i > "${home}/count-$1"; exit $1`;
    let server = await at.start();
    const specs = Array.from({ length: 20 }, (_, n) => ({
      submit_id: `kills-${seed}-${n}`,
      argv: ["sh", "-c", script, "run", String(n)],
      requested: { cpu_cores: 0 },
      snapshot: null,
    }));
    const { runs } = await at.ask<Submitted>("submit", { runs: specs });
    // A start that takes the worker down three times is given up, by design: here all of them run before the first kill.
    const begun = () => runs.every(({ run_id: runId }) => fs.existsSync(at.base.run(runId).processRecord));
    await until("twenty running scripts", begun);
    for (let kills = 0; kills < 50; kills += 1) {
      await Bun.sleep(random() * 150);
      server.kill("SIGKILL");
      await server.exited;
      server = await at.start();
    }
    const running = runs.filter(({ run_id: runId }) => !fs.existsSync(at.base.run(runId).exitRecord));
    expect(running).toHaveLength(20);
    fs.writeFileSync(join(home, "stop"), "");
    for (const [n, { run_id: runId }] of runs.entries()) {
      const { manifest, paths } = await at.sealed(runId);
      const told = `seed ${seed}, run ${n}`;
      expect({ told, exit: manifest.exit_code, status: manifest.status }).toEqual({
        told,
        exit: n,
        status: n === 0 ? "completed" : "failed",
      });
      const count = Number(fs.readFileSync(join(home, `count-${n}`), "utf8"));
      const lines = Array.from({ length: count }, (_, line) => `line ${line}\n`).join("");
      expect(fs.readFileSync(paths.outputLog, "utf8")).toBe(lines);
      expect(sumTrouble(paths)).toBe("");
    }
    const starts = fs.readFileSync(witness, "utf8").trim().split("\n").sort();
    expect(starts).toEqual(runs.map((run) => run.run_id).sort());
  },
  300_000,
);

needs("sha256sum")(
  "[K15 Q2] a server that is asleep, or blocked in one call, for longer than a lease: nothing runs twice, nothing is lost",
  async () => {
    const home = tempFolder("ml-asleep-");
    const at = serveFrom(home, { ML_SLOTS: "4" });
    served = at;
    const witness = join(home, "witness.txt");
    const script = `echo "$ML_RUN_ID" >> "${witness}"; sleep 1; echo end; exit 4`;
    const submit = async (name: string, count: number) => {
      const runs = Array.from({ length: count }, (_, n) => ({
        submit_id: `asleep-${name}-${n}`,
        argv: ["sh", "-c", script],
        snapshot: null,
      }));
      return (await at.ask<Submitted>("submit", { runs })).runs.map((run) => run.run_id);
    };
    // Blocked for 33 s between claim and start, which is longer than the lease of 30 s.
    const blocked = await at.start({ faults: "worker/after-checkout:1:delay=33000", env: { ML_WORKER_NAME: "inner" } });
    const [first = ""] = await submit("blocked", 1);
    await until("it to be claimed", () => fs.existsSync(at.base.run(first).claim));
    // Another worker is there to take what nobody holds any more.
    const outer = await at.start({ args: ["worker", "--name", "outer"] });
    const began = performance.now();
    await until("the blocked worker's run to begin, by whoever has it", () => fs.existsSync(witness));
    const { manifest, paths } = await at.sealed(first);
    expect(manifest).toMatchObject({ status: "failed", exit_code: 4 });
    expect(sumTrouble(paths)).toBe("");
    await until("the server to answer again", () => performance.now() - began > 33_000);
    const rest = await until("a server", () => submit("after", 3).catch(() => null));
    for (const runId of rest) expect((await at.sealed(runId)).manifest.exit_code).toBe(4);
    expect(fs.readFileSync(witness, "utf8").trim().split("\n").sort()).toEqual([first, ...rest].sort());
    expect(hasEnded(blocked)).toBe(false);
    expect(hasEnded(outer)).toBe(false);
  },
  300_000,
);
