/**
 * How two runs differ, facet by facet, and only where they do. What may have caused something comes first, most likely
 * first, by rules that stand here: an argument before code before data before a package; a seed or the name of a folder
 * last. What came of it follows. The lines of changed code are the server's business (code-difference.ts).
 */
import type { Manifest } from "../run/manifest.ts";
import type { ParameterValue } from "../run/parameters.ts";
import { dataSeen } from "./data-drift.ts";
import { fieldNamed } from "./narrative-field.ts";
import { isPlace, isSeed } from "./run-facts.ts";

export const facets = [
  "arguments",
  "code",
  "packages",
  "data",
  "hardware",
  "environment",
  "narrative",
  "metrics",
  "outcome",
] as const;
export type Facet = (typeof facets)[number];
export type Cell = string | number | boolean | null;

export interface DifferenceRow {
  key: string;
  a: Cell;
  b: Cell;
  /** How likely it is to matter, 0 to 100; for results 0. */
  weight: number;
}

export interface FacetDifference {
  facet: Facet;
  rows: DifferenceRow[];
}

/** What one side gives to the comparison. */
export interface Side {
  manifest: Manifest;
  script: string;
  parameters: Record<string, ParameterValue>;
}

type Cells = Record<string, Cell>;

function rowsOf(a: Cells, b: Cells, weigh: (key: string, pair: [Cell, Cell]) => number): DifferenceRow[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .map((key) => ({ key, a: a[key] ?? null, b: b[key] ?? null }))
    .filter((row) => row.a !== row.b)
    .map((row) => ({ ...row, weight: weigh(row.key, [row.a, row.b]) }))
    .sort((one, other) => other.weight - one.weight || (one.key < other.key ? -1 : 1));
}

/** The larger the step, the likelier it shows: each power of ten counts five, up to fifteen. */
function stepWeight([a, b]: [Cell, Cell]): number {
  if (typeof a !== "number" || typeof b !== "number" || a === 0 || b === 0) return 10;
  return Math.min(15, 5 * Math.abs(Math.log10(Math.abs(a / b))));
}

function argumentWeight(key: string, pair: [Cell, Cell]): number {
  if (isSeed(key)) return 30;
  return isPlace(key) ? 5 : 85 + stepWeight(pair);
}

const heavyPackages =
  /^(torch\w*|tensorflow\w*|keras|jax\w*|flax|numpy|scipy|scikit-learn|transformers|datasets|accelerate|timm|lightning|pytorch-lightning|xgboost|lightgbm|cuda\S*|nvidia\S*|triton|diffusers|tokenizers|pandas)$/;

function packageWeight(key: string, [a, b]: [Cell, Cell]): number {
  const major = (cell: Cell) => String(cell ?? "").split(".")[0];
  return (heavyPackages.test(key) ? 55 : 15) + (major(a) === major(b) ? 0 : 10);
}

/** Name → version of a `pip freeze`; a package from a path or URL has that as its version. */
export function packagesOf(freeze: string | null): Cells {
  const found: Cells = {};
  for (const line of (freeze ?? "").split("\n")) {
    const match = /^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?\s*(?:==|@)\s*(.+)$/.exec(line.trim());
    if (match !== null) found[(match[1] ?? "").toLowerCase().replaceAll("_", "-")] = (match[2] ?? "").trim();
  }
  return found;
}

function dataCells(manifest: Manifest): Cells {
  return Object.fromEntries(
    manifest.datasets.map((one, at) => [
      one.name,
      // What it was when the run looked: it may have changed since it was registered.
      String(dataSeen(manifest)[at]?.seen ?? one.version ?? one.nas_path ?? "present"),
    ]),
  );
}

function hardwareCells({ resources }: Manifest): Cells {
  const { requested } = resources;
  return {
    gpu_model: resources.gpu_model,
    cpu_model: resources.cpu_model,
    host: resources.host,
    gpus: requested.gpus,
    cpu_cores: requested.cpu_cores,
    ram_gb: requested.ram_gb,
  };
}

const hardwareWeights: Record<string, number> = { gpu_model: 40, gpus: 45, cpu_model: 12, host: 10 };

function environmentCells({ environment }: Manifest): Cells {
  const { python_version, cuda_version, gpu_driver, os, kernel, container_image, container_digest } = environment;
  const variables = Object.entries(environment.env_vars).map(([name, value]) => [`$${name}`, value]);
  return {
    python_version,
    cuda_version,
    gpu_driver,
    os,
    kernel,
    container_image,
    container_digest,
    ...Object.fromEntries(variables),
  };
}

