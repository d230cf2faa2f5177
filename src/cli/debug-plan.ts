/**
 * How a command is debugged: under pdb where it is one Python process, in a shell where it is not, with the reason. Pure:
 * from an argument array and a recorded traceback to the argument array of a session. pdb is Python's own (`-m pdb`), put
 * behind the interpreter's options, so that nothing of ours runs inside the script.
 */
import { basename, dirname, isAbsolute, join, relative } from "node:path/posix";
import { quoteCommand } from "../core/shell-quote.ts";

/** Where a run failed, as its traceback says: the innermost line of its own code. */
export interface FailingLine {
  /** Under the work folder. */
  path: string;
  line: number;
  /** Frames of libraries that the line had called. */
  below: number;
  /** The outermost file of its own code: what Python was started with, as a rule. */
  script: string;
}

export type DebugPlan =
  | { how: "pdb"; argv: string[] }
  /** `argv` is what the run ran; `why` it has no debugger, a sentence without a full stop. */
  | { how: "shell"; argv: string[]; why: string };

export interface DebugWish {
  failing: FailingLine | null;
  /** The folder inside the code in which the command starts. */
  cwd: string;
  /** Where the work folder will be; null where nobody knows yet. */
  work: string | null;
  /** Stop before the failing line, each time. */
  breaks: boolean;
  /** Stop before the first line. */
  fromStart: boolean;
}

const isPython = (word: string) => /(^|\/)(python|pypy)[\d.]*$/.test(word);

/** What starts an interpreter and gets out of its way. */
const wrappers = new Set([
  ..."env nice ionice chrt nohup stdbuf time numactl taskset xvfb-run".split(" "),
  ..."uv poetry pipenv pdm hatch pixi rye conda mamba micromamba".split(" "),
]);
/** What starts several processes, each with a terminal of nobody. */
const launchers = new Set("torchrun accelerate deepspeed mpirun mpiexec horovodrun srun ray".split(" "));
const launcherModules = new Set([
  "torch.distributed.run",
  "torch.distributed.launch",
  "accelerate.commands.launch",
  "deepspeed.launcher.runner",
]);

/** `  File "/base/runs/x/work/train.py", line 12, in step` (traceback.print_exception). */
const frame = /^\s*File "([^"]+)", line (\d+)(?:, in .*)?$/gm;

/** The innermost frame of `traceback` in the run's own code; null without one. `folder` is the run folder as it was. */
export function failingLine(traceback: string | null, folder: string): FailingLine | null {
  const work = join(folder, "work");
  const frames = [...(traceback ?? "").matchAll(frame)].map(([, path = "", line]) => ({
    path: isAbsolute(path) ? relative(work, path) : path,
    line: Number(line),
  }));
  const innermost = frames.findLastIndex(({ path }) => isOwn(path));
  const { path, line } = frames[innermost] ?? {};
  if (path === undefined || line === undefined) return null;
  const script = frames.find((other) => isOwn(other.path))?.path ?? path;
  return { path, line, below: frames.length - 1 - innermost, script };
}

/** `path` as seen from the work folder: code of the run, and no library that lies in its folder. */
const isOwn = (path: string) =>
  !/^(\.\.\/|<|\/)/.test(path) && !/(^|\/)(site-packages|dist-packages|\.?venv|\.tox|\.nox)\//.test(path);

interface Interpreted {
  /** Up to the interpreter and its options. */
  before: string[];
  target: { kind: "script" | "module" | "code" | "input"; words: string[] };
}

