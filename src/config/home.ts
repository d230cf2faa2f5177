/**
 * Where our own files are under the user's home, and where the local server keeps its record. Pure: reads the
 * environment that it is given and touches no disk. `ML_HOME`, else `~/.ml`, else folders by the XDG base directory
 * specification where HOME is missing.
 */
import { MlError } from "../core/error.ts";
import type { Settings } from "./settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface HomePaths {
  /** Null where neither ML_HOME, HOME nor an XDG variable says where; `requireHome` explains. */
  home: string | null;
  /** The config file in use, whether or not it exists; null where there is no place for one. */
  configPath: string | null;
  /** True where the user named another file by `--config` or ML_CONFIG: then it must exist. */
  configNamed: boolean;
}

function absolute(path: string, cwd: string): string {
  if (path.startsWith("/")) return path;
  const parts = cwd.split("/");
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/") || "/";
}

/** `configFlag` is `--config`; relative paths count from `cwd`. */
export function homePaths(env: Environment, options: { configFlag?: string | null; cwd?: string } = {}): HomePaths {
  const cwd = options.cwd ?? process.cwd();
  const xdg = env.XDG_DATA_HOME || env.XDG_CONFIG_HOME || env.XDG_STATE_HOME;
  const home = env.ML_HOME ? absolute(env.ML_HOME, cwd) : env.HOME ? `${env.HOME}/.ml` : xdg ? `${xdg}/ml` : null;
  const named = options.configFlag || env.ML_CONFIG || null;
  const configPath = named !== null ? absolute(named, cwd) : home === null ? null : `${home}/config.toml`;
  return { home, configPath, configNamed: named !== null };
}

export function requireHome(paths: HomePaths): string {
  if (paths.home !== null) return paths.home;
  throw new MlError("bad_config", "there is no place for the files of `ml`: HOME is not set", {
    hint: "set HOME, or ML_HOME to a folder of yours, such as `export ML_HOME=/var/tmp/ml`",
  });
}

export interface LocalPlaces {
  base: string;
  stateDir: string;
  /** Who serves this base: written by the server, read by clients of the same machine. */
  serverRecord: string;
  /** Output of a server in the background. */
  serverLog: string;
}

/** The places of a server on this machine: `worker_base`, else data/ under ML_HOME. Relative ones count from `cwd`. */
export function localPlaces(settings: Settings, paths: HomePaths, cwd = process.cwd()): LocalPlaces {
  const base = absolute(settings.worker_base ?? `${requireHome(paths)}/data`, cwd);
  const stateDir = absolute(settings.state_dir ?? base, cwd);
  return {
    base,
    stateDir,
    serverRecord: `${stateDir}/server.json`,
    serverLog: paths.home === null ? `${stateDir}/server.log` : `${paths.home}/server.log`,
  };
}