const environmentWeights: Record<string, number> = {
  python_version: 35,
  cuda_version: 35,
  container_digest: 50,
  container_image: 50,
  gpu_driver: 20,
};

function narrativeCells({ narrative, metadata }: Manifest): Cells {
  const { tags, learnings, next_steps, ...texts } = narrative;
  const joined = Object.entries({ tags, learnings, next_steps }).map(([key, list]): [string, Cell] => [
    key,
    list.length === 0 ? null : list.join("; "),
  ]);
  const cells: Cells = { ...(texts as unknown as Cells), note: metadata.note, ...Object.fromEntries(joined) };
  return Object.fromEntries(Object.entries(cells).map(([key, cell]) => [fieldNamed(key)?.word ?? key, cell]));
}

/** Without what says the same again: `final_…` is the last value, the time stands with the outcome. */
function metricCells({ metrics }: Manifest): Cells {
  const repeats = (name: string) =>
    name === "training_time_hours" || (name.startsWith("final_") && name.slice("final_".length) in metrics);
  return Object.fromEntries(Object.entries(metrics).filter(([name]) => !repeats(name)));
}

/** A best value that is the last one, in both, says the same again. */
function withoutEchoes(rows: readonly DifferenceRow[]): DifferenceRow[] {
  return rows.filter(({ key, a, b }) => {
    const last = key.startsWith("best_") ? rows.find((row) => row.key === key.slice("best_".length)) : undefined;
    return last === undefined || last.a !== a || last.b !== b;
  });
}

/** Two runs never take the same memory to the byte: two digits are what a reader can use. */
const rounded = (value: number | null) => (value === null ? null : Number(value.toPrecision(2)));

function outcomeCells(manifest: Manifest): Cells {
  const { started_at: started, ended_at: ended } = manifest;
  return {
    status: manifest.status,
    exit_code: manifest.exit_code,
    signal: manifest.signal,
    failure: manifest.failure?.kind ?? null,
    seconds: started === null || ended === null ? null : (Date.parse(ended) - Date.parse(started)) / 1000,
    peak_ram_gb: rounded(manifest.resources.actual?.ram_peak_gb ?? null),
    artifacts: manifest.artifacts === null ? null : manifest.artifacts.files.length + manifest.artifacts.not_listed,
  };
}

const nothing = () => 0;
const causes: readonly Facet[] = ["arguments", "code", "packages", "data", "hardware", "environment"];

/** Facets that differ; causes first by their heaviest row, then results. `codeRows` are those of the changed files. */
export function differencesOf(a: Side, b: Side, codeRows: readonly DifferenceRow[]): FacetDifference[] {
  const cells = (read: (manifest: Manifest) => Cells): [Cells, Cells] => [read(a.manifest), read(b.manifest)];
  const rows: Record<Facet, DifferenceRow[]> = {
    arguments: rowsOf({ script: a.script, ...a.parameters }, { script: b.script, ...b.parameters }, argumentWeight),
    code: [...codeRows],
    packages: rowsOf(...cells((one) => packagesOf(one.environment.pip_freeze)), packageWeight),
    data: rowsOf(...cells(dataCells), () => 80),
    hardware: rowsOf(...cells(hardwareCells), (key) => hardwareWeights[key] ?? 8),
    environment: rowsOf(...cells(environmentCells), (key) => environmentWeights[key] ?? (key.startsWith("$") ? 25 : 4)),
    narrative: rowsOf(...cells(narrativeCells), nothing),
    metrics: withoutEchoes(rowsOf(...cells(metricCells), nothing)),
    outcome: rowsOf(...cells(outcomeCells), nothing),
  };
  const heaviest = (facet: Facet) => rows[facet][0]?.weight ?? 0;
  const order = facets.toSorted((one, other) => {
    const [oneCauses, otherCauses] = [causes.includes(one), causes.includes(other)];
    if (oneCauses !== otherCauses) return oneCauses ? -1 : 1;
    return oneCauses ? heaviest(other) - heaviest(one) : facets.indexOf(one) - facets.indexOf(other);
  });
  return order.flatMap((facet) => (rows[facet].length === 0 ? [] : [{ facet, rows: rows[facet] }]));
}
