/**
 * `ml worker`: a worker by itself. Opens settings and queue, works until SIGTERM or SIGINT, and leaves what runs to the next
 * worker of that name. SIGUSR1 drains: no new runs, and an end once all that it holds has ended.
 */
import { hostname } from "node:os";
import { resolve } from "node:path";
import { homePaths, localPlaces } from "../config/home.ts";
import { loadSettings } from "../config/load.ts";
import { parseSetting } from "../config/resolve.ts";
import type { SettingKey } from "../config/settings.ts";
import { systemClock } from "../core/clock.ts";
import { asMlError, MlError } from "../core/error.ts";
import { localZone } from "../core/hours.ts";
import { openQueue } from "../queue/open.ts";
import { basePaths, statePaths } from "../run/paths.ts";
import { policyOf } from "../schedule/policy.ts";
import { openMachine } from "./open-machine.ts";
import { startWorker } from "./worker.ts";

const settingOptions: Record<string, SettingKey> = {
  "--base": "worker_base",
  "--state-dir": "state_dir",
  "--queue": "queue_backend",
  "--redis-url": "redis_url",
  "--name": "worker_name",
  "--slots": "slots",
  "--cpus": "cpu_cores",
  "--gpus": "gpus",
};

const help = `ml worker: start the runs that wait in a base directory, without a server

  --base DIR             the data (default: worker_base of the config, else data/ under ML_HOME)
  --state-dir DIR        databases and locks, on a local disk (default: the base)
  --name NAME            of this worker (default: the host name); one worker a name
  --slots N, --cpus N, --gpus N     what it hands out (default: what the machine has)
  --queue sqlite|fs|redis, --redis-url URL
  --config FILE          another config file

SIGTERM ends it and leaves its runs running; SIGUSR1 lets it end after them.
`;

interface Arguments {
  flags: Partial<Record<SettingKey, string | number | boolean>>;
  config: string | null;
  help: boolean;
}

function parseArguments(args: readonly string[]): Arguments {
  const parsed: Arguments = { flags: {}, config: null, help: false };
  const rest = [...args];
  while (rest.length > 0) {
    const [option = "", inline] = (rest.shift() ?? "").split(/=(.*)/s);
    const value = () => {
      const given = inline ?? rest.shift();
      if (given === undefined) throw new MlError("usage", `\`${option}\` of \`ml worker\` needs a value`);
      return given;
    };
    const setting = settingOptions[option];
    if (setting !== undefined) parsed.flags[setting] = parseSetting(setting, value(), `\`${option}\``);
    else if (option === "--config") parsed.config = value();
    else if (option === "--help" || option === "-h") parsed.help = true;
    else
      throw new MlError("usage", `\`ml worker\` has no option \`${option}\``, {
        hint: "`ml worker --help` lists them",
      });
  }
  return parsed;
}

const say = (line: string) => process.stderr.write(`${line}\n`);

async function serve(args: Arguments): Promise<void> {
  const { values } = loadSettings({ flags: args.flags, env: process.env, configFlag: args.config });
  const places = localPlaces(values, homePaths(process.env, { configFlag: args.config }));
  const base = basePaths(resolve(places.base));
  const state = statePaths(resolve(places.stateDir));
  process.chdir("/");
  const { queue_backend: backend, redis_url: redisUrl, queue_fallback: fallback } = values;
  const queue = await openQueue({
    backend,
    base,
    state,
    redisUrl: redisUrl ?? "",
    fallback,
    clock: systemClock,
  });
  const name = values.worker_name ?? hostname();
  const worker = await startWorker({
    base,
    state,
    queue,
    name,
    policy: policyOf(values, localZone),
    ...openMachine({ settings: values, base, state, name, env: process.env }),
  });
  say(`worker \`${name}\` (pid ${process.pid}) starts the runs of ${base.base}; SIGTERM ends it, its runs go on`);
  const how = await new Promise<{ drain: boolean }>((end) => {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => end({ drain: false }));
    process.on("SIGUSR1", () => end({ drain: true }));
  });
  if (how.drain) say("draining: no new runs; ends when those that it holds have ended");
  const ended = worker.stop(how);
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => process.exit(0));
  await ended;
  await queue.close();
}

/** Runs until a signal ends it; exits by itself, with the exit code of an error where it cannot start. */
export async function workerMain(args: readonly string[]): Promise<void> {
  try {
    const parsed = parseArguments(args);
    if (parsed.help) {
      process.stdout.write(help);
      return;
    }
    await serve(parsed);
    process.exit(0);
  } catch (cause) {
    const error = asMlError(cause, "starting the worker");
    say(`ml: ${error.message}`);
    if (error.detail.cause) say(`cause: ${error.detail.cause}`);
    if (error.detail.hint) say(`hint: ${error.detail.hint}`);
    process.exit(error.exitCode);
  }
}
