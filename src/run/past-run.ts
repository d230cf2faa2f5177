/**
 * What can be learned from an ended run: what it was (script and arguments), how it ended, what it took. Drawn from its
 * folder alone, so that whoever keeps these rows may lose them. Predicting from them is schedule/predict.ts.
 *
 * A script is named by its path inside the code and the repository it comes from, not by its content: an edited script is
 * still the same script. Of the arguments those that only name things count for nothing (`nameless`).
 */
import { type Forecast, type ScoredForecast, scoreForecasts } from "./forecasts.ts";
import type { Manifest } from "./manifest.ts";

export interface Signature {
  script: string;
  /** Options by name without dashes, positional words by their place; `gpus` as asked for. */
  args: Readonly<Record<string, string>>;
}

export interface PastRun extends Signature {
  run_id: string;
  user: string;
  group: string | null;
  ended_at_ms: number;
  /** `completed`, `cancelled`, or the kind of failure. */
  outcome: string;
  /** First line of what is said of the failure. */
  why: string | null;
  /** From the script's start to its end; null where it never started. */
  seconds: number | null;
  ram_gb: number | null;
  gpu_memory_gb: number | null;
  host: string | null;
  gpu_ids: readonly string[];
  /** What was foretold of its runtime, and whether it came true. */
  forecasts: readonly ScoredForecast[];
}

const script = /\.(py|sh|R|jl|js|ts|rb|pl|lua|ipynb)$/;
/** Arguments that say where results go or which random numbers are drawn, not how much work there is. */
const nameless =
  /^(seed|random[-_]seed|name|run[-_]?name|exp[-_]?name|id|tag|note|out|output|o|(out|output|log|save|ckpt|checkpoint|results?)[-_]?(dir|path|file|folder))$/i;
const mostArguments = 64;
const longestValue = 200;

/** Names come again and again: what was found out of them is kept. */
const known = new Map<string, boolean>();
const mostKnown = 1000;

function isNameless(name: string): boolean {
  const found = known.get(name) ?? nameless.test(name);
  if (known.size >= mostKnown) known.clear();
  known.set(name, found);
  return found;
}

/** Where in `argv` the script stands: the first word that names one, `-m MODULE`, else the program itself. */
function scriptAt(argv: readonly string[]): { name: string; rest: readonly string[] } {
  const named = argv.findIndex((word, index) => index < 8 && script.test(word) && !word.startsWith("-"));
  if (named >= 0) return { name: argv[named] ?? "", rest: argv.slice(named + 1) };
  const module = argv.indexOf("-m");
  const name = argv[module + 1];
  if (module === 1 && name !== undefined) return { name: `-m ${name}`, rest: argv.slice(module + 2) };
  return { name: argv[0] ?? "", rest: argv.slice(1) };
}

/** `--lr 3e-4`, `--lr=3e-4`, `lr=3e-4` are one and the same; what follows an option and is none itself is its value. */
export function argumentsOf(words: readonly string[]): Record<string, string> {
  const args = new Map<string, string>();
  let place = 0;
  for (let at = 0; at < words.length && args.size < mostArguments; at += 1) {
    const word = words[at] ?? "";
    const pair = /^(-*)([A-Za-z][\w.-]*)(?:=(.*))?$/s.exec(word);
    const [, dashes = "", key = "", value] = pair ?? [];
    const next = words[at + 1];
    if (pair === null || (dashes === "" && value === undefined)) args.set(String(place++), word);
    else if (value !== undefined) args.set(key, value);
    else if (next !== undefined && (!next.startsWith("-") || /^-[\d.]/.test(next))) {
      args.set(key, next);
      at += 1;
    } else args.set(key, "");
  }
  const named: Record<string, string> = {};
  for (const [key, value] of args) if (!isNameless(key)) named[key] = value.slice(0, longestValue);
  return named;
}

export function signatureOf(manifest: Pick<Manifest, "argv" | "cwd" | "environment" | "resources">): Signature {
  const { name, rest } = scriptAt(manifest.argv);
  const inside = manifest.cwd === "." || name.startsWith("/") || !name.includes(".") ? name : `${manifest.cwd}/${name}`;
  const path = inside.replace(/^(\.\/)+/, "");
  const { git_remote: remote } = manifest.environment;
  const args = argumentsOf(rest);
  const { gpus } = manifest.resources.requested;
  return { script: remote === null ? path : `${path} of ${remote}`, args: { ...args, gpus: String(gpus) } };
}

/** True where two runs of a script do the same work, as far as arguments can say. */
export function sameArguments(a: Signature["args"], b: Signature["args"]): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

/** Null for a run that has not ended, or ran elsewhere: what it took says little here. `foretold` is what its folder holds (run/forecasts.ts). */
export function pastRunOf(manifest: Manifest, foretold: readonly Forecast[] = []): PastRun | null {
  const { ended_at: endedAt, started_at: startedAt, failure, resources } = manifest;
  if (endedAt === null || manifest.lineage.kind === "import") return null;
  const endedAtMs = Date.parse(endedAt);
  const seconds = startedAt === null ? null : (endedAtMs - Date.parse(startedAt)) / 1000;
  return {
    ...signatureOf(manifest),
    run_id: manifest.run_id,
    user: manifest.user,
    group: manifest.narrative.experiment_group,
    ended_at_ms: endedAtMs,
    outcome: manifest.status === "failed" ? (failure?.kind ?? "failed") : manifest.status,
    why: failure?.message.split("\n")[0]?.slice(0, longestValue) ?? null,
    seconds: seconds === null || !(seconds >= 0) ? null : seconds,
    ram_gb: resources.actual?.ram_peak_gb ?? null,
    gpu_memory_gb: resources.actual?.gpu_memory_peak_gb ?? null,
    host: resources.host,
    gpu_ids: resources.assigned?.gpu_ids ?? [],
    forecasts: seconds === null ? [] : scoreForecasts(foretold, seconds),
  };
}
