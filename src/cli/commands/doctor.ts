/** `ml doctor`: what can be wrong here and on the server, each finding with its cure. Exit 8 where a check failed. */
import type { Connection } from "../../client/connection.ts";
import { homePaths } from "../../config/home.ts";
import { MlError } from "../../core/error.ts";
import { protocolVersion, version } from "../../core/version.ts";
import type { Check } from "../../protocol/check.ts";
import { safeText } from "../../view/safe-text.ts";
import { type Context, defineCommand } from "../command.ts";
import { configuredTarget } from "../context.ts";
import { readServerRecord } from "../local-server.ts";
import { loadCommandSettings } from "../settings.ts";

interface Finding extends Check {
  where: "here" | "server";
}

const fine = (name: string, found: string): Check => ({ name, ok: true, found, cure: null });
const bad = (name: string, found: string, cure: string): Check => ({ name, ok: false, found, cure });
const note = (name: string, found: string, cure: string | null): Check => ({ name, ok: null, found, cure });

function failure(name: string, cause: unknown): Check {
  if (!(cause instanceof MlError)) throw cause;
  const why = cause.detail.cause === undefined ? "" : ` (${cause.detail.cause.trim().split("\n")[0]})`;
  return bad(name, `${cause.message}${why}`, cause.detail.hint ?? "ml help doctor");
}

/** Null settings where the config is broken: then nothing that needs them is looked at. */
async function checkConfig(context: Context, flags: Readonly<Record<string, unknown>>) {
  const checks: Check[] = [];
  try {
    const resolved = await loadCommandSettings(flags, context.env);
    checks.push(
      resolved.path === null
        ? note("config", `no config file at ${context.configPath}; defaults are used`, "ml init")
        : fine("config", `${resolved.path} is valid`),
    );
    return { checks, resolved };
  } catch (cause) {
    const name = cause instanceof MlError && cause.code === "not_allowed" ? "permissions" : "config";
    checks.push(failure(name, cause));
    return { checks, resolved: null };
  }
}

async function checkHome(context: Context): Promise<Check> {
  const { home } = homePaths(context.env);
  if (home === null) {
    return note("home", "neither HOME nor ML_HOME is set: no local server can be kept", "export ML_HOME=/some/folder");
  }
  const { accessSync, constants, existsSync, statSync } = await import("node:fs");
  const { dirname } = await import("node:path");
  let folder = home;
  while (!existsSync(folder)) folder = dirname(folder);
  try {
    accessSync(folder, constants.W_OK);
  } catch {
    return bad("home", `\`${folder}\` cannot be written to`, "export ML_HOME=/some/folder");
  }
  if (folder === home && (statSync(home).mode & 0o022) !== 0) {
    return bad("home", `\`${home}\` can be written to by others`, `chmod 700 ${home}`);
  }
  return fine("home", home);
}

function checkProgram(name: string, env: Context["env"], without: string): Check {
  const path = Bun.which(name, { PATH: env.PATH ?? "" });
  return path === null ? note(name, `not found: ${without}`, `install ${name}`) : fine(name, path);
}

/** The setting `python`, where runs start on this machine; elsewhere it cannot be looked at from here. */
function checkPython({ settings, env }: Context): Check[] {
  const { python } = settings;
  if (python === null || settings.server_url !== null || settings.worker_host !== null) return [];
  if (Bun.which(python, { PATH: env.PATH ?? "" }) !== null) return [fine("python", python)];
  return [bad("python", `the setting \`python\` names \`${python}\`, which is not there`, "ml config set python PATH")];
}

