/**
 * Drives one chaos session: a server with its worker, a second worker in a process of its own, Redis where asked for;
 * a submitter that never gives up; and a hand that kills, pauses and restarts them by a seeded plan. It ends with a
 * calm phase in which everything may finish.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { basePaths } from "../../src/run/paths.ts";
import { mlBinary } from "../support/binary.ts";
import { seeded } from "../support/seeded.ts";
import { killScript } from "../support/served.ts";
import { tempFolder, until } from "../support/temp.ts";

export interface Planned {
  submitId: string;
  /** What the script will exit with. */
  exitCode: number;
  lines: number;
  /** It runs long, and somebody cancels it. */
  cancelled: boolean;
}

export interface ChaosReport {
  base: string;
  witness: string;
  planned: Planned[];
  /** submitId → run ids that were acknowledged for it. */
  acknowledged: Map<string, Set<string>>;
  /** Run ids whose supervisor was shot: their exit code may be unknown. */
  orphaned: Set<string>;
  /** What was done to whom, in order. */
  deeds: string[];
  dispose(): Promise<void>;
}

export interface ChaosOptions {
  seed: number;
  runs: number;
  backend: "sqlite" | "fs" | "redis";
}

interface Actor {
  name: "server" | "worker" | "redis";
  cmd: string[];
  env: Record<string, string>;
  process: Bun.Subprocess | null;
}

function start(actor: Actor, log: string): void {
  const fd = fs.openSync(log, "a");
  actor.process = Bun.spawn(actor.cmd, { env: actor.env, stdin: "ignore", stdout: fd, stderr: fd });
  fs.closeSync(fd);
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
  const script = `echo "${planned.submitId} $ML_RUN_ID" >> "${witness}"; printf '%s\\n' "$1"; sleep $2; echo end; exit $3`;
  const sleep = planned.cancelled ? "2" : `0.${planned.lines % 4}`;
  return {
    submit_id: planned.submitId,
    argv: ["sh", "-c", script, "chaos", lines, sleep, String(planned.exitCode)],
    snapshot: null,
    name: planned.submitId,
  };
}

/** Submits until every planned run was acknowledged at least once; repeats some on purpose. */
async function submitAll(report: ChaosReport, random: () => number): Promise<void> {
  let waiting = [...report.planned];
  while (waiting.length > 0) {
    const batch = waiting.slice(0, 1 + Math.floor(random() * 8));
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
    await Bun.sleep(random() * 200);
  }
}

/** Cancels what is planned to be cancelled, once it was acknowledged, until the server has said that it did. */
async function cancelAll(report: ChaosReport): Promise<void> {
  let waiting = report.planned.filter((planned) => planned.cancelled);
  while (waiting.length > 0) {
    for (const planned of waiting) {
      const [runId] = report.acknowledged.get(planned.submitId)!;
      if (runId === undefined) continue;
      try {
        await ask(report.base, "run.cancel", { runs: [runId] });
        waiting = waiting.filter((other) => other !== planned);
      } catch (cause) {
        // Ended already is an answer; anything else is asked again.
        if (/has ended|already/.test(String(cause))) waiting = waiting.filter((other) => other !== planned);
      }
    }
    await Bun.sleep(100);
  }
}

/** Shoots the supervisor of some run that is running now. */
function orphanOne(report: ChaosReport, random: () => number): string | null {
  const runs = join(report.base, "runs");
  const living = fs.readdirSync(runs).filter((runId) => {
    const own = join(runs, runId, ".run");
    return fs.existsSync(join(own, "process.json")) && !fs.existsSync(join(own, "exit.json"));
  });
  const runId = living[Math.floor(random() * living.length)];
  if (runId === undefined) return null;
  try {
    const record = JSON.parse(fs.readFileSync(join(runs, runId, ".run/process.json"), "utf8"));
    process.kill(record.supervisor.pid, "SIGKILL");
  } catch {
    return null;
  }
  report.orphaned.add(runId);
  return runId;
}

interface Storm {
  actors: Actor[];
  random: () => number;
  log: string;
  redisSocket: string;
}

