/**
 * The surroundings of a run, for running its command once more by hand: launch.sh read back, and the environment that
 * comes of it for somebody else's shell. Pure. What names the run folder names the session's folder afterwards, so that a
 * session can neither write into the run nor be taken for one of its processes.
 */
import { shellWords } from "../core/shell-words.ts";
import type { Source } from "./derived-run.ts";

export interface Launched {
  /** The run folder where it ran. */
  folder: string;
  /** What launch.sh exports. */
  env: Record<string, string>;
  /** What it runs, with the folders of datasets filled in. */
  argv: string[];
}

/** One `export NAME=WORD` of execute/launch.ts, whose quotes may hold new lines. */
const exported = /^export ([A-Za-z_]\w*)=((?:'[^']*'|\\.|[^\s'"\\])*)\n/my;

/** Null for a text that is no launch.sh. */
export function readLaunch(text: string): Launched | null {
  const env: Record<string, string> = {};
  let end = text.indexOf("\nexport ") + 1;
  exported.lastIndex = end;
  for (let match = exported.exec(text); match !== null; match = exported.exec(text)) {
    const [, name = "", word = ""] = match;
    env[name] = shellWords(word)[0] ?? "";
    end = exported.lastIndex;
  }
  // Behind the last of them: an argument may hold such a line too.
  const from = text.indexOf("\nexec ", end - 1);
  const { ML_RUN_DIR: folder } = env;
  if (folder === undefined || from < 0) return null;
  return { folder, env, argv: shellWords(text.slice(from + "\nexec ".length).replace(/\n$/, "")) };
}

/** Of whoever sits there, and not of the run. */
const personal = new Set("HOME TMPDIR LANG LANGUAGE TERM".split(" "));
/** Which cards a process may use: handed out to a run, not to a session. */
const cards = new Set(
  "CUDA_VISIBLE_DEVICES NVIDIA_VISIBLE_DEVICES ROCR_VISIBLE_DEVICES HIP_VISIBLE_DEVICES GPU_DEVICE_ORDINAL".split(" "),
);
/** What would change the computation if it came along from the shell in which the session is typed. */
const notOurs = /^(PYTHON|VIRTUAL_ENV|CONDA_|LD_|OMP_|MKL_|OPENBLAS_|NUMEXPR_|TORCH|PYTORCH_|CUDA_|ML_|BUN_)/;
/** Longer values were cut when they were recorded. */
const wholeLength = 4096;

export interface SessionOptions {
  launched: Launched;
  /** What was captured of its whole environment; null for a value that looked like a credential. */
  recorded: Source["manifest"]["environment"]["env_vars"];
  /** The environment in which the session is typed. */
  own: Readonly<Record<string, string | undefined>>;
  /** The session's folder, in the place of the run folder. */
  folder: string;
  /** The run's id, shortened: a session is none of its processes. */
  sessionId: string;
  /** The run had cards to itself. */
  hadCards: boolean;
}

export interface SessionEnvironment {
  env: Record<string, string>;
  /** Recorded by name alone, and not set here. */
  missing: string[];
}

/** Every mention of the run folder as one of the session's. */
export function moved(text: string, { launched, folder }: Pick<SessionOptions, "launched" | "folder">): string {
  return text.replaceAll(launched.folder, folder);
}

export function sessionEnvironment(options: SessionOptions): SessionEnvironment {
  const { launched, recorded, own, folder, hadCards } = options;
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(own)) if (value !== undefined && !notOurs.test(name)) env[name] = value;
  const missing: string[] = [];
  for (const [name, value] of Object.entries(recorded)) {
    if (value === null) {
      if (own[name] === undefined) missing.push(name);
      else env[name] = own[name];
    } else if (value.length <= wholeLength && !personal.has(name) && !cards.has(name) && !/^(LC|SLURM)_/.test(name))
      env[name] = moved(value, options);
  }
  for (const [name, value] of Object.entries(launched.env)) {
    if (hadCards && cards.has(name)) env[name] = own[name] ?? "";
    else if (!personal.has(name) || own[name] === undefined) env[name] = moved(value, options);
  }
  const path = env.PYTHONPATH;
  env.PYTHONPATH = path ? `${path}:${folder}/lib` : `${folder}/lib`;
  env.ML_RUN_ID = options.sessionId;
  return { env, missing };
}
