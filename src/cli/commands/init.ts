/** `ml init`: writes the config file, from flags, or asking on a terminal with the defaults shown. */
import { existsSync } from "node:fs";
import { parseTarget } from "../../client/target.ts";
import { type Changes, editConfig, readConfigText, writeConfigText } from "../../config/edit.ts";
import { readConfig } from "../../config/resolve.ts";
import { MlError } from "../../core/error.ts";
import { type Context, defineCommand } from "../command.ts";
import { flag } from "../flags.ts";

const template = `# Settings of \`ml\`. \`ml config show\` lists all of them with their values and where those come from.
# A flag goes before the environment (ML_ and the key in capitals), that before this file, that before the default.
# Without worker_host and server_url a server of this machine is used, and started when needed.
`;

const flags = {
  host: flag.text("HOST", "the machine that runs the server; none: this one"),
  user: flag.text("USER", "user name for ssh to it"),
  base: flag.text("FOLDER", "the base directory on it"),
  port: flag.number("PORT", "its ssh port", { least: 1, most: 65535, whole: true }),
  key: flag.text("KEY", "your API key; `-` reads it from stdin, so that it stays out of the history"),
  serverUrl: flag.text("URL", "where the server listens; default: ws://HOST:9100"),
  force: flag.on("change a config file that is there already; what is not named stays"),
};

export const command = defineCommand({
  name: "init",
  group: "set up",
  summary: "write the config file, asking what it needs",
  about: "Asks on a terminal; with flags, or without a terminal, it asks nothing. The file is readable by you only.",
  brokenConfig: true,
  positionals: [],
  flags,
  examples: [
    ["ml init", "answer a few questions"],
    [
      "ml init --host worker.local --user mluser --base /data/ml-experiments --key -",
      "a server elsewhere, from a script",
    ],
  ],
  schemas: { "ml.init/1": "`path`, `settings`: names of what was written" },
  async run(context, args) {
    const path = context.configPath;
    const exists = existsSync(path);
    if (exists && !args.flags.force) {
      throw new MlError("conflict", `the config file \`${path}\` is there already`, {
        hint: "change one setting with `ml config set KEY VALUE`, or several with `ml init --force …`; the rest of it stays",
      });
    }
    const named = Object.keys(flags).some((name) => name !== "force" && args.given.has(name));
    const asked = !named && context.terminal.stdin && context.terminal.stderr;
    const changes = asked ? await askAll() : await fromFlags(args.flags);
    if (changes.server_url) parseTarget(String(changes.server_url), { key: null, ca: null });
    const text = editConfig(exists ? readConfigText(path) : template, changes);
    readConfig({ path, text, mode: null });
    writeConfigText(path, text);
    report(context, { path, written: Object.keys(changes) });
  },
});

async function fromFlags(given: {
  host: string | null;
  user: string | null;
  base: string | null;
  port: number | null;
  key: string | null;
  serverUrl: string | null;
}): Promise<Changes> {
  const key = given.key === "-" ? (await Bun.stdin.text()).trim() : given.key;
  const all: Changes = {
    worker_host: given.host,
    worker_user: given.user,
    worker_base: given.base,
    worker_port: given.port,
    server_url: given.serverUrl,
    api_key: key,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null)) as Changes;
}

async function askAll(): Promise<Changes> {
  const { askLine } = await import("../ask-line.ts");
  const ask = async (question: string, fallback: string) =>
    (await askLine(`${question}${fallback === "" ? "" : ` [${fallback}]`}: `)).trim() || fallback;
  const changes: Changes = {};
  const host = await ask("host of the server (empty: this machine)", "");
  if (host === "") {
    const base = await ask("base directory for runs (empty: data/ in the folder of the config)", "");
    return base === "" ? {} : { worker_base: base };
  }
  changes.worker_host = host;
  const url = await ask("address of the server", `ws://${host}:9100`);
  if (url !== `ws://${host}:9100`) changes.server_url = url;
  const user = await ask("your user name for ssh there (empty: none)", "");
  if (user !== "") changes.worker_user = user;
  const port = Number(await ask("ssh port", "22"));
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new MlError("usage", "the ssh port wants a whole number from 1 to 65535", { hint: "ml init" });
  }
  if (port !== 22) changes.worker_port = port;
  const base = await ask("base directory there (empty: the server's own default)", "");
  if (base !== "") changes.worker_base = base;
  const key = await ask("API key (an admin makes one with `ml key add`)", "");
  if (key !== "") changes.api_key = key;
  return changes;
}

function report(context: Context, done: { path: string; written: string[] }): void {
  context.output.result({
    schema: "ml.init/1",
    value: () => ({ path: done.path, settings: done.written }),
    ids: () => [done.path],
    rows: () => [[done.path, done.written.join(",")]],
    human: () => `wrote ${done.path}${done.written.length > 0 ? `: ${done.written.join(", ")}` : ""}\n`,
  });
  context.output.say("check it with `ml doctor`");
}