/** One deed: somebody is killed, paused, flushed or shot, and is back soon after. */
async function disturb(report: ChaosReport, { actors, random, log, redisSocket }: Storm): Promise<void> {
  const dice = random();
  if (dice < 0.08) {
    const runId = orphanOne(report, random);
    if (runId !== null) report.deeds.push(`shot the supervisor of ${runId}`);
    return;
  }
  const actor = actors[Math.floor(random() * actors.length)]!;
  if (actor.name === "redis" && dice < 0.4) {
    report.deeds.push("flushed redis");
    Bun.spawnSync(["redis-cli", "-s", redisSocket, "flushall"], { stdout: "ignore", stderr: "ignore", timeout: 2000 });
  } else if (dice < 0.3) {
    report.deeds.push(`paused ${actor.name}`);
    actor.process?.kill("SIGSTOP");
    await Bun.sleep(100 + random() * 1200);
    actor.process?.kill("SIGCONT");
  } else {
    report.deeds.push(`killed ${actor.name}`);
    await kill(actor);
    await Bun.sleep(random() * 250);
    start(actor, log);
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
    cancelled: random() < 0.04,
  }));
  const report: ChaosReport = {
    base,
    witness,
    planned,
    acknowledged: new Map(planned.map((p) => [p.submitId, new Set<string>()])),
    orphaned: new Set(),
    deeds: [],
    dispose: async () => {
      for (const actor of actors) await kill(actor);
      const paths = basePaths(base);
      if (fs.existsSync(paths.runs)) for (const runId of fs.readdirSync(paths.runs)) killScript(paths.run(runId));
    },
  };
  try {
    await storm(report, { actors, random: seeded(seed + 1), log, redisSocket }, random);
  } catch (cause) {
    await report.dispose();
    throw cause;
  }
  return report;
}

/** Submissions and deeds at once, then the calm in which everything must end. */
async function storm(report: ChaosReport, weather: Storm, random: () => number): Promise<void> {
  const { actors, log } = weather;
  const { base } = report;
  for (const actor of actors) start(actor, log);
  await until("the server to come up", () => fs.existsSync(join(base, "server.json")));

  let submitted = false;
  const submitting = Promise.all([submitAll(report, random), cancelAll(report)]).then(() => {
    submitted = true;
  });
  // While there is something to disturb, and no longer than so many deeds after the last submission.
  for (let after = 0; after < 6 && !(submitted && countUnfinished(base) === 0); ) {
    await Bun.sleep(50 + weather.random() * 450);
    await disturb(report, weather);
    if (submitted) after += 1;
  }
  await submitting;

  for (const actor of actors) {
    if (actor.process?.exitCode !== null || actor.process.signalCode !== null) start(actor, log);
  }
  const settled = () => countUnfinished(base) === 0;
  await until("all runs to end after the storm", settled).catch((cause) => {
    process.stderr.write(`${fs.readFileSync(log, "utf8").slice(-4000)}\n${describeUnfinished(base)}\n`);
    throw cause;
  });
}

function describeUnfinished(base: string): string {
  return fs
    .readdirSync(join(base, "runs"))
    .filter((runId) => !fs.existsSync(join(base, "runs", runId, "SHA256SUMS")))
    .map((runId) => {
      const own = join(base, "runs", runId, ".run");
      const manifest = fs.readFileSync(join(base, "runs", runId, "run_manifest.json"), "utf8");
      const claim = fs.existsSync(join(own, "claim.json")) ? fs.readFileSync(join(own, "claim.json"), "utf8") : "";
      const events = fs.existsSync(join(own, "events.jsonl")) ? fs.readFileSync(join(own, "events.jsonl"), "utf8") : "";
      return `${runId} ${JSON.parse(manifest).status} ${fs.readdirSync(own).join(" ")}\n${claim}${events}`;
    })
    .join("\n");
}

function countUnfinished(base: string): number {
  let unfinished = 0;
  for (const runId of fs.readdirSync(join(base, "runs"))) {
    if (!fs.existsSync(join(base, "runs", runId, "SHA256SUMS"))) unfinished += 1;
  }
  return unfinished;
}
