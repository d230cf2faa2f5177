/**
 * `ml __data JOB`: a process for one piece of work on data, because data may lie on a mount that hangs. The job is one JSON
 * word; progress and the outcome are lines of JSON on stdout. It ends when nobody reads them any more.
 */
import { writeAll } from "../core/durable.ts";
import { messageOf, systemCode } from "../core/error.ts";
import { workOnCache } from "./cache-folder.ts";
import type { Job } from "./child.ts";
import { copyDataset, settleCopy } from "./copy.ts";
import { crewMain } from "./crew.ts";
import { probePlace } from "./probe.ts";
import { scanDataset } from "./scan.ts";

const tellEveryMs = 200;

function say(value: object): void {
  writeAll(1, Buffer.from(`${JSON.stringify(value)}\n`));
}

/** Progress that changes nothing is not told: silence means that it hangs. */
function teller(): (progress: object) => void {
  let toldMs = 0;
  return (progress) => {
    const nowMs = performance.now();
    if (nowMs - toldMs < tellEveryMs) return;
    toldMs = nowMs;
    say({ progress });
  };
}

async function outcomeOf(job: Job): Promise<unknown> {
  if (job.kind === "scan") return scanDataset(job, teller());
  if (job.kind === "copy") return copyDataset(job, teller());
  if (job.kind === "settle") return settleCopy(job, teller());
  return job.kind === "cache" ? workOnCache(job) : probePlace(job);
}

export async function dataMain(words: readonly string[]): Promise<never> {
  try {
    const job = JSON.parse(words[0] ?? "null") as Job | { kind: "crew"; orders: Parameters<typeof crewMain>[0] };
    if (job.kind === "crew") crewMain(job.orders);
    else say({ done: await outcomeOf(job) });
    process.exit(0);
  } catch (cause) {
    if (systemCode(cause) !== "EPIPE") say({ failed: { code: systemCode(cause), message: messageOf(cause) } });
    process.exit(1);
  }
}
