/** The settings of one command, from its flags, the environment and the config file. */
import { homePaths } from "../config/home.ts";
import { type ConfigFile, missingConfig, type Resolved, resolveSettings } from "../config/resolve.ts";
import { readText } from "./read-early.ts";
import type { Environment } from "./terminal.ts";

/** The text of a config file and who may read it. Throws as missingConfig. */
export async function configFileAt(path: string, named: boolean): Promise<ConfigFile | null> {
  try {
    const text = await readText(path);
    return { path, text, mode: (await Bun.file(path).stat()).mode & 0o777 };
  } catch (cause) {
    return missingConfig(path, { named, cause });
  }
}

/** The global flags that are settings. */
function flagSettings(flags: Readonly<Record<string, unknown>>) {
  const text = (name: string) => (typeof flags[name] === "string" ? (flags[name] as string) : null);
  return { server_url: text("server"), api_key: text("key"), worker_base: text("base"), color: text("color") };
}

/** Throws `bad_config` and `not_allowed`. */
export async function loadCommandSettings(
  flags: Readonly<Record<string, unknown>>,
  env: Environment,
): Promise<Resolved> {
  const { configPath, configNamed } = homePaths(env, { configFlag: (flags.config as string | null) ?? null });
  const file = configPath === null ? null : await configFileAt(configPath, configNamed);
  return resolveSettings({ flags: flagSettings(flags), env, file });
}
