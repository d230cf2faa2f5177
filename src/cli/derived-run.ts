/**
 * A run made from another: its command, code, wishes and why, with what the command line says laid over them. Requeue,
 * clone and fork differ only in what they change.
 */
import type { Connection } from "../client/connection.ts";
import { type MergeMode, mergeArguments } from "../core/argument-merge.ts";
import { quoteWord } from "../core/shell-quote.ts";
import type { Reply, SubmitSpec } from "../protocol/requests.ts";
import { type Line, span } from "../view/face.ts";
import { safeText } from "../view/safe-text.ts";
import type { CodeFields, PlannedRun } from "./planned-run.ts";
import { type RunFlags, type Wishes, type WishSources, wishesOf } from "./submission.ts";

export type Source = Pick<Reply<"run.get">, "manifest">;
type Requested = NonNullable<SubmitSpec["requested"]>;

/** What a flag of the command line decides; without the flag the source run does. */
const wishesOfFlag: Readonly<Record<string, readonly (keyof Wishes)[]>> = {
  name: ["name"],
  priority: ["priority"],
  hypothesis: ["hypothesis"],
  context: ["context"],
  intent: ["intent"],
  expect: ["expected_outcome"],
  group: ["group", "group_limit"],
  grace: ["grace_seconds"],
  splitOutput: ["split_output"],
  data: ["datasets"],
  dataPolicy: ["data_policy"],
  venv: ["venv"],
  traceReads: ["trace_reads"],
  tty: ["tty"],
  notify: ["notify"],
  retries: ["retries"],
  retryOn: ["retry_on"],
  warnSignal: ["warn_signal", "warn_seconds"],
  metricPattern: ["metric_patterns"],
  reproLevel: ["repro_level"],
};
const requestOfFlag: Partial<Record<keyof RunFlags, keyof Requested>> = {
  gpus: "gpus",
  gpuMemory: "gpu_memory_gb",
  cpus: "cpu_cores",
  ram: "ram_gb",
  disk: "disk_gb",
  maxRuntime: "max_runtime_hours",
};

/** What a source run would ask for if it were queued again. */
function wishesOfSource({ manifest }: Source): Wishes {
  const { narrative, launch, resources } = manifest;
  return {
    name: manifest.name,
    priority: manifest.priority,
    hypothesis: narrative.hypothesis,
    context: narrative.context,
    intent: narrative.intent,
    expected_outcome: narrative.expected_outcome,
    group: narrative.experiment_group,
    group_limit: launch.terms.group_limit,
    tags: narrative.tags,
    requested: resources.requested,
    env: launch.env,
    split_output: launch.split_output,
    // The very version that it had: the same again is what is asked for.
    datasets: manifest.datasets.map(({ name, version }) => (version === null ? name : `${name}=${version}`)),
    data_policy: launch.data_policy,
    venv: manifest.environment.venv?.lock ?? null,
    trace_reads: launch.trace_reads,
    tty: launch.tty,
    grace_seconds: launch.grace_seconds,
    notify: launch.notify,
    retries: launch.retry?.limit ?? 0,
    retry_on: launch.retry?.on ?? [],
    warn_signal: launch.warn_signal,
    warn_seconds: launch.warn_seconds,
    metric_patterns: launch.metric_patterns,
    repro_level: launch.repro_level,
  };
}

export interface Given {
  flags: RunFlags;
  /** Names of the flags that were typed. */
  given: ReadonlySet<string>;
}

/**
 * The source's wishes with those of the flags laid over them; tags and variables add up. When and after whom the source
 * was to start (`--at`, `--when`, `--after`) is not among them: that was about its own start.
 */
export function derivedWishes(source: Source, { flags, given }: Given, sources: WishSources): Wishes {
  const asked = wishesOf(flags, sources);
  const old = wishesOfSource(source);
  const wishes: Wishes = { ...asked };
  const keep = <Key extends keyof Wishes>(key: Key) => {
    wishes[key] = old[key];
  };
  for (const [name, keys] of Object.entries(wishesOfFlag)) if (!given.has(name)) keys.forEach(keep);
  if (given.has("groupLimit")) wishes.group_limit = asked.group_limit;
  const requested: Record<string, unknown> = { ...asked.requested };
  for (const [name, key] of Object.entries(requestOfFlag)) if (!given.has(name)) requested[key] = old.requested?.[key];
  wishes.requested = requested as Requested;
  wishes.tags = [...new Set([...(old.tags ?? []), ...(asked.tags ?? [])])];
  wishes.env = { ...old.env, ...asked.env };
  return wishes;
}

/** The code that the source ran with: the server has it. */
export function codeOfSource({ manifest }: Source): CodeFields {
  const { environment, launch, cwd } = manifest;
  const { git_commit: commit, git_branch: branch, git_remote: remote, git_dirty: dirty } = environment;
  const { git_upstream: upstream, git_unpushed: unpushed, git_submodules: submodules } = environment;
  const { git_root: root, project } = environment;
  const known = { commit, root, branch, remote, dirty, upstream, unpushed, submodules };
  const git = commit === null && branch === null ? null : known;
  const { git_diff, git_upstream_diff } = launch;
  return { cwd, snapshot: environment.snapshot, project, git, git_diff, git_upstream_diff };
}

export interface Change {
  words: readonly string[];
  mode: MergeMode;
  /** `--python`: takes the place of the interpreter, where the command begins with one. */
  python: string | null;
}

export function changedArguments(source: Source, { words, mode, python }: Change): string[] {
  const argv = mergeArguments(source.manifest.argv, words, mode);
  const [program = ""] = argv;
  return python !== null && /(^|\/)python[\d.]*$/.test(program) ? [python, ...argv.slice(1)] : argv;
}

/** A derived run that is to be submitted; `code` null takes the tree of the folder in which the command was typed. */
export function derivedRun(
  argv: string[],
  options: { wishes: Wishes; code: CodeFields | null; lineage: SubmitSpec["lineage"]; stage?: string[] },
): PlannedRun {
  const { wishes, code, lineage, stage = [] } = options;
  return {
    argv,
    pythonFrom: null,
    wishes: { ...wishes, lineage, stage },
    where: null,
    script: null,
    ...(code === null ? {} : { code }),
  };
}

/** The command as it will be, with the words that the source did not have set apart. */
export function commandLine(argv: readonly string[], source: Source): Line {
  const left = new Map<string, number>();
  for (const word of source.manifest.argv) left.set(word, (left.get(word) ?? 0) + 1);
  const words = argv.map((word) => {
    const count = left.get(word) ?? 0;
    left.set(word, count - 1);
    return span(safeText(quoteWord(word)), count > 0 ? "plain" : "accent");
  });
  return [span("command: ", "dim"), ...words.flatMap((word, index) => (index === 0 ? [word] : [span(" "), word]))];
}

/** One run by any of its names. */
export async function readSource(connection: Connection, run: string): Promise<Reply<"run.get">> {
  return connection.ask("run.get", { run });
}

/** So many are named in one question; how many come back with one answer, the server decides. */
const askedAtOnce = 500;

/** Many by their ids, in their order. */
export async function readSources(connection: Connection, runIds: readonly string[]): Promise<Source[]> {
  const sources: Source[] = [];
  while (sources.length < runIds.length) {
    const runs = runIds.slice(sources.length, sources.length + askedAtOnce);
    const { manifests } = await connection.ask("runs.manifests", { runs });
    sources.push(...manifests.map((manifest) => ({ manifest })));
  }
  return sources;
}
