/**
 * What an earlier worker left: a walk over the run folders that are not sealed, each with a named finding and its cure.
 *
 *     waiting         queued, nobody took it                        → left to the line
 *     foreign         a living worker or another host has it        → left alone
 *     being-started   a supervisor is on its way                    → attend
 *     never-started   claimed, nothing was started                  → waits again, once per claim; after 3 claims `failed`
 *     perhaps-started the machine was restarted between the spawn and the first durable record of it → `failed`, never again
 *     started         supervisor or script may live, or an exit record waits: running, orphan, ended meanwhile, gone,
 *                     machine rebooted                              → attend, which finds out and finishes
 *     unsealed        final, but not sealed                         → seal
 *     damaged         no manifest that can be read                  → named in the problems, left as it is
 *
 * One bad run never stops the walk, and nothing is ever started here.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { breathe } from "../core/breathe.ts";
import { messageOf } from "../core/error.ts";
import { fault } from "../core/fault.ts";
import { readJsonFile } from "../core/json-lines.ts";
import { bootId, isSameProcess } from "../core/process-identity.ts";
import { forgetLaunch } from "../execute/start.ts";
import { anybodyBears } from "../execute/stragglers.ts";
import { entryFromManifest } from "../queue/entry.ts";
import type { Claim } from "../queue/port.ts";
import type { Failure, Manifest } from "../run/manifest.ts";
import type { RunPaths } from "../run/paths.ts";
import { isFinal } from "../run/status.ts";
import { changeManifest, isSealed, listRunIds, readManifest } from "../run/store.ts";
import { attendRun } from "./attend.ts";
import { cgroupOf } from "./cgroup.ts";
import { attemptLimit, type ClaimRecord, readClaimRecord } from "./claim-record.ts";
import { finishRun, sealFinal } from "./finish.ts";
import { assignedPlacement } from "./placement.ts";
import { noteEvent } from "./run-events.ts";
import { goOn, letGo, newLiveRun, noteDisorder, type Shop } from "./shop.ts";

export type Finding =
  | "waiting"
  | "foreign"
  | "being-started"
  | "never-started"
  | "perhaps-started"
  | "started"
  | "unsealed"
  | "damaged";

export interface Found {
  finding: Finding;
  manifest: Manifest | null;
  claim: ClaimRecord | null;
  /** For `damaged`: one sentence. */
  reason: string | null;
}

function isForeign(shop: Shop, claim: ClaimRecord | null): boolean {
  if (claim === null || claim.worker === shop.name) return false;
  if (claim.host !== shop.host) return true;
  return isSameProcess(claim.process);
}

/** Looks at one run folder that is not sealed. Reads only; throws nothing. */
export function findOut(shop: Shop, paths: RunPaths): Found {
  const read = readManifest(paths.manifest);
  const claim = readClaimRecord(paths);
  if (read.kind !== "ok") {
    const reason = read.kind === "damaged" ? read.reason : `\`${paths.manifest}\` is missing`;
    return { finding: "damaged", manifest: null, claim, reason };
  }
  const { manifest } = read;
  const found = (finding: Finding): Found => ({ finding, manifest, claim, reason: null });
  if (isForeign(shop, claim)) return found("foreign");
  if (isFinal(manifest.status)) return found("unsealed");
  const marks = [paths.startedMark, paths.processRecord, paths.exitRecord];
  if (marks.some((path) => fs.existsSync(path))) return found("started");
  if (manifest.status === "queued" && claim === null && !fs.existsSync(paths.launchScript)) return found("waiting");
  if (manifest.status === "running") return found("started");
  // Before a spawn the name of launch.sh is synced, so where it is missing nothing was started; the supervisor's own
  // mark may have been lost with the power.
  const otherBoot = claim?.process.boot !== bootId();
  if (otherBoot) return found(fs.existsSync(paths.launchScript) ? "perhaps-started" : "never-started");
  if (!anybodyBears(paths.runId)) {
    // A supervisor may have left its mark while we were looking for it.
    return found(marks.some((path) => fs.existsSync(path)) ? "started" : "never-started");
  }
  return found("being-started");
}

