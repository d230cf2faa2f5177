/** `ml service install`: the server as a systemd service, for the user or the system. Without systemd the unit is only printed. */
import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { localPlaces } from "../../config/home.ts";
import { writeDurable } from "../../core/durable.ts";
import { asMlError, MlError } from "../../core/error.ts";
import { ownLoginName } from "../../core/login-name.ts";
import { type Context, defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { systemdUnit } from "../systemd-unit.ts";

function unitPath(scope: "user" | "system", env: Context["env"]): string {
  if (scope === "system") return "/etc/systemd/system/ml.service";
  const config = env.XDG_CONFIG_HOME || (env.HOME ? `${env.HOME}/.config` : null);
  if (config === null)
    throw new MlError("usage", "there is no place for a user service: HOME is not set", {
      hint: "ml service install --system",
    });
  return `${config}/systemd/user/ml.service`;
}

/** By sd_booted(3). */
function systemdRuns(): boolean {
  return existsSync("/run/systemd/system") && Bun.which("systemctl") !== null;
}

function systemctl(scope: "user" | "system", words: readonly string[]): void {
  const cmd = ["systemctl", ...(scope === "user" ? ["--user"] : []), ...words];
  const done = Bun.spawnSync({ cmd, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  if (done.exitCode === 0) return;
  throw new MlError("failed", `\`${cmd.join(" ")}\` failed`, {
    cause: done.stderr.toString().trim(),
    hint: `the unit is written; repeat \`${cmd.join(" ")}\` by hand`,
  });
}

const install = defineCommand({
  name: "install",
  group: "set up",
  summary: "write the unit, enable and start it",
  about:
    "For you (--user, the default) or for the machine (--system, the default for root). Restarts, stops and upgrades of the service touch no run.",
  positionals: [],
  flags: {
    user: flag.on("a service of yours; starts at your login, or at boot with `loginctl enable-linger`"),
    system: flag.on("a service of the machine; needs root"),
    print: flag.on("only print the unit"),
  },
  examples: [
    ["ml service install --print", "look at it first"],
    ["sudo ml service install --system", "for everybody on the machine"],
  ],
  schemas: { "ml.service/1": "`unit` (the text), `path`, `scope`, `installed`" },
  async run(context, args) {
    const { flags } = args;
    if (flags.user && flags.system)
      throw new MlError("usage", "`--user` and `--system` exclude each other", { hint: "choose one" });
    const root = process.getuid?.() === 0;
    const scope = flags.system || (root && !flags.user) ? "system" : "user";
    const paths = { home: context.home, configPath: context.configPath, configNamed: false };
    const unit = systemdUnit({
      executable: process.execPath,
      home: context.home,
      base: localPlaces(context.settings, paths, context.cwd).base,
      configPath: context.configPath,
      scope,
      user: context.env.SUDO_USER || ownLoginName(),
    });
    const path = unitPath(scope, context.env);
    const able = systemdRuns();
    const installed = able && !flags.print;
    if (installed) write({ scope, path, unit, root });
    if (!able && !flags.print) {
      context.output.say(`systemd does not run here, so nothing was installed; the unit would be ${path}`);
    }
    context.output.result({
      schema: "ml.service/1",
      value: () => ({ unit, path, scope, installed }),
      ids: () => [path],
      rows: () => [[scope, path, installed]],
      human: () => (installed ? `installed ${path}; the server runs: \`ml server status\`\n` : unit),
    });
    if (installed && scope === "user") context.output.say("to start it at boot too: `loginctl enable-linger`");
  },
});

function write(unit: { scope: "user" | "system"; path: string; unit: string; root: boolean }): void {
  const { scope, path } = unit;
  if (scope === "system" && !unit.root) {
    throw new MlError("not_allowed", `writing \`${path}\` needs root`, { hint: "sudo ml service install --system" });
  }
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeDurable(path, unit.unit, { mode: 0o644 });
  } catch (cause) {
    throw asMlError(cause, `writing \`${path}\``);
  }
  systemctl(scope, ["daemon-reload"]);
  systemctl(scope, ["enable", "--now", "ml.service"]);
}

export const command = defineCommand({
  name: "service",
  group: "set up",
  summary: "install the server as a systemd service",
  positionals: [],
  flags: {},
  examples: [],
  actions: { install },
  async run() {
    throw new MlError("usage", "`ml service` wants an action", {
      hint: "ml service install [--user|--system] [--print]",
    });
  },
});
