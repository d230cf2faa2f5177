/**
 * One run as it will be submitted, but for its code: from the words and flags of the command line, or from one line of a
 * batch file, which may override what the command line says.
 */
import { MlError } from "../core/error.ts";
import { nearest } from "../core/nearest.ts";
import { shellWords } from "../core/shell-words.ts";
import type { SubmitSpec } from "../protocol/requests.ts";
import { atLine, type BatchLine } from "./batch-file.ts";
import type { Arguments, Command } from "./command.ts";
import { parseCommand } from "./parse.ts";
import { type RunFlags, runFlags, splitTags, type Wishes, type WishSources, wishesOf } from "./submission.ts";
import { type Surroundings, type Understood, understand } from "./understand.ts";

/** What a submission says about its code. */
export type CodeFields = Pick<SubmitSpec, "cwd" | "snapshot" | "project" | "git" | "git_diff" | "git_upstream_diff">;

export interface PlannedRun extends Understood {
  wishes: Wishes;
  /** `file:line` for a run of a batch. */
  where: string | null;
  /** The script or program as typed, where it names a file. */
  script: string | null;
  /** The code that the server has already, in place of the tree's. */
  code?: CodeFields;
}

export interface PlanSources extends WishSources {
  cwd: string;
  local: boolean;
}

function surroundings(flags: RunFlags, { cwd, local, env, settings }: PlanSources): Surroundings {
  // An environment of its own takes the place of the one that is active here.
  return { cwd, local: local && flags.venv === null, env, python: flags.python ?? settings.python };
}

/** The file of the tree that a command names, by which its presence in the snapshot can be checked; else null. */
function scriptOf(words: readonly string[]): string | null {
  const [first = "", second = ""] = words;
  if (first.endsWith(".py") || first.includes("/")) return first;
  return /^python[\d.]*$/.test(first) && second.endsWith(".py") && !second.startsWith("-") ? second : null;
}

export function planRun(words: readonly string[], flags: RunFlags, sources: PlanSources): PlannedRun {
  const understood = understand(words, surroundings(flags, sources));
  return { ...understood, wishes: wishesOf(flags, sources), where: null, script: scriptOf(words) };
}

/** What stands on the line wins over what stands on the command line; tags and variables add up. */
function overridden(outer: RunFlags, inner: Arguments): RunFlags {
  const merged: Record<string, unknown> = { ...outer };
  for (const name of Object.keys(runFlags)) if (inner.given.has(name)) merged[name] = inner.flags[name];
  merged.tag = [...outer.tag, ...((inner.flags.tag as string[] | undefined) ?? [])];
  merged.data = [...outer.data, ...((inner.flags.data as string[] | undefined) ?? [])];
  merged.env = [...outer.env, ...((inner.flags.env as string[] | undefined) ?? [])];
  return merged as RunFlags;
}

function planWords(
  words: readonly string[],
  flags: RunFlags,
  options: { command: Command; sources: PlanSources },
): PlannedRun {
  const args = parseCommand(options.command, words, { title: "ml queue" });
  const foreign = [...args.given].find((name) => !(name in runFlags));
  if (foreign !== undefined) {
    throw new MlError("usage", `\`--${foreign}\` says something about the whole command and cannot stand on a line`, {
      hint: "give it to `ml queue` itself; for the script's own flag write `--` before the script",
    });
  }
  return planRun(args.script, overridden(flags, args), options.sources);
}

const textKeys = ["name", "note", "hypothesis", "context", "intent", "expected_outcome", "parent", "group"] as const;
const objectKeys = [
  ...["command", "argv", "priority", "tags", "held", "env", "requested", "split_output", "tty", "grace_seconds"],
  ...["datasets", "data_policy", "venv", "trace_reads"],
  ...["warn_signal", "warn_seconds", "retries", "retry_on", "notify"],
  ...["after", "after_ok", "not_before", "when", "group_limit"],
  ...textKeys,
];

function typed<T>(
  object: Record<string, unknown>,
  key: string,
  check: { is(value: unknown): boolean; what: string },
): T | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  if (check.is(value)) return value as T;
  throw new MlError("usage", `\`${key}\` is ${check.what}, not \`${JSON.stringify(value)?.slice(0, 60)}\``);
}

