/**
 * Reads the settings of a process: config file from disk, then resolve.ts. Synchronous, for server and worker at their
 * start; the thin client reads the same file without `node:fs` (cli/settings.ts).
 */
import { readFileSync, statSync } from "node:fs";
import { type Environment, homePaths } from "./home.ts";
import { type ConfigFile, missingConfig, type Resolved, resolveSettings, type Sources } from "./resolve.ts";

export interface LoadOptions {
  flags?: Sources["flags"];
  env: Environment;
  /** `--config`, a path. */
  configFlag?: string | null;
}

function readFile(path: string, named: boolean): ConfigFile | null {
  try {
    return { path, text: readFileSync(path, "utf8"), mode: statSync(path).mode & 0o777 };
  } catch (cause) {
    return missingConfig(path, { named, cause });
  }
}

/** Throws `bad_config` (with line, column and caret) and `not_allowed` (a key that others can read). */
export function loadSettings(options: LoadOptions): Resolved {
  const { configPath, configNamed } = homePaths(options.env, { configFlag: options.configFlag ?? null });
  const file = configPath === null ? null : readFile(configPath, configNamed);
  return resolveSettings({ flags: options.flags ?? {}, env: options.env, file });
}
