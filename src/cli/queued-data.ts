/** Are the datasets of what was queued still what was registered? Asked when the runs are in the line; never a reason to wait long. */
import type { Connection } from "../client/connection.ts";
import type { QueuedLook } from "../protocol/data-requests.ts";
import type { Context } from "./command.ts";
import { sayPage } from "./page.ts";

const patienceMs = 1000;
/** So many datasets of one submission are asked about. */
const most = 50;

interface Wishes {
  wishes: { datasets?: string[] | undefined };
}

/** What is known of them within a second, one that takes longer `going_on`; nothing where there are none, or the server cannot say. */
export async function askQueuedData(connection: Connection, runs: readonly Wishes[]): Promise<QueuedLook[]> {
  const datasets = [...new Set(runs.flatMap(({ wishes }) => wishes.datasets ?? []))].slice(0, most);
  if (datasets.length === 0) return [];
  try {
    const asked = { datasets, wait_ms: patienceMs };
    return (await connection.ask("dataset.looks", asked, { timeoutMs: 2 * patienceMs })).looks;
  } catch {
    return [];
  }
}

/** On stderr, a line each; those that are as they were registered are not mentioned. */
export async function sayQueuedData(context: Context, looks: readonly QueuedLook[]): Promise<void> {
  if (looks.length === 0) return;
  const { queuedDataLines } = await import("../view/queued-data.ts");
  sayPage(context, queuedDataLines(looks));
}
