/** The command line of `ml server`: what it takes, and each option as a setting or a switch. */
import { parseSetting } from "../config/resolve.ts";
import type { SettingKey } from "../config/settings.ts";
import { MlError } from "../core/error.ts";

export interface ServerArguments {
  /** Settings given as flags. */
  flags: Partial<Record<SettingKey, string | number | boolean>>;
  worker: boolean;
  socket: string | null;
  logFile: string | null;
  config: string | null;
  help: boolean;
}

/** Option → setting. */
const settingOptions: Record<string, SettingKey> = {
  "--base": "worker_base",
  "--listen": "listen",
  "--state-dir": "state_dir",
  "--tls-cert": "tls_cert",
  "--tls-key": "tls_key",
  "--queue": "queue_backend",
  "--redis-url": "redis_url",
  "--slots": "slots",
  "--cpus": "cpu_cores",
  "--gpus": "gpus",
  "--name": "worker_name",
  "--allowed-origins": "allowed_origins",
};

export const serverHelp = `ml server: serve a base directory in the foreground

  --base DIR             the data (default: worker_base of the config, else data/ under ML_HOME)
  --listen HOST:PORT     TCP address (default 127.0.0.1:9100; port 0 takes a free one)
  --socket PATH          Unix socket (default: sock in the state folder)
  --state-dir DIR        databases and locks, on a local disk (default: the base)
  --no-worker            only serve; runs are started by \`ml worker\` elsewhere
  --queue sqlite|fs|redis, --redis-url URL
  --slots N, --cpus N, --gpus N, --name NAME     of the worker in this process
  --tls-cert FILE, --tls-key FILE
  --allowed-origins LIST web origins that may open a WebSocket
  --log-file FILE        one line an event (default: stderr)
  --config FILE          another config file

In the background: \`ml server start\`, \`ml server stop\`, \`ml server status\`.
`;

/** Throws `usage` for an unknown option or a missing value. */
export function parseServerArguments(args: readonly string[]): ServerArguments {
  const parsed: ServerArguments = { flags: {}, worker: true, socket: null, logFile: null, config: null, help: false };
  const rest = [...args];
  while (rest.length > 0) {
    const [option = "", inline] = (rest.shift() ?? "").split(/=(.*)/s);
    const value = () => {
      const given = inline ?? rest.shift();
      if (given === undefined) throw new MlError("usage", `\`${option}\` of \`ml server\` needs a value`);
      return given;
    };
    const setting = settingOptions[option];
    if (setting !== undefined) parsed.flags[setting] = parseSetting(setting, value(), `\`${option}\``);
    else if (option === "--no-worker") parsed.worker = false;
    else if (option === "--socket") parsed.socket = value();
    else if (option === "--log-file") parsed.logFile = value();
    else if (option === "--config") parsed.config = value();
    else if (option === "--help" || option === "-h") parsed.help = true;
    else {
      throw new MlError("usage", `\`ml server\` has no option \`${option}\``, {
        hint: "`ml server --help` lists them",
      });
    }
  }
  return parsed;
}
