/** Facts of believable runs, for the tests of this folder. */
import type { RunFacts } from "../../../src/think/run-facts.ts";

let made = 0;

export function facts(given: Partial<RunFacts> = {}): RunFacts {
  made += 1;
  return {
    run_id: `2026-11-23_${String(made).padStart(6, "a")}`,
    name: `run-${made}`,
    user: "ana",
    status: "completed",
    group: "bs",
    tags: [],
    queued_at: new Date(Date.UTC(2026, 10, 23, 10, made)).toISOString(),
    started_at: "2026-11-23T10:00:00Z",
    ended_at: "2026-11-23T11:00:00Z",
    seconds: 3600,
    script: "train.py",
    parameters: {},
    snapshot: "s1",
    python: "3.11.7",
    host: "gpu01",
    gpu: null,
    data: null,
    data_seen: [],
    metrics: {},
    not_finite: {},
    failure: null,
    failure_message: null,
    verdict: null,
    hypothesis: null,
    intent: null,
    expected: null,
    note: null,
    outcome: null,
    learnings: [],
    next_steps: [],
    annotations: [],
    parent: null,
    requested: { gpus: 0, cpu_cores: 1, ram_gb: null, max_runtime_hours: null },
    used: { ram_gb: null, cpu_cores: null, gpu_share: null },
    ...given,
  };
}
