/** A reason to wait as a sentence, and in the few words that fit a row. Pure; who is named is looked up by the caller. */

import { formatSize } from "../core/size.ts";
import type { Reply } from "../protocol/requests.ts";
import { shortId } from "./mark.ts";
import { safeText } from "./safe-text.ts";
import { clockTime, fullTime, withClockTimes } from "./time.ts";

export type Blocker = Reply<"run.why">["blockers"][number];
type Named = Reply<"run.why">["named"];

const wishes: Record<string, string> = {
  cheap: "it was queued for cheap hours",
  night: "it was queued for the night",
  idle: "it was queued for an idle machine, and something runs",
};

const rules: Record<Extract<Blocker, { kind: "turn" }>["rule"], string> = {
  priority: "its priority is higher",
  waiting_longer: "it has waited so long that its priority has risen",
  less_use: "its user has used less lately",
  came_first: "it came first",
  idle_last: "what waits for an idle machine stands behind all others",
};

/** `3 GPUs`, `8 CPU cores`, `16 GB of RAM`. */
function amount(lacks: Extract<Blocker, { kind: "resource" }>["lacks"], count: number): string {
  const plural = (one: string) => `${Number(count.toFixed(2))} ${one}${count === 1 ? "" : "s"}`;
  if (lacks === "slots") return plural("slot");
  if (lacks === "gpus") return plural("GPU");
  if (lacks === "cpu_cores") return plural("CPU core");
  const of = { gpu_memory: "GPU memory", ram: "RAM", disk: "disk" }[lacks];
  return `${formatSize(count * 1e9)} of ${of}`;
}

export interface Telling {
  nowMs: number;
  named: Named;
}

function runText(runId: string, { named }: Telling): string {
  const known = named.find((run) => run.run_id === runId);
  return known === undefined ? shortId(runId) : `${safeText(known.name)} (${shortId(runId)}, ${safeText(known.user)})`;
}

function listText(runIds: readonly string[], telling: Telling): string {
  const shown = runIds.slice(0, 4).map((runId) => runText(runId, telling));
  const rest = runIds.length - shown.length;
  return `${shown.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}

const until = (iso: string | null, nowMs: number) => (iso === null ? "" : ` until ${clockTime(iso, nowMs)}`);

function resourceText(blocker: Extract<Blocker, { kind: "resource" }>, telling: Telling): string {
  const { worker, lacks, wanted, free, held_by, blocked, until: freeAt } = blocker;
  const holders = held_by.map(({ run_id, until: ends }) => `${runText(run_id, telling)}${until(ends, telling.nowMs)}`);
  const have = free <= 0 ? "none is free" : `${amount(lacks, free)} ${free === 1 ? "is" : "are"} free`;
  const parts = [`it needs ${amount(lacks, wanted)} and on ${safeText(worker)} ${have}`];
  if (holders.length > 0)
    parts.push(`held by ${holders.slice(0, 4).join(", ")}${holders.length > 4 ? " and others" : ""}`);
  for (const sentence of new Set(blocked)) parts.push(withClockTimes(safeText(sentence), telling.nowMs));
  if (freeAt !== null) parts.push(`as much is free at ${clockTime(freeAt, telling.nowMs)} by what is known`);
  else if (held_by.some((one) => one.until === null)) parts.push("nobody knows when those end");
  return parts.join("; ");
}

/** One sentence, lower case, without a full stop. */
export function blockerSentence(blocker: Blocker, telling: Telling): string {
  const { nowMs } = telling;
  switch (blocker.kind) {
    case "held":
      return "it is held; `ml release` lets it go";
    case "parent": {
      const what = blocker.need === "success" ? "complete" : "end";
      return `it waits for ${runText(blocker.run_id, telling)} to ${what}, which is ${blocker.status}`;
    }
    case "not_before":
      return `it was asked to start no sooner than ${fullTime(blocker.until)}`;
    case "when":
      return `${wishes[blocker.wish] ?? `it was queued for \`${safeText(blocker.wish)}\``}${blocker.until === null ? "" : `, which begins ${clockTime(blocker.until, nowMs)}`}`;
    case "user_runs":
      return `${safeText(blocker.user)} has ${blocker.runs.length} of at most ${blocker.limit} runs at a time: ${listText(blocker.runs, telling)}`;
    case "user_gpus":
      return `${safeText(blocker.user)} holds ${blocker.held} of at most ${blocker.limit} GPUs and this run wants ${blocker.wanted}`;
    case "group_limit":
      return `of group ${safeText(blocker.group)} at most ${blocker.limit} run at a time: ${listText(blocker.runs, telling)}`;
    case "data":
      return `it waits for its data on the local disk: ${blocker.datasets.map(safeText).join(", ")}; \`ml prewarm --list\` shows how far that is`;
    case "silent_data":
      return `its data gives no answer: ${blocker.datasets.map(safeText).join(", ")}; it starts when the mount is back, \`ml doctor\` looks`;
    case "no_worker":
      return "no worker is alive; `ml worker` starts one";
    case "never_fits":
      return `no worker could ever hold it: ${safeText(blocker.why)}`;
    case "door":
      return `${safeText(blocker.worker)} starts nothing now: ${safeText(blocker.why)}${until(blocker.until, nowMs)}`;
    case "resource":
      return resourceText(blocker, telling);
    case "head":
      return `it would fit, but would delay ${runText(blocker.run_id, telling)}, which is next and waits for more${blocker.until === null ? "" : `; that one starts at ${clockTime(blocker.until, nowMs)} by what is known`}`;
    case "turn": {
      const who = runText(blocker.next, telling);
      const others = blocker.ahead === 1 ? "one run goes" : `${blocker.ahead} runs go`;
      return `${others} first, ${blocker.ahead === 1 ? "" : "the last of them "}${who}: ${rules[blocker.rule]}`;
    }
    case "starting":
      return `it is about to start on ${safeText(blocker.worker)}`;
  }
}

/** A few words for a row of a list. */
export function blockerWords(blocker: Blocker, nowMs: number): string {
  switch (blocker.kind) {
    case "held":
      return "held";
    case "parent":
      return `after ${shortId(blocker.run_id)}`;
    case "not_before":
      return `not before ${clockTime(blocker.until, nowMs)}`;
    case "when":
      return `for ${safeText(blocker.wish)}${until(blocker.until, nowMs)}`;
    case "user_runs":
      return `${safeText(blocker.user)} has ${blocker.limit} running`;
    case "user_gpus":
      return `${safeText(blocker.user)} holds ${blocker.held} GPUs`;
    case "group_limit":
      return `${blocker.limit} of its group run`;
    case "data":
      return `for data: ${blocker.datasets.map(safeText).join(", ")}`;
    case "silent_data":
      return `data silent: ${blocker.datasets.map(safeText).join(", ")}`;
    case "no_worker":
      return "no worker";
    case "never_fits":
      return "fits nowhere";
    case "door":
      return `door closed${until(blocker.until, nowMs)}`;
    case "resource":
      return `needs ${amount(blocker.lacks, blocker.wanted)}`;
    case "head":
      return `behind ${shortId(blocker.run_id)}`;
    case "turn":
      return `${blocker.ahead} ahead`;
    case "starting":
      return "starting";
  }
}
