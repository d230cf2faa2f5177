/**
 * Runs whose turn came while their data gave no answer: they wait on, behind a gate, and others go ahead. The gate opens
 * when the process that hung is gone, which is when the mount is back (data/stuck.ts); nobody asks the mount meanwhile.
 */
import { silentSince } from "../data/stuck.ts";
import type { SilentDataFacts } from "../run/worker-facts.ts";
import type { Shop, SilentData } from "./shop.ts";

/** Thrown where a start is given up for now. */
export class DataIsSilent extends Error {
  constructor(readonly data: SilentData) {
    super(`its dataset \`${data.name}\` gives no answer`);
  }
}

type Waiting = Pick<Shop, "silentData" | "live">;

/** The datasets of a waiting run that still give no answer; empty where its turn may come. */
export function silentDataOf({ silentData }: Waiting, runId: string): string[] {
  const data = silentData.get(runId);
  if (data === undefined) return [];
  if (silentSince(data.path) !== null) return [data.name];
  silentData.delete(runId);
  return [];
}

/** Forgets runs that wait no more. */
export function forgetSilent({ silentData, live }: Waiting, waiting: Iterable<{ runId: string }>): void {
  if (silentData.size === 0) return;
  const runIds = new Set([...waiting].map(({ runId }) => runId));
  for (const runId of silentData.keys()) if (!runIds.has(runId) && !live.has(runId)) silentData.delete(runId);
}

export const silentFacts = ({ silentData }: Waiting): SilentDataFacts[] =>
  [...silentData].map(([run_id, { name }]) => ({ run_id, datasets: [name] }));
