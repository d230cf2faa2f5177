/** Has this run before, or its like in vain? Asked while the run is handed over; never a reason not to queue it. */
import type { Connection } from "../client/connection.ts";
import type { SimilarRow } from "../protocol/find.ts";
import type { Code } from "./code.ts";
import type { PlannedRun } from "./planned-run.ts";

const lookedAt = 20;
const patienceMs = 2000;

/** Runs like the one that is planned, nearest first; none where several are, or where the server cannot say. */
export async function askSimilar(
  connection: Connection,
  runs: readonly PlannedRun[],
  code: Code | null,
): Promise<SimilarRow[]> {
  const [run] = runs;
  if (run === undefined || runs.length > 1) return [];
  const { cwd = ".", snapshot = null } = run.code ?? code?.fields ?? {};
  const planned = { argv: run.argv, cwd, snapshot };
  try {
    return (await connection.ask("run.similar", { planned, limit: lookedAt }, { timeoutMs: patienceMs })).runs;
  } catch {
    return [];
  }
}
