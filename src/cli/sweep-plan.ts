/** Flags of `ml sweep` and its file as the plan that the server expands. Nothing is expanded here. */

import { readToml } from "../config/read-toml.ts";
import { betterDirection } from "../core/better-direction.ts";
import { MlError } from "../core/error.ts";
import { nearest } from "../core/nearest.ts";
import type { Body } from "../protocol/requests.ts";
import { type FlagValues, flag } from "./flags.ts";

export type SweepPlan = Body<"sweep.create">["plan"];

/** The parameters; the same for a new sweep and for one that is extended. */
export const planFlags = {
  grid: flag.texts(
    "NAME=VALUES",
    "values to combine with all others: `lr=1e-3,3e-4`, `bs=32:256:x2`, `n=1:10:3`, `lr=1e-4:1e-1:log4`",
  ),
  zip: flag.texts("NAME=VALUES", "values that go together with those of the other `--zip`s, first with first"),
  const: flag.texts("NAME=VALUE", "the same value in all runs"),
  random: flag.number("N", "draw so many points instead of taking all; ranges may then be `log`, `uniform` or `int`", {
    least: 1,
    most: 1e6,
    whole: true,
  }),
  seed: flag.number("N", "seed of the drawing; default 0", {
    least: 0,
    most: 0xffffffff,
    whole: true,
    scriptKeeps: true,
  }),
  skip: flag.texts("CONDITION", "leave out points like `opt=adam lr>=1e-2`"),
  only: flag.texts("NAME:CONDITION", "give a parameter only where it applies: `momentum: opt=sgd`"),
  repeat: flag.number("N", "each point so many times, with seed 0, 1, 2 …", { least: 1, most: 1000, whole: true }),
  repeatAs: flag.text("NAME", "the parameter that tells repeats apart; default `seed`"),
  style: flag.choice(
    ["flag", "equals", "bare"],
    "how parameters are given: `--lr 1`, `--lr=1`, or `lr=1` as for Hydra",
  ),
};
type PlanFlags = FlagValues<typeof planFlags>;

export function planOf(flags: PlanFlags): SweepPlan {
  return {
    grid: flags.grid,
    zip: flags.zip,
    constants: flags.const,
    random: flags.random,
    skip: flags.skip,
    only: flags.only,
    repeat: flags.repeat ?? 1,
    ...(flags.seed === null ? {} : { seed: flags.seed }),
    ...(flags.repeatAs === null ? {} : { repeat_as: flags.repeatAs }),
    ...(flags.style === null ? {} : { style: flags.style }),
  };
}

export interface SweepFile {
  plan: SweepPlan;
  words: string[];
  name: string | null;
  maxConcurrent: number | null;
  stopIf: string | null;
  goal: string | null;
  halving: string | null;
}

const keys = [
  "command",
  "name",
  "grid",
  "zip",
  "const",
  "random",
  "seed",
  "skip",
  "only",
  "repeat",
  "repeat_as",
  "style",
  "max_concurrent",
  "stop_if",
  "goal",
  "halving",
];

type Table = Record<string, unknown>;

/** A parameter of the file: a list of values, or one of the forms of the command line. */
function dimension(name: string, value: unknown): string {
  if (Array.isArray(value)) return `${name}=${value.map((one) => String(one).replaceAll(",", "\\,")).join(",")}`;
  return `${name}=${String(value)}`;
}

function tableOf(file: Table, key: string): string[] {
  const value = file[key];
  if (value === undefined) return [];
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return Object.entries(value).map(([name, one]) => dimension(name, one));
  }
  throw new MlError("usage", `\`${key}\` of a sweep file is a table of parameters`, {
    hint: `write \`[${key}]\` and below it \`lr = [1e-3, 3e-4]\``,
  });
}

function texts(file: Table, key: string): string[] {
  const value = file[key];
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map(String);
}

function single<T extends "string" | "number">(
  file: Table,
  key: string,
  type: T,
): (T extends "string" ? string : number) | null {
  const value = file[key];
  if (value === undefined) return null;
  if (typeof value === type) return value as never;
  throw new MlError(
    "usage",
    `\`${key}\` of a sweep file is a ${type === "string" ? "text" : "number"}, not \`${JSON.stringify(value)}\``,
  );
}

async function parseToml(path: string): Promise<Table> {
  const text = await Bun.file(path)
    .text()
    .catch((cause) => {
      throw new MlError("not_found", `the sweep file \`${path}\` cannot be read`, { cause: String(cause) });
    });
  const { table, mistake } = readToml(text);
  if (table !== null) return table;
  throw new MlError("usage", `\`${path}\`, line ${mistake.line}, column ${mistake.column}: ${mistake.why}`);
}

