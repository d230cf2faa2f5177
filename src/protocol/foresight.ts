/** What is foreseen of runs, and how true that was, as it stands in replies. Plain JSON, snake_case; null is not known. */

/** What runs like one took, and a request that they would have fitted in. Null is not known. */
export interface Similar {
  /** `same`: of the same script and arguments; `similar`: of the same script. */
  basis: "same" | "similar";
  runs: number;
  /** Of those that completed; in 8 cases of 10 it is between low and high. */
  seconds: { low: number; middle: number; high: number } | null;
  ram_gb: { typical: number; most: number } | null;
  gpu_memory_gb: { typical: number; most: number } | null;
  proposed: { ram_gb: number | null; gpu_memory_gb: number | null; max_runtime_hours: number | null };
}

/** Counted over completed runs; by when it was foretold. */
export interface EtaAccuracy {
  /** How often an interval is meant to hold: 0.8. */
  promised: number;
  runs: number;
  marks: { mark: "start" | "quarter" | "half"; forecasts: number; hits: number; rate: number | null }[];
}
