/**
 * The points of a sweep: which values each run gets. Pure, and the same for the same definition on every machine: a
 * point's key is what says whether it has been run, so the order of definition never matters for that.
 */
import { MlError } from "../core/error.ts";
import { type Point, parseCondition } from "./condition.ts";
import type { SweepPlan } from "./definition.ts";
import { type Dimension, numberText, parseDimension } from "./dimension.ts";

export type { Point } from "./condition.ts";

/** A small generator with a seed (mulberry32, by Tommy Ettinger): the same numbers everywhere. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Names the values of a point whatever their order and form: 1e-2 and 0.01 are one. */
export function pointKey(point: Point): string {
  const entries = Object.entries(point).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return JSON.stringify(entries.map(([name, value]) => [name, isNumber(value) ? Number(value) : value]));
}

const isNumber = (text: string) => /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) && Number.isFinite(Number(text));

function drawn(dimension: Dimension, random: () => number): string {
  if (dimension.kind === "values") {
    return dimension.values[Math.floor(random() * dimension.values.length)] ?? "";
  }
  const { low, high, spread } = dimension;
  if (spread === "int") return String(low + Math.floor(random() * (high - low + 1)));
  const value = spread === "log" ? low * (high / low) ** random() : low + (high - low) * random();
  // Six digits: more say nothing, and make a command that nobody can read.
  return numberText(Number(value.toPrecision(6)));
}

/** Zipped parameters as one: the first value of each goes with the first of the others. */
function zipped(plan: SweepPlan): Record<string, string>[] {
  const dimensions = plan.zip.map((text) => parseDimension(text, { fewDigits: plan.few_digits }));
  const [first] = dimensions;
  if (first === undefined) return [{}];
  const lists = dimensions.map((dimension) => {
    if (dimension.kind !== "values")
      throw new MlError("usage", `\`${dimension.name}\` cannot be zipped: it is a range without values`);
    return dimension.values;
  });
  const lengths = new Set(lists.map((list) => list.length));
  if (lengths.size > 1) {
    const sizes = dimensions.map((dimension, index) => `\`${dimension.name}\` has ${lists[index]?.length}`);
    throw new MlError("usage", `zipped parameters have one value for each other's: ${sizes.join(", ")}`, {
      hint: "give them equally many, or use `--grid` for one of them",
    });
  }
  return Array.from({ length: lists[0]?.length ?? 0 }, (_, at) =>
    Object.fromEntries(dimensions.map((dimension, index) => [dimension.name, lists[index]?.[at] ?? ""])),
  );
}

function requireDistinct(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new MlError("usage", `the parameter \`${twice}\` is given twice`, {
    hint: "put all its values into one `--grid`",
  });
}

/** How many points a full grid has, before conditions: told without making them. */
function gridSize(dimensions: readonly Dimension[], others: number): number {
  return dimensions.reduce((size, dimension) => {
    if (dimension.kind === "values") return size * dimension.values.length;
    throw new MlError("usage", `\`${dimension.name}\` is a range without values, and a grid needs them`, {
      hint: "add `--random N`, or give it a count like `1e-4:1e-2:log5`",
    });
  }, others);
}

function* gridPoints(dimensions: readonly Dimension[]): Generator<Record<string, string>> {
  const [first, ...rest] = dimensions;
  if (first === undefined) {
    yield {};
    return;
  }
  const values = first.kind === "values" ? first.values : [];
  for (const value of values) for (const point of gridPoints(rest)) yield { [first.name]: value, ...point };
}

function* randomPoints(dimensions: readonly Dimension[], plan: SweepPlan): Generator<Record<string, string>> {
  const random = seededRandom(plan.seed);
  // As many tries as can be needed where values are few; then there are no more that differ.
  for (let left = 20 * (plan.random ?? 0) + 100; left > 0; left -= 1) {
    yield Object.fromEntries(dimensions.map((dimension) => [dimension.name, drawn(dimension, random)]));
  }
}

/** A point without the parameters that do not apply to it. */
function pruned(point: Record<string, string>, only: readonly { name: string; holds(point: Point): boolean }[]): Point {
  const left = { ...point };
  for (const { name, holds } of only) if (name in left && !holds(point)) delete left[name];
  return left;
}

