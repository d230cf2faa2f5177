/**
 * The fields of the query language, declared once: parsing, suggestions, `ml help find`, completion and docs/find.md
 * come from this table. Any other name is that of a parameter or a metric. A field wins over a parameter of the same
 * name; `param.NAME` and `metric.NAME` say which is meant.
 */

export type FieldKind =
  /** One word: compared whole; `*` stands for anything. */
  | "word"
  /** Compared as a number, in `unit`. */
  | "number"
  /** A moment or a span of time. */
  | "time"
  /** Text that people or scripts wrote: looked into word by word. */
  | "text";

export interface Field {
  kind: FieldKind;
  about: string;
  aliases?: readonly string[];
  unit?: "seconds" | "gb" | "bytes" | "percent" | "plain";
  /** All values there are, where they are few. */
  values?: readonly string[];
}

const statuses = ["queued", "starting", "running", "completed", "failed", "cancelled"];
const failures = [
  ...["oom", "gpu_oom", "timeout", "code_error", "data_error", "environment_error", "disk_full", "signal"],
  ...["worker_lost", "start_failed"],
];
const verdicts = ["validates", "refutes", "inconclusive", "partial"];

/** What a person may or may not have written, and a run may or may not have left. */
export const presences: readonly string[] = [
  ...["note", "hypothesis", "context", "intent", "expected", "outcome", "learned", "next", "annotation", "author"],
  ...["tag", "group", "verdict", "failure", "metric", "artifact", "dataset", "gpu", "project"],
  ...["parent", "source", "sweep"],
];

export const fields = {
  status: { kind: "word", about: "what became of it", values: statuses, aliases: ["state"] },
  user: { kind: "word", about: "whose run it is; `me` is you", aliases: ["owner"] },
  name: { kind: "word", about: "the run's name" },
  run: { kind: "word", about: "the run's id, or the beginning of it", aliases: ["id"] },
  script: { kind: "word", about: "the script, under every name that it has had", aliases: ["file"] },
  project: { kind: "word", about: "the project: its name, git remote or root commit" },
  group: { kind: "word", about: "the experiment group" },
  tag: { kind: "word", about: "a tag", aliases: ["tags"] },
  verdict: { kind: "word", about: "what it did to its hypothesis", values: verdicts, aliases: ["validation"] },
  failure: { kind: "word", about: "why it failed", values: failures, aliases: ["kind_of_failure"] },
  gpu: { kind: "word", about: "a GPU that it was given" },
  gpu_model: { kind: "word", about: "the GPU's model" },
  host: { kind: "word", about: "where it ran", aliases: ["machine"] },
  dataset: { kind: "word", about: "a dataset that it used", aliases: ["data"] },
  package: { kind: "word", about: "an installed package, `torch` or `torch==2.1.0`", aliases: ["pip"] },
  code: { kind: "word", about: "a file of its code, by path or part of it" },
  commit: { kind: "word", about: "the git commit, or the beginning of it" },
  branch: { kind: "word", about: "the git branch" },
  python: { kind: "word", about: "the Python version" },
  parent: { kind: "word", about: "the run that it continues (its id)" },
  source: { kind: "word", about: "the run that it was made from (its id)" },
  sweep: { kind: "word", about: "the sweep that it belongs to" },
  lineage: { kind: "word", about: "how it came to be: queue, requeue, sweep, …" },
  signal: { kind: "word", about: "the signal that ended it" },
  author: { kind: "word", about: "who annotated it" },
  has: {
    kind: "word",
    about: "what is there at all: note, hypothesis, verdict, outcome, metric, artifact, …",
    values: presences,
  },
  is: { kind: "word", about: "held, live, ended or damaged", values: ["held", "live", "ended", "damaged"] },
  since: { kind: "time", about: "queued at that time or later" },
  until: { kind: "time", about: "queued at that time or earlier (that day included)" },
  after: { kind: "time", about: "queued after that time" },
  before: { kind: "time", about: "queued before that time" },
  at: { kind: "time", about: "queued within that day, week, month, year", aliases: ["on", "in", "queued"] },
  started: { kind: "time", about: "started within that time" },
  ended: { kind: "time", about: "ended within that time", aliases: ["finished"] },
  runtime: { kind: "number", unit: "seconds", about: "how long it ran, or has been running", aliases: ["duration"] },
  waited: { kind: "number", unit: "seconds", about: "how long it waited in the line" },
  max_runtime: { kind: "number", unit: "seconds", about: "the time limit that was asked for" },
  exit: { kind: "number", unit: "plain", about: "the exit code", aliases: ["exit_code"] },
  priority: { kind: "number", unit: "plain", about: "the priority, 1 to 10" },
  gpus: { kind: "number", unit: "plain", about: "how many GPUs were asked for" },
  cores: { kind: "number", unit: "plain", about: "how many CPU cores were asked for", aliases: ["cpus"] },
  gpu_memory: { kind: "number", unit: "gb", about: "the GPU memory that was asked for" },
  ram: { kind: "number", unit: "gb", about: "the memory that was asked for" },
  gpu_util: { kind: "number", unit: "percent", about: "average GPU utilisation" },
  gpu_memory_peak: { kind: "number", unit: "gb", about: "the most GPU memory in use" },
  cpu_util: { kind: "number", unit: "percent", about: "average CPU utilisation" },
  ram_peak: { kind: "number", unit: "gb", about: "the most memory in use" },
  energy: { kind: "number", unit: "plain", about: "energy in kWh" },
  artifacts: { kind: "number", unit: "plain", about: "how many files it left" },
  size: { kind: "number", unit: "bytes", about: "how large these are together" },
  note: { kind: "text", about: "the note it was queued with" },
  hypothesis: { kind: "text", about: "what was thought to be true" },
  context: { kind: "text", about: "what led to it" },
  intent: { kind: "text", about: "what it was meant to find out" },
  expected: { kind: "text", about: "what was expected", aliases: ["expected_outcome", "expect"] },
  outcome: { kind: "text", about: "what came of it" },
  learned: { kind: "text", about: "what was learned", aliases: ["learnings", "lesson"] },
  next: { kind: "text", about: "what to do next", aliases: ["next_steps"] },
  annotation: { kind: "text", about: "what people added later", aliases: ["annotations"] },
  command: { kind: "text", about: "the command line and the settings of its config files", aliases: ["cmd", "args"] },
  error: { kind: "text", about: "the failure's message and traceback", aliases: ["traceback"] },
  log: { kind: "text", about: "the end of what it printed", aliases: ["output"] },
} as const satisfies Record<string, Field>;

export type FieldName = keyof typeof fields;

/** Word fields into which `~` looks as into a text. */
export const textOfWord: Partial<Record<string, string>> = { name: "name", tag: "tag", group: "grp" };

/** `sort:` and `limit:` say how the answer is shown, not which runs match. */
export const viewFields = ["sort", "limit"] as const;

const byAlias = new Map<string, FieldName>();
for (const [name, field] of Object.entries(fields) as [FieldName, Field][]) {
  byAlias.set(name, name);
  for (const alias of field.aliases ?? []) byAlias.set(alias, name);
}

/** The field that `typed` means, or null. `-` counts as `_`; case does not count. */
export function fieldOf(typed: string): FieldName | null {
  return byAlias.get(typed.toLowerCase().replaceAll("-", "_")) ?? null;
}

/** Every name that a field may be called by, for suggestions. */
export function fieldWords(): string[] {
  return [...byAlias.keys(), ...viewFields];
}
