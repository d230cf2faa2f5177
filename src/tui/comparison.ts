/** What the server says of the marked runs side by side; asked again when the choice, or one of them, has changed. */
import type { Connection } from "../client/connection.ts";
import { messageOf } from "../core/error.ts";
import type { Reply } from "../protocol/requests.ts";
import type { RunSummary } from "../protocol/summary.ts";

export class Comparer {
  comparison: Reply<"runs.compare"> | null = null;
  problem: string | null = null;
  private stamp = "";

  constructor(
    private readonly connection: Connection,
    private readonly onChange: () => void,
  ) {}

  /** Throws nothing. */
  async want(runs: readonly RunSummary[]): Promise<void> {
    const stamp = runs.map((run) => `${run.run_id} ${run.status} ${run.validation_status}`).join();
    if (stamp === this.stamp) return;
    this.stamp = stamp;
    if (runs.length < 2) {
      this.comparison = null;
      return;
    }
    try {
      const reply = await this.connection.ask("runs.compare", { runs: runs.map((run) => run.run_id) });
      if (stamp !== this.stamp) return;
      this.comparison = reply;
      this.problem = null;
    } catch (cause) {
      this.problem = messageOf(cause);
    }
    this.onChange();
  }
}
