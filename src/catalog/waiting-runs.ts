/** The runs that wait, as planning wants them: kept in memory beside the index, because every place in the line asks for all of them. */
import type { Requested, Terms } from "../run/manifest.ts";
import type { RunRecord } from "../run/run-record.ts";

/** What schedule/ calls an entry of the line. */
export interface WaitingRun {
  runId: string;
  user: string;
  priority: number;
  sequence: number;
  queuedAt: string;
  held: boolean;
  requested: Requested;
  facts: { group: string | null; terms: Terms; seconds: RunRecord["predicted_seconds"] };
}

const noTerms: Terms = { after: [], after_ok: [], not_before: null, when: null, group_limit: null };

export class WaitingRuns {
  readonly #runs = new Map<string, WaitingRun>();
  /** Grows with every change. */
  version = 0;

  /** Keeps a run that waits, forgets one that does not. */
  note(record: RunRecord, sequence: number): void {
    if (record.status !== "queued") {
      this.remove(record.run_id);
      return;
    }
    const { run_id: runId, user, priority, queued_at: queuedAt, held, requested, group } = record;
    const facts = { group, terms: record.terms ?? noTerms, seconds: record.predicted_seconds };
    this.#runs.set(runId, { runId, user, priority, sequence, queuedAt, held, requested, facts });
    this.version += 1;
  }

  remove(runId: string): void {
    if (this.#runs.delete(runId)) this.version += 1;
  }

  clear(): void {
    this.#runs.clear();
    this.version += 1;
  }

  get(runId: string): WaitingRun | null {
    return this.#runs.get(runId) ?? null;
  }

  all(): WaitingRun[] {
    return [...this.#runs.values()];
  }
}