const crashed = {
  kind: "start_failed" as const,
  message: `starting it has taken the worker down ${attemptLimit} times, so it is not tried again`,
  hint: "the server's log says more; fix what is wrong, then queue it again",
  traceback: null,
  evidence: [],
};

const cutOff = {
  kind: "worker_lost" as const,
  message: "the machine was restarted at the moment it was being started; nobody knows whether it had begun",
  hint: "look at its folder, then queue it again",
  traceback: null,
  evidence: [],
};

interface Unstarted {
  manifest: Manifest;
  claim: ClaimRecord | null;
}

function heldBy(paths: RunPaths, claim: ClaimRecord | null): Claim | null {
  return claim && { runId: paths.runId, worker: claim.worker, token: claim.token };
}

/** The run has failed without a process that anybody knows of. */
async function giveUp(shop: Shop, paths: RunPaths, { manifest, claim, failure }: Unstarted & { failure: Failure }) {
  const held = heldBy(paths, claim);
  const run = newLiveRun(paths, manifest.resources.requested, held);
  run.holding = false;
  const verdict = { status: "failed" as const, exit_code: null, signal: null, failure };
  const endedAtMs = shop.clock.nowMs();
  await finishRun(shop, run, { exit: null, lost: null, startedAtMs: null, endedAtMs, diskFreeBytes: null, verdict });
  if (held === null) await shop.queue.remove([paths.runId]);
  else await shop.queue.settle(held);
}

/** The run waits again, in its old place; or has failed where it was tried too often. */
async function waitAgain(shop: Shop, paths: RunPaths, { manifest, claim }: Unstarted) {
  if ((claim?.attempt ?? 0) >= attemptLimit) {
    await giveUp(shop, paths, { manifest, claim, failure: crashed });
    return;
  }
  const held = heldBy(paths, claim);
  noteEvent(paths, shop.clock.nowMs(), { event: "never started; it waits again" });
  forgetLaunch(paths);
  changeManifest(paths, (now) => {
    if (now.status !== "starting") return false;
    now.status = "queued";
    return true;
  });
  fault("worker/after-requeue");
  if (held !== null) await shop.queue.giveBack(held);
  await shop.queue.add([entryFromManifest(manifest)]);
  shop.changed(paths.runId);
}

function adopt(
  shop: Shop,
  paths: RunPaths,
  { manifest, claim }: { manifest: Manifest; claim: ClaimRecord | null },
): void {
  const held = claim && { runId: paths.runId, worker: claim.worker, token: claim.token };
  const run = newLiveRun(paths, manifest.resources.requested, held);
  run.placement = assignedPlacement(manifest.resources, shop.capacity);
  run.cgroup = cgroupOf(paths);
  const startedAtMs = Date.parse(manifest.started_at ?? "") || shop.clock.nowMs();
  run.about = { user: manifest.user, startedAtMs, facts: entryFromManifest(manifest).facts };
  shop.live.set(run.runId, run);
  const attending = attendRun(shop, run, null).then((mine) => {
    if (!mine) letGo(shop, run);
  });
  goOn(shop, attending);
}

async function seal(shop: Shop, paths: RunPaths, manifest: Manifest): Promise<void> {
  const run = newLiveRun(paths, manifest.resources.requested, null);
  run.holding = false;
  try {
    await sealFinal(shop, run);
  } catch (cause) {
    noteDisorder(shop, paths.runId, { cause, what: "cannot be sealed" });
  }
}

