/** Flags of `ml queue` as values of a submission: units converted, lists split, everything checked before anything is sent. */
import type { Settings } from "../config/settings.ts";
import { isoTime } from "../core/clock.ts";
import { parseDuration } from "../core/duration.ts";
import { MlError } from "../core/error.ts";
import { localZone } from "../core/hours.ts";
import { parseMoment } from "../core/moment.ts";
import { parseSize } from "../core/size.ts";
import { warnSignals } from "../core/warn-signals.ts";
import { limits } from "../protocol/frames.ts";
import type { SubmitSpec } from "../protocol/requests.ts";
import { type FlagValues, flag } from "./flags.ts";

/** The flags that describe a run; per line of a `--from` file too. */
export const runFlags = {
  name: flag.text("NAME", "a handle for people; default: the script's name"),
  note: flag.text("TEXT", "a note, kept with the run"),
  priority: flag.number("N", "1 to 10, higher goes first; default 5", { short: "p", least: 1, most: 10, whole: true }),
  tag: flag.texts("TAG", "a label; several by commas or by repeating", { complete: "tag" }),
  hypothesis: flag.text("TEXT", "what you think is true"),
  context: flag.text("TEXT", "what led here"),
  intent: flag.text("TEXT", "what this run is to find out"),
  expect: flag.text("TEXT", "what you expect to see; `val_acc>=0.85 in <4h` is checked when it ends"),
  parent: flag.text("RUN", "the run that this one follows from", { complete: "run" }),
  group: flag.text("GROUP", "the experiment that it belongs to", { complete: "group" }),
  gpus: flag.number("N", "GPUs; default 0", { least: 0, most: 1024, whole: true }),
  gpuMemory: flag.text("SIZE", "memory needed on each GPU, such as 24G"),
  cpus: flag.number("N", "CPU cores; default 1", { least: 0, most: 100_000 }),
  ram: flag.text("SIZE", "memory, such as 16G"),
  disk: flag.text("SIZE", "free disk space needed, such as 100G"),
  maxRuntime: flag.text("TIME", "stop it after this long, such as 4h or 90m; a plain number counts hours"),
  notify: flag.choice(
    ["ended", "failed", "never"],
    "tell by the server's command or webhook when it ended, or only when it failed",
  ),
  retries: flag.number("N", "try it again as a new run where it fails, N times at most", {
    least: 0,
    most: 100,
    whole: true,
  }),
  retryOn: flag.texts("KIND", "retry only these kinds of failure, such as oom,worker_lost; default: any"),
  warnSignal: flag.text("SIGNAL@TIME", "warn the script before its time limit, such as USR1@120 (seconds) or USR1@5m"),
  grace: flag.text("TIME", "time between SIGTERM and SIGKILL when it is stopped; default 30s"),
  env: flag.texts("K=V", "an environment variable for the script; K alone forwards yours"),
  python: flag.text("PATH", "the interpreter for .py files"),
  after: flag.texts("RUN", "start when that run has ended; several by commas or by repeating", { complete: "run" }),
  afterOk: flag.texts("RUN", "start when that run has completed; where it does not, this one is cancelled", {
    complete: "run",
  }),
  at: flag.text("TIME", "start no sooner: `22:00`, `tomorrow 8:00`, `2026-11-27 08:00` or `+2h`"),
  when: flag.text(
    "WHEN",
    "start in `cheap` hours, at `night`, on an `idle` machine, `after 22:00` or in `22:00-06:00`",
  ),
  groupLimit: flag.number("N", "of its group run at most N at a time", { least: 1, most: 10_000, whole: true }),
  data: flag.texts(
    "NAME[=V]",
    "a registered dataset that it uses; `{data:NAME}` in its arguments becomes the folder, and so does `$ML_DATA_NAME`",
    { complete: "dataset" },
  ),
  dataPolicy: flag.choice(
    ["wait", "fetch", "direct"],
    "where its datasets are not on the local disk at its turn: wait, fetch them first, or read them where they are",
  ),
  venv: flag.text(
    "LOCK",
    "start it in a virtual environment built from this file of the code while it waits: uv.lock, or requirements.txt",
    { complete: "file" },
  ),
  traceReads: flag.on("record which files it reads, and whether it reads a dataset that `--data` does not name"),
  hold: flag.on("queue it, but let it wait for `ml release`"),
  metricPattern: flag.texts(
    "PATTERN",
    "take metrics from printed lines that fit, such as `loss: {loss}`; try it out with `ml metrics --try`",
  ),
  reproLevel: flag.choice(
    ["none", "basic", "strict"],
    "how reproducible it must be; strict refuses what is not, and says how to make it so",
  ),
  splitOutput: flag.on("keep stdout and stderr in files of their own"),
  tty: flag.on("run it on a terminal of its own, for `ml attach`: pdb, a prompt, a progress bar", {
    scriptKeeps: true,
  }),
} as const;

