/**
 * Drives one chaos session: a server with its worker, a second worker in a process of its own, Redis where asked for;
 * a submitter that never gives up; and a hand that kills, pauses and restarts them by a seeded plan. It ends with a
 * calm phase in which everything may finish.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { mlBinary } from "../support/binary.ts";
import { tempFolder, until } from "../support/temp.ts";

export interface Planned {
  submitId: string;
  /** What the script will exit with. */
  exitCode: number;
  lines: number;
}

export interface ChaosReport {
  base: string;
  witness: string;
  planned: Planned[];
  /** submitId → run ids that were acknowledged for it. */
  acknowledged: Map<string, Set<string>>;
  kills: number;
  dispose(): Promise<void>;
}

export interface ChaosOptions {
  seed: number;
  runs: number;
  backend: "sqlite" | "fs" | "redis";
}

/** A small seeded generator (mulberry32): numbers in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

interface Actor {
  name: "server" | "worker" | "redis";
  cmd: string[];
  env: Record<string, string>;
  process: Bun.Subprocess | null;
}

/** Starts an actor; a server that dies at once because its predecessor still holds the lock is started again. */
function start(actor: Actor, log: string): void {
  actor.process = Bun.spawn(actor.cmd, {
    env: actor.env,
    stdin: "ignore",
    stdout: Bun.file(log),
    stderr: Bun.file(log),
  });
}

async function kill(actor: Actor): Promise<void> {
  actor.process?.kill("SIGCONT");
  actor.process?.kill("SIGKILL");
  await actor.process?.exited;
}

/** One POST over the server's Unix socket; throws while the server is away. */
async function ask(base: string, name: string, body: unknown): Promise<Record<string, never>> {
  const record = JSON.parse(fs.readFileSync(join(base, "server.json"), "utf8")) as { socket: string };
  const response = await fetch(`http://ml/api/${name}`, {
    unix: record.socket,
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json" },
    signal: AbortSignal.timeout(4000),
  });
  const reply = (await response.json()) as { reply?: Record<string, never>; error?: { message: string } };
  if (reply.reply === undefined) throw new Error(reply.error?.message ?? `HTTP ${response.status}`);
  return reply.reply;
}

function submission(planned: Planned, witness: string) {
  const lines = Array.from({ length: planned.lines }, (_, n) => `line ${n}`).join("\n");
  const script = `echo "${planned.submitId} $ML_RUN_ID" >> "${witness}"; printf '%s\\n' "$1"; sleep 0.0$2; echo end; exit $3`;
  return {
    submit_id: planned.submitId,
    argv: ["sh", "-c", script, "chaos", lines, String(planned.lines % 9), String(planned.exitCode)],
    snapshot: null,
    name: planned.submitId,
  };
}

/** Submits until every planned run was acknowledged at least once; repeats some on purpose. */
async function submitAll(report: ChaosReport, random: () => number): Promise<void> {
  let waiting = [...report.planned];
  while (waiting.length > 0) {
    const batch = waiting.slice(0, 1 + Math.floor(random() * 12));
    const again = random() < 0.3 ? [report.planned[Math.floor(random() * report.planned.length)]!] : [];
    const runs = [...new Map([...batch, ...again].map((p) => [p.submitId, p])).values()];
    try {
      const reply = await ask(report.base, "submit", { runs: runs.map((p) => submission(p, report.witness)) });
      const made = (reply as unknown as { runs: { run_id: string }[] }).runs;
      for (const [at, p] of runs.entries()) report.acknowledged.get(p.submitId)!.add(made[at]!.run_id);
      waiting = waiting.filter((p) => report.acknowledged.get(p.submitId)!.size === 0);
    } catch {
      // Away, killed or paused: the same ids are sent again.
    }
    await Bun.sleep(random() * 120);
  }
}

/** Kills or pauses one actor after another until `done()`; each is back soon after. */
async function disturb(
  report: ChaosReport,
  actors: Actor[],
  random: () => number,
  done: () => boolean,
  log: string,
): Promise<void> {
  while (!done()) {
    await Bun.sleep(150 + random() * 700);
    const actor = actors[Math.floor(random() * actors.length)]!;
    report.kills += 1;
    if (random() < 0.25 && actor.name !== "redis") {
      actor.process?.kill("SIGSTOP");
      await Bun.sleep(200 + random() * 2500);
      actor.process?.kill("SIGCONT");
    } else {
      await kill(actor);
      await Bun.sleep(random() * 250);
      start(actor, log);
    }
  }
}

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, runs, backend } = options;
  const random = seeded(seed);
  const home = tempFolder("ml-chaos-");
  const base = join(home, "base");
  const log = join(home, "actors.txt");
  const witness = join(home, "witness.txt");
  fs.writeFileSync(witness, "");
  const redisSocket = join(home, "r.sock");
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: home,
    ML_HOME: join(home, "ml"),
    ML_QUEUE_BACKEND: backend,
    ML_REDIS_URL: `redis+unix://${redisSocket}`,
    ML_SLOTS: "2",
  };
  const ml = mlBinary();
  const actors: Actor[] = [
    {
      name: "server",
      cmd: [ml, "server", "--base", base, "--listen", "127.0.0.1:0"],
      env: { ...env, ML_WORKER_NAME: "inner" },
      process: null,
    },
    { name: "worker", cmd: [ml, "worker", "--base", base, "--name", "outer"], env, process: null },
  ];
  if (backend === "redis") {
    const cmd = [
      "redis-server",
      "--port",
      "0",
      "--unixsocket",
      redisSocket,
      "--save",
      "",
      "--appendonly",
      "no",
      "--dir",
      home,
    ];
    actors.unshift({ name: "redis", cmd, env, process: null });
  }
  const planned = Array.from({ length: runs }, (_, n) => ({
    submitId: `chaos-${seed}-${n}`,
    exitCode: random() < 0.25 ? 1 + Math.floor(random() * 100) : 0,
    lines: 1 + Math.floor(random() * 40),
  }));
  const report: ChaosReport = {
    base,
    witness,
    planned,
    acknowledged: new Map(planned.map((p) => [p.submitId, new Set<string>()])),
    kills: 0,
    dispose: async () => {
      for (const actor of actors) await kill(actor);
    },
  };
  for (const actor of actors) start(actor, log);
  await until("the server to come up", () => fs.existsSync(join(base, "server.json")), 20_000);

  let calm = false;
  const disturbed = disturb(report, actors, random, () => calm, log);
  await submitAll(report, random);
  await Bun.sleep(1500);
  calm = true;
  await disturbed;

  for (const actor of actors) {
    if (actor.process?.exitCode !== null) start(actor, log);
  }
  const settled = () => countUnfinished(base) === 0;
  await until("all runs to end after the storm", settled, 90_000).catch((cause) => {
    process.stderr.write(`${fs.readFileSync(log, "utf8").slice(-4000)}\n`);
    throw cause;
  });
  return report;
}

function countUnfinished(base: string): number {
  let unfinished = 0;
  for (const runId of fs.readdirSync(join(base, "runs"))) {
    if (!fs.existsSync(join(base, "runs", runId, "SHA256SUMS"))) unfinished += 1;
  }
  return unfinished;
}