/** Throws `usage` naming the key, `not_found` for a file that cannot be read. */
export async function readSweepFile(path: string): Promise<SweepFile> {
  const file = await parseToml(path);
  for (const key of Object.keys(file)) {
    if (keys.includes(key)) continue;
    const near = nearest(key, keys);
    throw new MlError("usage", `\`${path}\`: there is no key \`${key}\` of a sweep`, {
      hint: near === null ? `known keys: ${keys.join(", ")}` : `did you mean \`${near}\`?`,
    });
  }
  const { command } = file;
  const { shellWords } = await import("../core/shell-words.ts");
  const words = Array.isArray(command) ? command.map(String) : typeof command === "string" ? shellWords(command) : [];
  const [random, seed, repeat] = [
    single(file, "random", "number"),
    single(file, "seed", "number"),
    single(file, "repeat", "number"),
  ];
  const [repeatAs, style] = [single(file, "repeat_as", "string"), single(file, "style", "string")];
  return {
    words,
    name: single(file, "name", "string"),
    maxConcurrent: single(file, "max_concurrent", "number"),
    stopIf: single(file, "stop_if", "string"),
    goal: single(file, "goal", "string"),
    halving: single(file, "halving", "string"),
    plan: {
      grid: tableOf(file, "grid"),
      zip: tableOf(file, "zip"),
      constants: tableOf(file, "const"),
      random,
      skip: texts(file, "skip"),
      only: texts(file, "only"),
      ...(seed === null ? {} : { seed }),
      ...(repeat === null ? {} : { repeat }),
      ...(repeatAs === null ? {} : { repeat_as: repeatAs }),
      ...(style === null ? {} : { style: style as "flag" }),
    },
  };
}

/** What stands in both: the command line's parameters come after the file's, its other words win. */
export function joinPlans(file: SweepPlan, line: SweepPlan, given: ReadonlySet<string>): SweepPlan {
  return {
    grid: [...(file.grid ?? []), ...(line.grid ?? [])],
    zip: [...(file.zip ?? []), ...(line.zip ?? [])],
    constants: [...(file.constants ?? []), ...(line.constants ?? [])],
    skip: [...(file.skip ?? []), ...(line.skip ?? [])],
    only: [...(file.only ?? []), ...(line.only ?? [])],
    random: line.random ?? file.random ?? null,
    ...pick("seed", file, line, given),
    ...pick("repeat", file, line, given),
    ...pick("repeat_as", file, line, given, "repeatAs"),
    ...pick("style", file, line, given),
  };
}

function pick<K extends keyof SweepPlan>(
  key: K,
  file: SweepPlan,
  line: SweepPlan,
  given: ReadonlySet<string>,
  flagName: string = key,
): Pick<SweepPlan, K> | object {
  const value = given.has(flagName) ? line[key] : (file[key] ?? line[key]);
  return value === undefined ? {} : { [key]: value };
}

/** `val_acc`, `min:loss`, `max:score`. Throws `usage` where neither the words nor the name say which way is better. */
export function goalOf(text: string | null): { metric: string; direction: "max" | "min" } | null {
  if (text === null) return null;
  const match = /^(?:(min|max):)?(.+)$/.exec(text);
  const metric = match?.[2] ?? text;
  const direction = (match?.[1] as "min" | "max" | undefined) ?? betterDirection(metric);
  if (direction !== null) return { metric, direction };
  throw new MlError("usage", `whether more or less of \`${metric}\` is better cannot be told from its name`, {
    hint: `write \`--goal max:${metric}\` or \`--goal min:${metric}\``,
  });
}

/** `min=3,factor=3`, `min=3`, or `3`. Throws `usage`. */
export function halvingOf(text: string | null): { min: number; factor: number } | null {
  if (text === null) return null;
  const rule = { min: Number.NaN, factor: 3 };
  for (const part of text.split(",")) {
    const [name = "", value] = part.split("=").map((word) => word.trim());
    if (value === undefined) rule.min = Number(name);
    else if (name === "min" || name === "factor") rule[name] = Number(value);
    else rule.min = Number.NaN;
  }
  if (rule.min > 0 && rule.factor >= 1.5 && rule.factor <= 1000) return rule;
  throw new MlError("usage", `\`--halving ${text}\` is no first step and factor`, {
    hint: "write it like `--halving min=3,factor=3`: at steps 3, 9, 27 … the best third of what is left goes on",
  });
}