export type RunFlags = FlagValues<typeof runFlags>;
/** What a run asks for, without its command, its code and its submit_id. */
export type Wishes = Omit<
  SubmitSpec,
  "submit_id" | "argv" | "cwd" | "snapshot" | "project" | "git" | "git_diff" | "git_upstream_diff"
>;

const gigabyte = 1e9;

function gigabytes(text: string | null, what: string): number | null {
  return text === null ? null : parseSize(text, what, "g") / gigabyte;
}

/** Throws `usage` for a name longer than the server takes. */
function checkLength(name: string, text: string | null, most: number): string | null {
  if (text === null || text.length <= most) return text;
  throw new MlError("usage", `\`--${name} ${text.slice(0, 20)}…\` is longer than ${most} characters`);
}

/** Labels of all `--tag`s, split at commas, each once. */
export function splitTags(given: readonly string[]): string[] {
  const tags = given.flatMap((text) => text.split(",")).map((tag) => tag.trim());
  for (const tag of tags) checkLength("tag", tag, 128);
  return [...new Set(tags.filter((tag) => tag !== ""))];
}

/** Variables by name. Throws `usage` for a name that is none, or one to forward that is not set. */
export function readVariables(
  given: readonly string[],
  ours: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const text of given) {
    const equals = text.indexOf("=");
    const name = equals < 0 ? text : text.slice(0, equals);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw new MlError("usage", `\`--env ${text}\`: \`${name}\` is not a name of a variable`, {
        hint: "write `--env NAME=VALUE`",
      });
    }
    const value = equals < 0 ? ours[name] : text.slice(equals + 1);
    if (value === undefined) {
      throw new MlError("usage", `\`--env ${name}\` forwards your variable \`${name}\`, but it is not set here`, {
        hint: `write \`--env ${name}=VALUE\``,
      });
    }
    variables[name] = value;
  }
  return variables;
}

/** RFC 3339 of `--at`. */
function momentOf(text: string | null): string | null {
  return text === null ? null : isoTime(parseMoment(text, "`--at`", { nowMs: Date.now(), zone: localZone }));
}

/** Throws `usage` where a text is longer than the server takes (limit in bytes of UTF-8). */
function checkText(name: string, text: string | null): string | null {
  if (text === null || Buffer.byteLength(text) <= limits.textBytes) return text;
  throw new MlError("usage", `\`--${name}\` is longer than ${limits.textBytes / 1024} KiB`, {
    hint: "keep long texts in a file next to the script: it becomes part of the snapshot",
  });
}

/** An expectation without a word would be checked at the end, and found to be met by anything. Throws `usage`. */
function requireWords(expect: string | null): string | null {
  if (expect === null || expect.trim() !== "") return expect;
  throw new MlError("usage", "`--expect` was given nothing to expect", {
    hint: "say it, such as `--expect 'val_acc>=0.85 in <4h'`, or leave it out",
  });
}

