/** A queue entry for tests. */
import type { QueueEntry } from "../../src/queue/port.ts";

export function entry(runId: string, more: Partial<QueueEntry> = {}): QueueEntry {
  return {
    runId,
    user: "ada",
    priority: 5,
    queuedAt: "2026-11-23T18:00:00.000Z",
    held: false,
    requested: { gpus: 0, gpu_memory_gb: null, cpu_cores: 1, ram_gb: null, disk_gb: null, max_runtime_hours: null },
    facts: {
      group: null,
      terms: { after: [], after_ok: [], not_before: null, when: null, group_limit: null },
      seconds: null,
    },
    ...more,
  };
}