const text = { is: (value: unknown) => typeof value === "string", what: "a text" };
const number = { is: (value: unknown) => typeof value === "number", what: "a number" };
const truth = { is: (value: unknown) => typeof value === "boolean", what: "true or false" };
const texts = {
  is: (value: unknown) => Array.isArray(value) && value.every((item) => typeof item === "string"),
  what: "a list of texts",
};
const object = {
  is: (value: unknown) => typeof value === "object" && !Array.isArray(value),
  what: "an object",
};

/** A JSON line has the keys of the `submit` request, with `command` (as typed in a shell) in place of `argv` if liked. */
function planObject(given: Record<string, unknown>, flags: RunFlags, sources: PlanSources): PlannedRun {
  for (const key of Object.keys(given)) {
    if (objectKeys.includes(key)) continue;
    const near = nearest(key, objectKeys);
    throw new MlError("usage", `there is no key \`${key}\` for a run`, {
      hint: near === null ? `known keys: ${objectKeys.join(", ")}` : `did you mean \`${near}\`?`,
    });
  }
  const command = typed<string>(given, "command", text);
  const words = typed<string[]>(given, "argv", texts) ?? (command === undefined ? [] : shellWords(command));
  const planned = planRun(words, flags, sources);
  const { wishes } = planned;
  const said: Partial<SubmitSpec> = {};
  for (const key of textKeys) said[key] = typed<string>(given, key, text) ?? wishes[key] ?? null;
  const requested = typed<object>(given, "requested", object) ?? {};
  const merged: Wishes = {
    ...wishes,
    ...said,
    priority: typed<number>(given, "priority", number) ?? wishes.priority,
    held: typed<boolean>(given, "held", truth) ?? wishes.held,
    datasets: [...(wishes.datasets ?? []), ...(typed<string[]>(given, "datasets", texts) ?? [])],
    data_policy: typed<NonNullable<Wishes["data_policy"]>>(given, "data_policy", text) ?? wishes.data_policy,
    venv: typed<string>(given, "venv", text) ?? wishes.venv ?? null,
    trace_reads: typed<boolean>(given, "trace_reads", truth) ?? wishes.trace_reads,
    split_output: typed<boolean>(given, "split_output", truth) ?? wishes.split_output,
    tty: typed<boolean>(given, "tty", truth) ?? wishes.tty,
    grace_seconds: typed<number>(given, "grace_seconds", number) ?? wishes.grace_seconds,
    notify: typed<NonNullable<Wishes["notify"]>>(given, "notify", text) ?? wishes.notify ?? null,
    retries: typed<number>(given, "retries", number) ?? wishes.retries,
    retry_on: typed<string[]>(given, "retry_on", texts) ?? wishes.retry_on,
    warn_signal: typed<NonNullable<Wishes["warn_signal"]>>(given, "warn_signal", text) ?? wishes.warn_signal ?? null,
    warn_seconds: typed<number>(given, "warn_seconds", number) ?? wishes.warn_seconds ?? null,
    after: [...(wishes.after ?? []), ...(typed<string[]>(given, "after", texts) ?? [])],
    after_ok: [...(wishes.after_ok ?? []), ...(typed<string[]>(given, "after_ok", texts) ?? [])],
    not_before: typed<string>(given, "not_before", text) ?? wishes.not_before ?? null,
    when: typed<string>(given, "when", text) ?? wishes.when ?? null,
    group_limit: typed<number>(given, "group_limit", number) ?? wishes.group_limit ?? null,
    tags: splitTags([...(wishes.tags ?? []), ...(typed<string[]>(given, "tags", texts) ?? [])]),
    env: { ...wishes.env, ...typed<Record<string, string>>(given, "env", object) },
    requested: { ...wishes.requested, ...requested },
  };
  return { ...planned, wishes: merged };
}

export function planBatch(
  lines: readonly BatchLine[],
  flags: RunFlags,
  options: { command: Command; sources: PlanSources },
): PlannedRun[] {
  return lines.map(({ where, given }) =>
    atLine(where, () => {
      const planned =
        given.kind === "words"
          ? planWords(given.words, flags, options)
          : planObject(given.object, flags, options.sources);
      return { ...planned, where };
    }),
  );
}
