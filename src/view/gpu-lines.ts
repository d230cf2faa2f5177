/** A line a card for `ml status`: who has it, how far that is and how long it still takes; cards that nobody has stand together. Pure. */

import type { Reply } from "../protocol/requests.ts";
import type { RunSummary } from "../protocol/summary.ts";
import { type Face, type Line, span, wrapText } from "./face.ts";
import { shortId } from "./mark.ts";
import { safeText } from "./safe-text.ts";
import { roughDuration, timeMs } from "./time.ts";

type Worker = Reply<"status">["workers"][number];
type Gpu = Worker["gpus"][number];

/** ` (50% complete, ETA 2h)`: what of that is known. */
function farText(run: RunSummary | undefined, face: Face): string {
  const fraction = run?.progress?.fraction ?? null;
  const endsMs = timeMs(run?.eta ?? null);
  const parts = [
    fraction === null ? null : `${Math.floor(fraction * 100)}% complete`,
    endsMs === null ? null : `ETA ${roughDuration(Math.max(0, endsMs - face.nowMs))}`,
  ].filter((part) => part !== null);
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}

/** What a card does, in words; cards of the same words stand on one line. */
function stateOf(
  gpu: Gpu,
  runs: ReadonlyMap<string, RunSummary>,
  face: Face,
): { words: string; tone: "live" | "warn" | "dim" } {
  if (gpu.runs.length > 0) {
    const names = gpu.runs.map((runId) => {
      const run = runs.get(runId);
      return `${run === undefined ? "" : `${safeText(run.name)} `}${shortId(runId)}${farText(run, face)}`;
    });
    return { words: `running ${names.join(", ")}`, tone: "live" };
  }
  return gpu.blocked === null
    ? { words: "idle", tone: "dim" }
    : { words: `not free: ${safeText(gpu.blocked)}`, tone: "warn" };
}

/** Nothing where no living worker has a card. */
export function gpuLines({ workers, running }: Reply<"status">, face: Face): Line[] {
  const alive = workers.filter((worker) => worker.alive && worker.gpus.length > 0);
  const runs = new Map(running.map((run) => [run.run_id, run]));
  return alive.flatMap((worker) => {
    const host = alive.length > 1 ? `${safeText(worker.worker)} ` : "";
    const groups: { indices: number[]; words: string; tone: "live" | "warn" | "dim" }[] = [];
    for (const gpu of worker.gpus) {
      const { words, tone } = stateOf(gpu, runs, face);
      const same = groups.find((group) => group.words === words);
      if (same === undefined) groups.push({ indices: [gpu.index], words, tone });
      else same.indices.push(gpu.index);
    }
    return groups.flatMap(({ indices, words, tone }) => {
      const title = `${host}GPU ${indices.join(",")}: `;
      const lines = wrapText(`${title}${words}`, face.width);
      return lines.map((text, at): Line => {
        if (at > 0 || !text.startsWith(title)) return [span(text, tone)];
        return [span(title, "strong"), span(text.slice(title.length), tone)];
      });
    });
  });
}