/** Acts on one unsealed folder; resolves when it is decided, not when the run has ended. Throws nothing. */
export async function adoptRun(shop: Shop, runId: string): Promise<Finding> {
  const paths = shop.base.run(runId);
  const found = findOut(shop, paths);
  const { manifest, claim } = found;
  try {
    if (manifest === null) shop.problems.set(runId, `run \`${runId}\` is damaged: ${found.reason}`);
    else if (found.finding === "started" || found.finding === "being-started") adopt(shop, paths, { manifest, claim });
    else if (found.finding === "never-started") await waitAgain(shop, paths, { manifest, claim });
    else if (found.finding === "perhaps-started") await giveUp(shop, paths, { manifest, claim, failure: cutOff });
    else if (found.finding === "unsealed") await seal(shop, paths, manifest);
  } catch (cause) {
    noteDisorder(shop, runId, { cause, what: "cannot be taken over" });
  }
  return found.finding;
}

/** What a full or failing disk has kept us from doing for runs that are in nobody's hands. Throws nothing. */
export async function adoptAgain(shop: Shop): Promise<void> {
  for (const runId of [...shop.disordered]) {
    if (shop.closing || !shop.disordered.delete(runId) || shop.live.has(runId)) continue;
    shop.problems.delete(runId);
    const paths = shop.base.run(runId);
    if (fs.existsSync(paths.folder) && !isSealed(paths)) await adoptRun(shop, runId);
  }
}

/** Entries that the queue holds for us from an earlier life and that no folder accounts for wait again. */
async function returnOldClaims(shop: Shop): Promise<void> {
  try {
    for (const { runId, claim } of await shop.queue.waiting(1000, true)) {
      if (claim?.worker === shop.name && !shop.live.has(runId)) await shop.queue.giveBack({ runId, ...claim });
    }
  } catch (cause) {
    shop.problems.set("queue", `the queue cannot be reached: ${messageOf(cause)}`);
  }
}

/**
 * The walk at the start of a worker, over all run folders or those that somebody knows not to have ended (`unended`); then that one
 * tells of others (`takeOver`). What runs is adopted first; sealing what is final may go on behind it.
 */
export async function adoptAll(shop: Shop, unended: readonly string[] | null = null): Promise<void> {
  const later: string[] = [];
  let pause = performance.now() + 20;
  for (const runId of unended ?? listRunIds(shop.base)) {
    const paths = shop.base.run(runId);
    if (isSealed(paths) || shop.live.has(runId)) continue;
    if (findOut(shop, paths).finding === "unsealed") later.push(runId);
    else await adoptRun(shop, runId);
    if (performance.now() < pause) continue;
    await breathe();
    pause = performance.now() + 20;
  }
  await returnOldClaims(shop);
  goOn(shop, takeOver(shop, later));
}

/** Runs that nobody attends, as somebody found who looked at their folders. Throws nothing. */
export async function takeOver(shop: Shop, runIds: readonly string[]): Promise<void> {
  for (const runId of runIds) {
    if (shop.closing) return;
    if (!shop.live.has(runId) && !isSealed(shop.base.run(runId))) await adoptRun(shop, runId);
  }
}

/** Runs of another worker of this host that is dead and may never come back, by its last heartbeat. Throws nothing. */
export async function adoptFromDeadWorkers(shop: Shop, seen: Set<string>): Promise<void> {
  let names: string[];
  try {
    names = fs.readdirSync(shop.base.workers).filter((name) => name.endsWith(".json") && name !== `${shop.name}.json`);
  } catch {
    return;
  }
  for (const name of names) {
    const beat = readJsonFile(join(shop.base.workers, name)) as Record<string, unknown> | null;
    if (beat === null || beat.host !== shop.host || !Array.isArray(beat.running)) continue;
    const identity = { pid: Number(beat.pid), start: String(beat.start), boot: String(beat.boot) };
    const key = `${name} ${identity.boot} ${identity.pid} ${identity.start}`;
    if (seen.has(key) || isSameProcess(identity)) continue;
    seen.add(key);
    for (const runId of beat.running.map(String)) {
      if (!shop.live.has(runId) && !isSealed(shop.base.run(runId))) await adoptRun(shop, runId);
    }
  }
}