/** The options of an interpreter from what it is to run (python(1)): `-W` and `-X` take a word, `-m` and `-c` end them. */
function splitInterpreter(argv: readonly string[], at: number): Interpreted {
  for (let index = at + 1; index < argv.length; index += 1) {
    const word = argv[index] ?? "";
    const before = argv.slice(0, index);
    if (word === "-") return { before, target: { kind: "input", words: argv.slice(index) } };
    if (!word.startsWith("-")) return { before, target: { kind: "script", words: argv.slice(index) } };
    if (word.startsWith("--")) {
      if (word === "--check-hash-based-pycs") index += 1;
      continue;
    }
    const ends = /^-[A-VYZa-bd-ln-z]*([mcWX])(.*)$/.exec(word);
    const [, letter, rest = ""] = ends ?? [];
    if (letter === "m" || letter === "c") {
      const flags = word.slice(0, word.length - rest.length - 1);
      const words = [...(rest === "" ? [] : [rest]), ...argv.slice(index + 1)];
      const target = { kind: letter === "m" ? ("module" as const) : ("code" as const), words };
      return { before: flags === "-" ? before : [...before, flags], target };
    }
    if (letter !== undefined && rest === "") index += 1;
  }
  return { before: [...argv], target: { kind: "input", words: [] } };
}

/** Where the interpreter stands in the command; -1 where it begins with something that is no Python. */
function interpreterAt(argv: readonly string[]): number {
  const [program = ""] = argv;
  if (isPython(program)) return 0;
  return wrappers.has(basename(program)) ? argv.findIndex(isPython) : -1;
}

/** `uv run train.py` is `uv run python train.py`, and conda hands the terminal on only when it is told to. */
function plainWrapper(argv: readonly string[]): string[] {
  const [program = "", verb] = argv;
  if (verb !== "run") return [...argv];
  const script = argv.findIndex((word) => word.endsWith(".py"));
  if (basename(program) === "uv" && script > 0 && interpreterAt(argv) < 0)
    return [...argv.slice(0, script), "python", ...argv.slice(script)];
  if (basename(program) === "conda") return [program, "run", "--no-capture-output", ...argv.slice(2)];
  return [...argv];
}

/** pdb's commands, executed at its first prompts: those behind `continue` when the exception is there. */
function commandsOf(start: string, { failing, cwd, work, breaks, fromStart }: DebugWish): string[] {
  const commands: string[] = [];
  if (failing !== null && breaks) {
    // pdb looks a relative name up beside the script.
    const path = work === null ? relative(join(cwd, start), failing.path) : join(work, failing.path);
    commands.push(`break ${path}:${failing.line}`);
  }
  if (failing === null || fromStart) return commands;
  commands.push("continue");
  if (!breaks && failing.below > 0) commands.push(`up ${failing.below}`);
  return commands;
}

/** Throws nothing: what cannot be debugged gets a shell. */
export function debugPlan(given: readonly string[], wish: DebugWish): DebugPlan {
  const argv = plainWrapper(given);
  const shell = (why: string): DebugPlan => ({ how: "shell", argv: [...given], why });
  const [program = ""] = argv;
  const name = basename(program);
  const several = (what: string) =>
    shell(
      `\`${what}\` starts processes of its own, and pdb can look into one alone: \`breakpoint()\` in the code of one, or the script without \`${what}\``,
    );
  if (launchers.has(name)) return several(name);
  const at = interpreterAt(argv);
  if (at < 0) return shell(`\`${name}\` is no Python that pdb could be put under`);
  const { before, target } = splitInterpreter(argv, at);
  const [first = "", ...rest] = target.words;
  if (target.kind === "code") return shell("pdb wants a file or a module, and this is `-c` with its code on the line");
  if (target.kind === "input") return shell("the interpreter was given no script");
  if (target.kind === "module" && launcherModules.has(first)) return several(first);
  if (target.kind === "module" && first === "pdb") return shell("it runs pdb already");
  const commands = commandsOf(target.kind === "module" ? "." : dirname(first), wish);
  return {
    how: "pdb",
    argv: [
      ...before,
      ...["-m", "pdb"],
      ...commands.flatMap((command) => ["-c", command]),
      ...(target.kind === "module" ? ["-m"] : []),
      ...[first, ...rest],
    ],
  };
}

/** What a session without a debugger runs on a terminal of the worker: says what is to be typed, and hands the shell over. */
export function shellArgv({ argv, why }: { argv: readonly string[]; why: string }): string[] {
  const script = 'printf "%s\\n" "$1" "the command was: $2"; exec "${SHELL:-/bin/sh}" -i';
  return ["/bin/sh", "-c", script, "debug", `a shell, because ${why}`, quoteCommand(argv)];
}
