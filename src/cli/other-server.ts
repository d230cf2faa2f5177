/**
 * A second server beside the configured one: for `--to`. Its address as `--server` takes it, or the name of a config file that
 * says where it is and holds its key. The key of one's own server is never shown to another.
 */
import { connect } from "../client/connect.ts";
import type { Connection } from "../client/connection.ts";
import { parseTarget, type Target } from "../client/target.ts";
import { resolveSettings } from "../config/resolve.ts";
import { MlError } from "../core/error.ts";
import type { Context } from "./command.ts";
import { configuredTarget } from "./context.ts";
import { configFileAt } from "./settings.ts";

export interface OtherServer {
  /** An address, a config file (`lab2.toml`), or the name of one beside our own (`lab2`). */
  place: string;
  /** For an address; null: `ML_TO_KEY`, else none. */
  key: string | null;
}

/** The config file that `place` means, or null where it is an address. Throws `not_found` for a file that is named and not there. */
async function configFileOf(context: Context, place: string): Promise<string | null> {
  if (/\.toml$/i.test(place)) {
    const path = place.startsWith("/") ? place : `${context.cwd}/${place}`;
    if (await Bun.file(path).exists()) return path;
    throw new MlError("not_found", `there is no config file \`${place}\``, {
      hint: `write one: \`ml init --config ${place} --host HOST --key -\``,
    });
  }
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(place)) return null;
  const beside = context.configPath.replace(/[^/]*$/, `${place}.toml`);
  return (await Bun.file(beside).exists()) ? beside : null;
}

/** Throws `bad_config`, `not_allowed` (a config file that others can read), `not_found`. */
export async function otherTarget(context: Context, { place, key }: OtherServer): Promise<Target> {
  const path = await configFileOf(context, place);
  if (path === null) {
    // A bare host is meant as `worker_host` means it.
    const address = /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(place) ? `${place}:9100` : place;
    return parseTarget(address, { key: key ?? context.env.ML_TO_KEY ?? null, ca: null });
  }
  const resolved = resolveSettings({ env: {}, file: await configFileAt(path, true) });
  const target = await configuredTarget(resolved);
  if (target === null)
    throw new MlError("bad_config", `\`${path}\` names no server`, {
      hint: `\`ml config set --config ${path} server_url ws://HOST:9100\``,
    });
  return key === null ? target : { ...target, key };
}

/** What helps with another server is not what helps with one's own. */
function explained(cause: unknown, place: string): unknown {
  if (!(cause instanceof MlError)) return cause;
  const hint =
    cause.code === "unauthenticated"
      ? "give the key that you have there by `--to-key KEY` or ML_TO_KEY, or write a config file for it (`ml push --help`)"
      : cause.code === "unreachable" && /^[A-Za-z0-9_-]+$/.test(place)
        ? `\`${place}\` was taken for a host, since no ${place}.toml lies beside your config file`
        : "is `--to` the right address?";
  return new MlError(cause.code, cause.message, { ...cause.detail, hint });
}

export async function connectOther(context: Context, other: OtherServer): Promise<Connection> {
  const target = await otherTarget(context, other);
  const warn = (sentence: string) => context.output.warn(sentence);
  return connect(async () => target, { transport: context.settings.transport, warn }).catch((cause) => {
    throw explained(cause, other.place);
  });
}
