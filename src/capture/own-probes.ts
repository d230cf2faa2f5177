/**
 * Probe: the executables in the folder `probes_dir`, whoever runs the worker has put them there. Each is started once a run, in
 * parallel, without arguments, with the script's environment; what it prints is kept as env/<name>.txt. A line with the
 * shape of a credential is masked. One that others could change is not started.
 */
import { readdir, stat } from "node:fs/promises";
import { join, parse } from "node:path";
import { isSecretValue } from "../core/secrets.ts";
import { ask, lastWords } from "./child.ts";
import type { Probe, ProbeContext } from "./probe.ts";

const limitMs = 20_000;
const mostProbes = 50;
/** Names that are ours. */
const taken = new Set(["pip_freeze", "conda-explicit", "requirements"]);

async function runOne(path: string, context: ProbeContext): Promise<void> {
  const { name } = parse(path);
  const found = await stat(path).catch(() => null);
  if (!found?.isFile() || (found.mode & 0o111) === 0) return;
  if ((found.mode & 0o022) !== 0) return context.miss(`\`${path}\` was not started: others can write to it`);
  if (taken.has(name)) return context.miss(`\`${path}\` was not started: env/${name}.txt is ours`);
  const env = { ...context.childEnv, ML_WORK_DIR: context.workFolder };
  const answer = await ask([path], { env, timeoutMs: limitMs, signal: context.signal });
  if (answer.kind !== "exited") return context.miss(`\`${name}\` ${answer.reason}`);
  const lines = answer.stdout.split("\n").map((line) => (isSecretValue(line) ? "[masked by ml]" : line));
  if (answer.stdout !== "") context.file(`${name}.txt`, lines.join("\n"));
  if (answer.exitCode !== 0) context.miss(`\`${name}\` exited with ${answer.exitCode}: ${lastWords(answer)}`);
}

export const ownProbes: Probe = {
  name: "own probes",
  limitMs: limitMs + 1000,
  async run(context) {
    if (context.probesFolder === null) return {};
    const entries = await readdir(context.probesFolder).catch(() => null);
    if (entries === null) {
      context.miss(`\`probes_dir\` \`${context.probesFolder}\` cannot be listed`);
      return {};
    }
    const names = entries.filter((name) => !name.startsWith(".")).sort();
    if (names.length > mostProbes) context.miss(`only the first ${mostProbes} of ${names.length} were started`);
    const folder = context.probesFolder;
    await Promise.all(names.slice(0, mostProbes).map((name) => runOne(join(folder, name), context)));
    return {};
  },
};