function onlyRules(plan: SweepPlan, names: ReadonlySet<string>): { name: string; holds(point: Point): boolean }[] {
  return plan.only.map((text) => {
    const match = /^\s*([A-Za-z_][\w.@/-]*)\s*:(.+)$/s.exec(text);
    const name = match?.[1] ?? "";
    if (match === null || !names.has(name)) {
      throw new MlError("usage", `\`--only ${text}\` names no parameter of this sweep`, {
        hint: "write it like `--only 'momentum: opt=sgd'`",
      });
    }
    const condition = parseCondition(match[2] ?? "");
    requireKnown(condition.names, names, `--only ${text}`);
    return { name, holds: condition.holds };
  });
}

function requireKnown(wanted: readonly string[], names: ReadonlySet<string>, where: string): void {
  const unknown = wanted.find((name) => !names.has(name));
  if (unknown === undefined) return;
  throw new MlError("usage", `\`${where}\` names \`${unknown}\`, which is no parameter of this sweep`, {
    hint: `its parameters are ${[...names].join(", ")}`,
  });
}

export interface Expansion {
  points: Point[];
  /** Names in the order of definition. */
  names: string[];
  /** What counts against a limit: the runs before any are left out by a condition. */
  size: number;
}

/**
 * All points, each once, in order of definition, the repeats of one beside each other. Throws `usage` for what makes no sense and `too_large` above
 * `limit` (the count is named, and worked out without making the points of a grid).
 */
export function expand(plan: SweepPlan, limit: number): Expansion {
  const dimensions = plan.grid.map((text) => parseDimension(text, { fewDigits: plan.few_digits }));
  const zips = zipped(plan);
  const constants = plan.constants.map(parseConstant);
  const names = [
    ...dimensions.map((one) => one.name),
    ...Object.keys(zips[0] ?? {}),
    ...constants.map(([name]) => name),
  ];
  const repeats = plan.repeat === 1 ? [] : [plan.repeat_as];
  requireDistinct([...names, ...repeats]);
  if (
    dimensions.length + zips.length === 0 ||
    (dimensions.length === 0 && plan.zip.length === 0 && plan.repeat === 1)
  ) {
    throw new MlError("usage", "a sweep needs a parameter that varies", { hint: "try `--grid lr=1e-3,3e-4`" });
  }
  const known = new Set(names);
  const skips = plan.skip.map(parseCondition);
  for (const skip of skips) requireKnown(skip.names, known, `--skip ${skip.text}`);
  const only = onlyRules(plan, known);
  const wanted = plan.random ?? Infinity;
  const size = (plan.random ?? gridSize(dimensions, zips.length)) * plan.repeat;
  requireSize(size, limit);
  const seen = new Set<string>();
  const points: Point[] = [];
  const source = plan.random === null ? gridPoints(dimensions) : randomPoints(dimensions, plan);
  const pick = seededRandom(plan.seed + 1);
  const take = (point: Record<string, string>) => {
    const left = pruned(point, only);
    const key = pointKey(left);
    if (seen.has(key) || skips.some((skip) => skip.holds(left))) return;
    seen.add(key);
    points.push(left);
  };
  for (const own of source) {
    if (points.length >= wanted) break;
    const along = plan.random === null ? zips : [zips[Math.floor(pick() * zips.length)] ?? {}];
    for (const zip of along) take({ ...own, ...zip, ...Object.fromEntries(constants) });
  }
  return { points: points.flatMap((point) => repeated(point, plan)), names: [...names, ...repeats], size };
}

function repeated(point: Point, plan: SweepPlan): Point[] {
  if (plan.repeat === 1) return [point];
  return Array.from({ length: plan.repeat }, (_, index) => ({ ...point, [plan.repeat_as]: String(index) }));
}

function parseConstant(text: string): [string, string] {
  const match = /^\s*([A-Za-z_][\w.@/-]*)\s*=(.*)$/s.exec(text);
  if (match === null) throw new MlError("usage", `\`--const ${text}\` is not of the form NAME=VALUE`);
  return [match[1] ?? "", match[2] ?? ""];
}

/** A sweep of more runs than `limit` is a typing error more often than a wish. */
export function requireSize(count: number, limit: number): void {
  if (count <= limit) return;
  throw new MlError(
    "too_large",
    `this sweep has ${count.toLocaleString("en")} runs, more than the limit of ${limit.toLocaleString("en")}`,
    {
      hint: `\`--limit ${count}\` allows it; \`--random N\` draws some of them`,
      data: { count, limit },
    },
  );
}
