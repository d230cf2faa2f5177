/**
 * `ml server start·stop·status`: the server of this machine in the background. The server itself, `ml server`, is
 * started by src/main.ts before the thin client is loaded. All three may be repeated without harm.
 */
import { resolve } from "node:path";
import { connect } from "../../client/connect.ts";
import type { Connection } from "../../client/connection.ts";
import { localPlaces } from "../../config/home.ts";
import { formatDuration } from "../../core/duration.ts";
import { MlError } from "../../core/error.ts";
import { isSameProcess } from "../../core/process-identity.ts";
import { quoteCommand } from "../../core/shell-quote.ts";
import { formatSize } from "../../core/size.ts";
import type { Reply } from "../../protocol/requests.ts";
import { safeText } from "../../view/safe-text.ts";
import { type Context, defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { isGone, readServerRecord, recordTarget, type ServerRecord } from "../local-server.ts";

const stopTimeoutMs = 30_000;

function placesOf(context: Context) {
  return localPlaces(
    context.settings,
    { home: context.home, configPath: context.configPath, configNamed: false },
    context.cwd,
  );
}

/** The record and a connection to the server of this machine, or null where none answers. */
async function findLocal(context: Context): Promise<{ record: ServerRecord; connection: Connection } | null> {
  const record = await readServerRecord(placesOf(context).serverRecord);
  if (record === null) return null;
  const explicit = context.origin("api_key") === "flag" || context.origin("api_key") === "environment";
  try {
    const connection = await connect(async () => recordTarget(record, explicit ? context.settings.api_key : null), {
      transport: "auto",
      timeoutMs: 5000,
      warn: (sentence) => context.output.warn(sentence),
    });
    return { record, connection };
  } catch (cause) {
    if (!(cause instanceof MlError) || cause.code !== "unreachable") throw cause;
    if (isGone(cause) || !(await isServerProcess(record.pid))) return null;
    const { serverLog, stateDir } = placesOf(context);
    const error = new MlError("unreachable", `the server (pid ${record.pid}) is there and does not answer`, {
      cause: cause.detail.cause ?? cause.message,
      hint: `look at ${serverLog}; \`kill -9 ${record.pid}\` harms no run, and \`ml server start\` starts another`,
    });
    const { withSilentPlace } = await import("../silent-place.ts");
    throw await withSilentPlace(error, { base: record.base, stateDir });
  }
}

/** A pid may have been taken by another program since the record was written. */
async function isServerProcess(pid: number): Promise<boolean> {
  const words = await Bun.file(`/proc/${pid}/cmdline`)
    .text()
    .catch(() => "");
  return words.split("\0").includes("server");
}

/** What `status` and `start` print. */
function printState(context: Context, running: Reply<"server.status"> | null, done: string): void {
  const { base, serverLog } = placesOf(context);
  context.output.result({
    schema: "ml.server/1",
    value: () =>
      running === null
        ? { running: false, pid: null, base, url: null, socket: null, version: null, log: serverLog }
        : { running: true, ...running, log: serverLog },
    ids: () => (running === null ? [] : [String(running.pid)]),
    rows: () => [
      ["running", running !== null],
      ["pid", running?.pid ?? null],
      ["base", running?.base ?? base],
      ["url", running?.url ?? null],
      ["socket", running?.socket ?? null],
      ["version", running?.version ?? null],
    ],
    human: () => (running === null ? `${done}\n` : stateText(running, { done, log: serverLog })),
  });
}

function stateText(state: Reply<"server.status">, options: { done: string; log: string }): string {
  const upMs = Date.parse(state.now) - Date.parse(state.started_at);
  const workers = state.workers.filter((worker) => worker.alive);
  const running = workers.reduce((sum, worker) => sum + worker.running.length, 0);
  const free = state.disk.free_bytes === null ? "" : `, ${formatSize(state.disk.free_bytes)} free`;
  const lines = [
    `${options.done} (pid ${state.pid}, version ${state.version}, up ${formatDuration(upMs)})`,
    `  data     ${safeText(state.base)}${free}`,
    `  address  ${state.url ?? "no TCP"}${state.socket === null ? "" : `, socket ${safeText(state.socket)}`}`,
    `  queue    ${state.queue.backend}, ${state.queue.waiting} waiting, ${running} running, ${workers.length} worker${workers.length === 1 ? "" : "s"}`,
    `  log      ${options.log}`,
    ...state.problems.map((problem) => `  problem  ${safeText(problem)}`),
    "stop it with `ml server stop`; runs go on",
  ];
  return `${lines.join("\n")}\n`;
}

/** Options of `ml server` that make sense in the background too. */
const serverFlags = {
  listen: flag.text("HOST:PORT", "TCP address; default 127.0.0.1:9100"),
  "tls-cert": flag.text("FILE", "certificate; with --tls-key the server speaks TLS", { complete: "file" }),
  "tls-key": flag.text("FILE", "private key of that certificate", { complete: "file" }),
  "no-worker": flag.on("only serve; `ml worker` starts the runs"),
  queue: flag.choice(["sqlite", "fs", "redis"], "where the waiting line is kept"),
  "redis-url": flag.text("URL", "the Redis of --queue redis"),
  slots: flag.number("N", "how many runs at a time", { least: 0, whole: true }),
  cpus: flag.number("N", "CPU cores to hand out", { least: 0 }),
  gpus: flag.number("N", "GPUs to hand out", { least: 0, whole: true }),
  name: flag.text("NAME", "name of the worker in it"),
  "allowed-origins": flag.text("LIST", "web origins that may open a WebSocket"),
};

/** The same flags as words for `ml server`, which is started in another folder. */
function serverWords(flags: Readonly<Record<string, unknown>>, cwd: string): string[] {
  return Object.keys(serverFlags).flatMap((name) => {
    const value = flags[name];
    if (value === null || value === undefined || value === false) return [];
    if (value === true) return [`--${name}`];
    return [`--${name}`, name.startsWith("tls-") ? resolve(cwd, String(value)) : String(value)];
  });
}

const start = defineCommand({
  name: "start",
  group: "set up",
  summary: "start the server in the background, unless it runs",
  about:
    "What it is started with holds until it is stopped; to keep it, `ml config set` the settings of these names. One that runs already is left as it is.",
  positionals: [],
  flags: serverFlags,
  examples: [
    ["ml server start --base /data/ml", "serve another base directory"],
    ["ml server start --listen 0.0.0.0:9100", "let others in; wants a key first: `ml key add NAME`"],
  ],
  schemas: {
    "ml.server/1":
      "`running`, `pid`, `base`, `url`, `socket`, `version`, `host`, `started_at`, `queue`, `disk`, `workers`, `problems`, `log`",
  },
  async run(context, args) {
    const words = serverWords(args.flags, context.cwd);
    const found = await findLocal(context);
    if (found !== null) {
      const state = await found.connection.ask("server.status", {});
      found.connection.close();
      if (words.length > 0) {
        throw new MlError(
          "conflict",
          `the server (pid ${state.pid}) runs already, started with what it was given then`,
          {
            hint: `ml server stop && ml server start ${quoteCommand(words)}`,
          },
        );
      }
      printState(context, state, "the server runs already");
      return;
    }
    const { startServer } = await import("../start-server.ts");
    const { started } = await startServer({
      places: placesOf(context),
      env: context.env,
      home: context.home,
      configPath: context.configPath,
      args: words,
      onSlow: (sentence) => context.output.warn(sentence),
    });
    const now = await findLocal(context);
    if (now === null) throw new MlError("unreachable", "the server started, and is gone again", { hint: "ml server" });
    const state = await now.connection.ask("server.status", {});
    now.connection.close();
    sayElsewhere(context);
    printState(context, state, started ? "started the server" : "the server runs already");
  },
});

/** Where the config names a server elsewhere, the one of this machine is not the one that other commands mean. */
function sayElsewhere(context: Context): void {
  const { server_url: url, worker_host: host } = context.settings;
  if (url === null && host === null) return;
  context.output.say(`other commands use the server of the config, ${safeText(url ?? host ?? "")}: \`ml status\``);
}

const status = defineCommand({
  name: "status",
  group: "set up",
  summary: "whether it runs, where, and how it is; exit 0 either way",
  positionals: [],
  flags: {},
  examples: [["ml server status --json", "pid, base, url, version and more"]],
  schemas: { "ml.server/1": "as for `ml server start`; `running` is false and most are null where none runs" },
  async run(context) {
    const found = await findLocal(context);
    if (found === null) {
      printState(context, null, "no server runs on this machine; `ml server start` starts one");
      sayElsewhere(context);
      return;
    }
    const state = await found.connection.ask("server.status", {});
    found.connection.close();
    printState(context, state, "the server runs");
  },
});

/** True once neither the process nor its answer is there. Waits for the process itself, so that a restart finds the lock free. */
async function waitUntilGone(pid: number, same: () => boolean): Promise<boolean> {
  const deadline = performance.now() + stopTimeoutMs;
  while (performance.now() < deadline) {
    if (!same()) return true;
    try {
      process.kill(pid, 0);
    } catch {
      return true;
    }
    await Bun.sleep(20);
  }
  return false;
}

const stop = defineCommand({
  name: "stop",
  group: "set up",
  summary: "stop it and wait until it is gone; runs go on",
  positionals: [],
  flags: {},
  examples: [["ml server stop", "nothing that runs is touched; the next start adopts it"]],
  schemas: { "ml.server.stop/1": "`stopped` (false: none ran), `pid`, `running` (runs that go on)" },
  async run(context) {
    const { identityOf } = await import("../../core/process-identity.ts");
    const found = await findLocal(context);
    const print = (value: { stopped: boolean; pid: number | null; running: number }, text: string) =>
      context.output.result({
        schema: "ml.server.stop/1",
        value: () => value,
        ids: () => (value.pid === null ? [] : [String(value.pid)]),
        rows: () => [[value.stopped, value.pid, value.running]],
        human: () => `${text}\n`,
      });
    if (found === null) {
      print({ stopped: false, pid: null, running: 0 }, "no server runs on this machine");
      return;
    }
    const identity = identityOf(found.record.pid);
    const reply = await found.connection.ask("server.stop", {});
    found.connection.close();
    if (!(await waitUntilGone(reply.pid, () => identity !== null && isSameProcess(identity)))) {
      throw new MlError("timed_out", `the server (pid ${reply.pid}) was told to stop and is still there`, {
        hint: `look at ${placesOf(context).serverLog}; \`kill -9 ${reply.pid}\` harms no run`,
      });
    }
    const on = reply.running === 0 ? "nothing was running" : `${reply.running} running, and they go on`;
    print({ stopped: true, pid: reply.pid, running: reply.running }, `stopped the server (pid ${reply.pid}); ${on}`);
  },
});

export const command = defineCommand({
  name: "server",
  group: "set up",
  summary: "serve a base directory; start, stop, status of the one in the background",
  about:
    "`ml server` by itself serves in the foreground; `ml server --help` lists its own options. `start`, `stop` and `status` are about the one in the background of this machine. Stopping, killing or upgrading a server never touches runs.",
  positionals: [],
  flags: {},
  examples: [["ml server", "in the foreground, until Ctrl-C"]],
  actions: { start, stop, status },
  async run() {
    throw new MlError("usage", "flags of `ml server` stand after it", {
      hint: "ml server [--help], ml server start, ml server stop, ml server status",
    });
  },
});
