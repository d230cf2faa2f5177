/**
 * Parameters in config files that a command line names (`--config conf/base.yaml`, `train.toml`, Hydra's
 * `--config-name base`), flattened: `optim: {lr: 3e-4}` is `optim.lr`. Reads text that it is given; where the files
 * are (the snapshot) is the caller's business. A file that cannot be read gives nothing: the script will say so.
 */
import { posix } from "node:path";
import { isCredentialName } from "../core/secrets.ts";
import type { Manifest } from "./manifest.ts";
import {
  type ParameterValue,
  parameterName,
  parameterValues,
  type ReadCommand,
  readCommand,
  readValue,
} from "./parameters.ts";

const mostKeys = 1000;
const mostDepth = 8;
const mostFiles = 8;
const mostTextLength = 256;
/** Larger files are data, not settings. */
export const configBytes = 512 * 1024;

const configPattern = /\.(ya?ml|toml|json)$/i;

/** Paths in the snapshot that the command names as config files, in order; at most eight. `named` are its parameters. */
function configPaths(read: ReadCommand, named: Record<string, ParameterValue>, cwd: string): string[] {
  const paths: string[] = [];
  const add = (text: string) => {
    if (text.startsWith("/")) return;
    const path = posix.join(cwd, text);
    if (!path.startsWith("..") && !paths.includes(path)) paths.push(path);
  };
  const name = named.config_name ?? named.cn;
  // Hydra looks beside the script, not in the folder where it was started.
  if (typeof name === "string") {
    const folder = String(named.config_path ?? named.cp ?? "conf");
    add(posix.join(posix.dirname(read.script), folder, configPattern.test(name) ? name : `${name}.yaml`));
  }
  const words = [...read.parameters, ...read.positionals].filter(({ text }) => configPattern.test(text));
  for (const { text } of words.sort((a, b) => a.at - b.at)) add(text);
  return paths.slice(0, mostFiles);
}

function parse(path: string, text: string): unknown {
  if (/\.toml$/i.test(path)) return Bun.TOML.parse(text);
  return /\.json$/i.test(path) ? JSON.parse(text) : Bun.YAML.parse(text);
}

function flatten(value: unknown, prefix: string, into: Map<string, ParameterValue>, depth = 0): void {
  if (into.size >= mostKeys || depth > mostDepth) return;
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) {
      const name = parameterName(key);
      if (!isCredentialName(name)) flatten(inner, prefix === "" ? name : `${prefix}.${name}`, into, depth + 1);
    }
    return;
  }
  if (prefix === "" || value === null || value === undefined) return;
  if (typeof value === "number" || typeof value === "boolean") into.set(prefix, value);
  else into.set(prefix, (typeof value === "string" ? value : JSON.stringify(value)).slice(0, mostTextLength));
}

/** The flattened settings of one config file; empty where its text is none. Throws nothing. */
export function configParameters(path: string, text: string): Map<string, ParameterValue> {
  const found = new Map<string, ParameterValue>();
  try {
    flatten(parse(path, text), "", found);
  } catch {
    found.clear();
  }
  return found;
}

export interface RunParameters {
  command: ReadCommand;
  /** Name → value: what another tracker logged, then config files, then the arguments, which win. */
  values: Record<string, ParameterValue>;
}

/** `readCode` gives the text of a file of the run's snapshot, or null. */
export function runParameters(
  run: { argv: readonly string[]; cwd: string; lineage?: Pick<Manifest["lineage"], "origin"> },
  readCode: (path: string) => string | null,
): RunParameters {
  const command = readCommand(run.argv);
  const typed = parameterValues(command.parameters);
  const values: Record<string, ParameterValue> = {};
  for (const [name, text] of Object.entries(run.lineage?.origin?.parameters ?? {}))
    if (!isCredentialName(name)) values[parameterName(name)] = readValue(text);
  for (const path of configPaths(command, typed, run.cwd)) {
    const text = readCode(path);
    if (text === null) continue;
    for (const [name, value] of configParameters(path, text)) values[name] = value;
  }
  return { command, values: Object.assign(values, typed) };
}
