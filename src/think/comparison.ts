/** Several runs side by side: only what varies among them, then what they measured, and what people said of them. */
import { betterDirection } from "../core/better-direction.ts";
import { dataWarnings } from "./data-drift.ts";
import type { Cell } from "./difference.ts";
import type { RunFacts } from "./run-facts.ts";

export interface ComparedColumn {
  kind: "parameter" | "fact" | "metric";
  name: string;
  /** One a run, in their order; null where the run has none. */
  values: Cell[];
  /** Of a metric: `min` or `max` where its name says which way is better. */
  better: "min" | "max" | null;
}

export interface Comparison {
  runs: { run_id: string; name: string; user: string; status: string }[];
  columns: ComparedColumn[];
  /** What is the same in all of them. */
  same: { name: string; value: Cell }[];
  /** A sentence for each dataset that was not the same in all runs that used it; the server adds runs that it cannot read. */
  warnings: string[];
}

export interface CompareOptions {
  /** Only these metrics; null: all but those derived from others. */
  metrics: readonly string[] | null;
  /** Keep columns that do not vary. */
  all: boolean;
}

const derived = /^(best|final)_|^training_time_hours$/;

const factReaders: Record<string, (run: RunFacts) => Cell> = {
  script: (run) => run.script,
  code: (run) => run.snapshot?.slice(0, 8) ?? null,
  data: (run) => run.data,
  python: (run) => run.python,
  gpu: (run) => run.gpu,
  host: (run) => run.host,
  user: (run) => run.user,
  group: (run) => run.group,
};

const resultReaders: Record<string, (run: RunFacts) => Cell> = {
  seconds: (run) => run.seconds,
  status: (run) => run.failure ?? run.status,
  verdict: (run) => run.verdict,
};

const varies = (values: readonly Cell[]) => new Set(values).size > 1;

/** What is known of a run once it has started. */
const knownLater = new Set(["python", "gpu", "host"]);

function metricNames(runs: readonly RunFacts[], wanted: CompareOptions["metrics"]): string[] {
  if (wanted !== null) return [...wanted];
  const names = new Set(runs.flatMap((run) => Object.keys({ ...run.metrics, ...run.not_finite })));
  return [...names].filter((name) => !derived.test(name) || !names.has(name.replace(/^(best|final)_/, "")));
}

export function compareRuns(runs: readonly RunFacts[], options: CompareOptions): Comparison {
  const column = (kind: ComparedColumn["kind"], name: string, read: (run: RunFacts) => Cell): ComparedColumn => ({
    kind,
    name,
    values: runs.map(read),
    better: kind === "metric" ? betterDirection(name) : null,
  });
  const parameters = [...new Set(runs.flatMap((run) => Object.keys(run.parameters)))];
  const inputs = [
    ...parameters.map((name) => column("parameter", name, (run) => run.parameters[name] ?? null)),
    ...Object.entries(factReaders).map(([name, read]) => column("fact", name, read)),
  ];
  const outputs = [
    ...metricNames(runs, options.metrics).map((name) =>
      column("metric", name, (run) => run.metrics[name] ?? run.not_finite[name] ?? null),
    ),
    ...Object.entries(resultReaders).map(([name, read]) => column("fact", name, read)),
  ];
  // That a waiting run has no host yet is no difference.
  const known = ({ name, values }: ComparedColumn) =>
    knownLater.has(name) ? values.filter((_, at) => runs[at]?.started_at !== null) : values;
  const shown = inputs.filter((one) => options.all || varies(known(one)));
  const told = outputs.filter(
    ({ name, values }) =>
      (name !== "status" && values.some((value) => value !== null)) || (name === "status" && varies(values)),
  );
  return {
    runs: runs.map(({ run_id, name, user, status }) => ({ run_id, name, user, status })),
    columns: [...shown, ...told],
    same: inputs.flatMap((one) => {
      const [value = null] = known(one);
      return varies(known(one)) || value === null ? [] : [{ name: one.name, value }];
    }),
    // A run is called by its name and the end of its id.
    warnings: dataWarnings(
      runs.map(({ name, run_id, data_seen: data }) => ({
        title: `${name} ${run_id.slice(run_id.indexOf("_") + 1)}`,
        data,
      })),
    ),
  };
}