/** `USR1@120`. Throws `usage` for a signal that cannot be handled, and where there is no limit to warn of. */
function readWarning(
  text: string | null,
  maxRuntimeHours: number | null,
): Pick<Wishes, "warn_signal" | "warn_seconds"> {
  if (text === null) return { warn_signal: null, warn_seconds: null };
  const [name = "", time, ...more] = text.split("@");
  const signal = warnSignals.find((known) => known === name.toUpperCase().replace(/^SIG/, ""));
  if (signal === undefined || time === undefined || more.length > 0) {
    throw new MlError("usage", `\`--warn-signal ${text}\` is not a signal and a time`, {
      hint: `write it like \`USR1@120\`; signals are ${warnSignals.join(", ")}`,
    });
  }
  const seconds = parseDuration(time, "time before the limit") / 1000;
  if (maxRuntimeHours === null) {
    throw new MlError("usage", "`--warn-signal` warns of a time limit, and the run has none", {
      hint: "give it one: `--max-runtime 4h`",
    });
  }
  if (seconds <= 0 || seconds >= maxRuntimeHours * 3600) {
    throw new MlError("usage", `\`--warn-signal ${text}\`: the warning must come after the start and before the limit`);
  }
  return { warn_signal: signal, warn_seconds: seconds };
}

export interface WishSources {
  settings: Settings;
  env: Readonly<Record<string, string | undefined>>;
}

/** Throws `usage` naming the flag that cannot be read. */
export function wishesOf(flags: RunFlags, { settings, env }: WishSources): Wishes {
  const maxRuntimeMs = flags.maxRuntime === null ? null : parseDuration(flags.maxRuntime, "time limit", "h");
  if (flags.tty && flags.splitOutput) {
    throw new MlError("usage", "`--tty` and `--split-output` exclude each other: a terminal has one output", {
      hint: "leave one of them out",
    });
  }
  if (maxRuntimeMs === 0) throw new MlError("usage", "`--max-runtime 0` would stop the run before it starts");
  const graceMs = flags.grace === null ? settings.grace_seconds * 1000 : parseDuration(flags.grace, "grace period");
  const limitHours = maxRuntimeMs === null ? settings.max_runtime_hours : maxRuntimeMs / 3_600_000;
  return {
    name: checkLength("name", flags.name, 128),
    priority: flags.priority ?? settings.priority ?? 5,
    held: flags.hold,
    note: checkText("note", flags.note),
    hypothesis: checkText("hypothesis", flags.hypothesis),
    context: checkText("context", flags.context),
    intent: checkText("intent", flags.intent),
    expected_outcome: checkText("expect", requireWords(flags.expect)),
    parent: checkLength("parent", flags.parent, 256),
    group: checkLength("group", flags.group, 256),
    after: splitTags(flags.after),
    after_ok: splitTags(flags.afterOk),
    not_before: momentOf(flags.at),
    when: checkLength("when", flags.when, 200),
    group_limit: flags.groupLimit,
    tags: splitTags(flags.tag),
    requested: {
      gpus: flags.gpus ?? 0,
      gpu_memory_gb: gigabytes(flags.gpuMemory, "GPU memory"),
      cpu_cores: flags.cpus ?? 1,
      ram_gb: gigabytes(flags.ram, "memory"),
      disk_gb: gigabytes(flags.disk, "disk space"),
      max_runtime_hours: limitHours,
    },
    env: readVariables(flags.env, env),
    split_output: flags.splitOutput,
    datasets: splitTags(flags.data),
    data_policy: (flags.dataPolicy ?? settings.data_policy) as NonNullable<Wishes["data_policy"]>,
    venv: checkLength("venv", flags.venv, 1024),
    trace_reads: flags.traceReads,
    tty: flags.tty,
    metric_patterns: [...flags.metricPattern, ...(settings.metric_pattern === null ? [] : [settings.metric_pattern])],
    repro_level: (flags.reproLevel ?? settings.repro_level) as NonNullable<Wishes["repro_level"]>,
    notify: flags.notify,
    retries: flags.retries ?? 0,
    retry_on: splitTags(flags.retryOn),
    retry_backoff_seconds: settings.retry_backoff_seconds,
    ...readWarning(flags.warnSignal, limitHours),
    grace_seconds: graceMs / 1000,
  };
}