async function checkServer(context: Context): Promise<{ checks: Check[]; connection: Connection | null }> {
  const startedAtMs = performance.now();
  try {
    const connection = await context.connect({ start: false });
    const tookMs = performance.now() - startedAtMs;
    const { hello } = connection;
    const checks = [
      fine("server", `${connection.place} answers over ${connection.transport} (${tookMs.toFixed(0)} ms)`),
    ];
    if (connection.transport === "polling" && context.settings.transport === "auto") {
      checks.push(
        note("transport", "WebSocket is blocked on the way; polling", "let the proxy pass `Upgrade: websocket`"),
      );
    }
    checks.push(fine("key", `you are ${hello.user} (${hello.role})`));
    const askedAt = Date.now();
    const skewSeconds =
      (Date.parse((await connection.ask("hello", { version, protocol: protocolVersion })).now) -
        (askedAt + Date.now()) / 2) /
      1000;
    checks.push(
      Math.abs(skewSeconds) > 30
        ? bad(
            "clock",
            `the server's clock differs by ${Math.round(skewSeconds)} s`,
            "set both clocks by NTP: `timedatectl set-ntp true`",
          )
        : fine("clock", `the server's differs by ${Math.abs(skewSeconds).toFixed(1)} s`),
    );
    checks.push(
      hello.protocol === protocolVersion
        ? fine("version", `${version} here, ${hello.version} there`)
        : bad(
            "version",
            `${version} here, ${hello.version} there: protocols ${protocolVersion} and ${hello.protocol}`,
            "upgrade the older one; runs go on meanwhile",
          ),
    );
    return { checks, connection };
  } catch (cause) {
    if (!(cause instanceof MlError)) throw cause;
    const named = cause.code === "unauthenticated" || cause.code === "not_allowed" ? "key" : "server";
    return { checks: [failure(named, cause)], connection: null };
  }
}

/** With nothing configured and nothing running there is nothing to be wrong: the first `ml queue` starts a server. */
async function isFresh(context: Context): Promise<boolean> {
  const { home } = homePaths(context.env);
  const base = context.settings.worker_base ?? (home === null ? null : `${home}/data`);
  if (base === null) return true;
  return (await readServerRecord(`${context.settings.state_dir ?? base}/server.json`)) === null;
}

async function findAll(context: Context, flags: Readonly<Record<string, unknown>>): Promise<Finding[]> {
  const here = (check: Check): Finding => ({ ...check, where: "here" });
  const findings: Finding[] = [here(fine("ml", `version ${version}, ${process.platform} ${process.arch}`))];
  const { checks, resolved } = await checkConfig(context, flags);
  findings.push(...checks.map(here), here(await checkHome(context)));
  findings.push(here(checkProgram("git", context.env, "runs are queued without their commit")));
  if (resolved === null) return findings;
  findings.push(...checkPython(context).map(here));
  if ((await configuredTarget(resolved)) === null && (await isFresh(context))) {
    return [
      ...findings,
      here(note("server", "none is configured and none runs here; `ml queue` starts one", "ml server start")),
    ];
  }
  const server = await checkServer(context);
  findings.push(...server.checks.map(here));
  if (server.connection !== null) {
    const reply = await server.connection.ask("server.check", {}, { timeoutMs: 60_000 });
    findings.push(...reply.checks.map((check): Finding => ({ ...check, where: "server" })));
  }
  return findings;
}

export const command = defineCommand({
  name: "doctor",
  group: "set up",
  summary: "check everything that can be wrong, and name the cures",
  about:
    "Looks at the config, permissions, the connection, key and clock from here, and lets the server look at itself: disk, Python, git, GPU, queue.",
  brokenConfig: true,
  positionals: [],
  flags: {},
  examples: [["ml doctor", "exit code 8 where something is wrong"]],
  schemas: {
    "ml.doctor/1": "`ok`, `checks`: each `where` (here, server), `name`, `ok` (null: worth knowing), `found`, `cure`",
  },
  async run(context, args) {
    const findings = await findAll(context, args.flags);
    const failed = findings.filter((finding) => finding.ok === false);
    const { output } = context;
    const mark = (ok: boolean | null) =>
      ok === true
        ? output.paint("good", "ok  ")
        : ok === false
          ? output.paint("bad", "BAD ")
          : output.paint("warn", "note");
    output.result({
      schema: "ml.doctor/1",
      value: () => ({ ok: failed.length === 0, checks: findings }),
      ids: () => failed.map((finding) => finding.name),
      rows: () => findings.map(({ where, name, ok, found, cure }) => [where, name, ok, found, cure]),
      human: () => {
        const lines = findings.flatMap(({ where, name, ok, found, cure }) => [
          `${mark(ok)} ${where.padEnd(6)} ${safeText(name).padEnd(12)} ${safeText(found)}`,
          ...(ok !== true && cure !== null
            ? [`                         ${output.unicode ? "→" : "->"} ${safeText(cure)}`]
            : []),
        ]);
        const sum = failed.length === 0 ? "nothing is wrong" : `${failed.length} of ${findings.length} checks failed`;
        return `${lines.join("\n")}\n${sum}\n`;
      },
    });
    return failed.length === 0 ? 0 : 8;
  },
});
