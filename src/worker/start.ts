/**
 * From a claim to a supervisor: claim record, manifest `starting`, the code laid out, the supervisor spawned. Between any
 * two of these a crash leaves a state that adopt.ts names and recovers.
 *
 * A worker that was paused beyond its lease may wake anywhere in here: before each write it checks that the claim record
 * still carries its token, and the supervisor's exclusive create has the last word.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { MlError, messageOf } from "../core/error.ts";
import { fault } from "../core/fault.ts";
import type { LaunchOptions } from "../execute/launch.ts";
import { forgetLaunch, layOut, startSupervisor } from "../execute/start.ts";
import type { Verdict } from "../execute/verdict.ts";
import type { Claim } from "../queue/port.ts";
import type { Failure, FailureKind, Manifest } from "../run/manifest.ts";
import { checkoutSnapshot } from "../run/objects.ts";
import { isFinal } from "../run/status.ts";
import { changeManifest, readManifest } from "../run/store.ts";
import { attendRun } from "./attend.ts";
import { attemptLimit, readClaimRecord, removeClaimRecord, writeClaimRecord } from "./claim-record.ts";
import { giveDatasets } from "./data-use.ts";
import { finishRun, sealFinal } from "./finish.ts";
import { noteImage } from "./image-use.ts";
import { isPassing } from "./passing.ts";
import { assignedCards } from "./placement.ts";
import { freeResources, type LiveRun, letGo, noteDisorder, type Shop, settleClaim, visibleGpus } from "./shop.ts";
import { DataIsSilent } from "./silent-data.ts";
import { readStopRequest } from "./stop-request.ts";
import { giveVenv } from "./venv-use.ts";

/** After trouble with the disk nothing is claimed for so long. */
const holdOffMs = 10_000;

/** The claim is somebody else's now: nothing more may be written. */
class ClaimLost extends Error {}

function checkClaim(run: LiveRun, claim: Claim): void {
  if (run.claimLost || readClaimRecord(run.paths)?.token !== claim.token) throw new ClaimLost();
}

/** Ends a run that never had a process. */
async function endUnstarted(shop: Shop, run: LiveRun, verdict: Verdict): Promise<void> {
  freeResources(shop, run);
  await settleClaim(shop, run);
  await finishRun(shop, run, {
    exit: null,
    lost: null,
    startedAtMs: null,
    endedAtMs: shop.clock.nowMs(),
    diskFreeBytes: null,
    verdict,
  });
}

function failed(kind: FailureKind, message: string, hint: string | null): Verdict {
  const failure: Failure = { kind, message, hint, traceback: null, evidence: [] };
  return { status: "failed", exit_code: null, signal: null, failure };
}

const cancelled: Verdict = { status: "cancelled", exit_code: null, signal: null, failure: null };

function markStarting(shop: Shop, run: LiveRun, claim: Claim): Manifest {
  const attempt = (readClaimRecord(run.paths)?.attempt ?? 0) + 1;
  writeClaimRecord(run.paths, claim, { attempt, nowMs: shop.clock.nowMs() });
  fault("worker/after-claim-record");
  const mark = (now: Manifest) => {
    if (isFinal(now.status)) return false;
    if (now.status === "queued") now.status = "starting";
    now.resources.host = shop.host;
    now.resources.assigned = { ...now.resources.assigned, ...assignedCards(run.placement), worker: shop.name };
    return true;
  };
  // Its name in the folder need not survive a power cut: after one, `queued` and `starting` mean the same (adopt.ts).
  const manifest = changeManifest(run.paths, mark, { sync: "file" });
  fault("worker/after-starting");
  shop.changed(run.runId);
  return manifest;
}

/** Lays work/ out beside the run folder and moves it in, unless the claim was lost meanwhile. */
async function layOutWork(shop: Shop, run: LiveRun, options: { claim: Claim; manifest: Manifest }): Promise<void> {
  const { claim, manifest } = options;
  const staged = join(shop.base.staging, `work-${run.runId}-${claim.token}`);
  try {
    run.laidOut = await checkoutSnapshot(shop.base, manifest.environment.snapshot, staged);
    checkClaim(run, claim);
    if (fs.existsSync(run.paths.startedMark)) throw new ClaimLost();
    fs.rmSync(run.paths.work, { recursive: true, force: true });
    fs.renameSync(staged, run.paths.work);
    // Beside work/, so that what was handed over is neither code nor artifact.
    if (manifest.launch.staged !== null) await checkoutSnapshot(shop.base, manifest.launch.staged, run.paths.staged);
  } finally {
    fs.rmSync(staged, { recursive: true, force: true });
  }
  fault("worker/after-checkout");
}

/** Null where the script's folder is there; else what to say. */
function missingFolder(run: LiveRun, manifest: Manifest): Verdict | null {
  const folder = join(run.paths.work, manifest.cwd);
  if (fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return null;
  const message = `the folder \`${manifest.cwd}\` that it should start in is not in the code that was sent`;
  return failed(
    "start_failed",
    message,
    "empty folders do not travel: put a file into it, or queue from another folder",
  );
}

/** Null where its datasets can be had. Throws DataIsSilent where the run is to wait for their mount. */
async function missingData(shop: Shop, run: LiveRun, manifest: Manifest): Promise<Verdict | null> {
  const lacking = await giveDatasets(shop, run, manifest);
  if (lacking === null) return null;
  const { name, path } = lacking;
  const waits = shop.settings.dataSilent === "wait" || manifest.launch.data_policy === "wait";
  if (lacking.passing && waits) throw new DataIsSilent({ name, path });
  const hint = `\`ml dataset verify ${lacking.name}\` looks again; \`ml requeue\` tries anew`;
  return failed("data_error", `its dataset \`${lacking.name}\` is not to be had: ${lacking.why}`, hint);
}

/** Null where it has its environment, or none of its own. */
async function missingVenv(shop: Shop, run: LiveRun, manifest: Manifest): Promise<Verdict | null> {
  const lacking = await giveVenv(shop, run, manifest);
  if (lacking === null) return null;
  const hint =
    lacking.hint ?? "`ml cat RUN env/venv-build.log` has all that its build printed".replace("RUN", run.runId);
  const verdict = failed(
    "environment_error",
    `its environment from \`${lacking.lock}\` is not to be had: ${lacking.why}`,
    hint,
  );
  if (verdict.failure !== null) verdict.failure.evidence = lacking.evidence;
  return verdict;
}

/** Null where the terminal that was asked for can be had; else what to say. */
function missingTerminal(shop: Shop, manifest: Manifest): Verdict | null {
  if (!manifest.launch.tty || Bun.which("script", { PATH: shop.inherited.PATH ?? "" }) !== null) return null;
  const message = "it was queued with `--tty`, and `script`, which holds its terminal, is not on the worker's PATH";
  return failed("start_failed", message, "install it there (package bsdutils, util-linux or util-linux-script)");
}

/** Prepares and starts; resolves when the run has ended, or was handed back. Throws nothing. */
export async function startRun(shop: Shop, run: LiveRun, claim: Claim): Promise<void> {
  try {
    await prepare(shop, run, claim);
  } catch (cause) {
    await afterTrouble(shop, run, { claim, cause });
  }
}

async function prepare(shop: Shop, run: LiveRun, claim: Claim): Promise<void> {
  const { paths } = run;
  const read = readManifest(paths.manifest);
  if (read.kind !== "ok") {
    await settleClaim(shop, run);
    letGo(shop, run);
    if (read.kind === "damaged") shop.problems.set(run.runId, `run \`${run.runId}\` cannot be started: ${read.reason}`);
    return;
  }
  if (isFinal(read.manifest.status)) {
    await settleClaim(shop, run);
    freeResources(shop, run);
    await sealFinal(shop, run);
    letGo(shop, run);
    return;
  }
  fs.mkdirSync(paths.private, { recursive: true, mode: 0o700 });
  if (fs.existsSync(paths.startedMark)) {
    await attendOrDrop(shop, run, null);
    return;
  }
  if ((readClaimRecord(paths)?.attempt ?? 0) >= attemptLimit) {
    const message = `starting it has taken the worker down ${attemptLimit} times, so it is not tried again`;
    await endUnstarted(shop, run, failed("start_failed", message, "`ml server status` and the server's log say more"));
    letGo(shop, run);
    return;
  }
  const manifest = markStarting(shop, run, claim);
  await start(shop, run, { claim, manifest });
}

/** The script finds the name of its group in `.run/cgroup` and enters it before its first instruction. */
function enterCgroup(shop: Shop, run: LiveRun): void {
  fs.rmSync(run.paths.cgroup, { force: true });
  run.cgroup = shop.cgroups?.make(run.runId, run.requested.ram_gb) ?? null;
  if (run.cgroup !== null) fs.writeFileSync(run.paths.cgroup, `${run.cgroup}\n`);
}

async function start(shop: Shop, run: LiveRun, options: { claim: Claim; manifest: Manifest }): Promise<void> {
  const { claim, manifest } = options;
  const { paths } = run;
  if (!isFinal(manifest.status)) await layOutWork(shop, run, options);
  const stopped = isFinal(manifest.status) || readStopRequest(paths) !== null;
  const unfit = stopped
    ? cancelled
    : (missingFolder(run, manifest) ??
      missingTerminal(shop, manifest) ??
      (await missingVenv(shop, run, manifest)) ??
      (await missingData(shop, run, manifest)) ??
      (await noteImage(shop, run, manifest)) ??
      // All of them may have taken a while.
      (readStopRequest(paths) === null ? null : cancelled));
  const launch: LaunchOptions = { base: shop.base, manifest, gpus: visibleGpus(shop, run) };
  if (unfit !== null) {
    await endUnstarted(shop, run, unfit);
    letGo(shop, run);
    return;
  }
  layOut(paths, launch);
  enterCgroup(shop, run);
  checkClaim(run, claim);
  if (shop.closing) throw new ClaimLost();
  const nowMs = shop.clock.nowMs();
  const supervisor = startSupervisor(paths, { ...launch, token: claim.token, inherited: shop.inherited, nowMs });
  run.startedHere = true;
  fault("worker/after-spawn");
  await attendOrDrop(shop, run, supervisor);
}

async function attendOrDrop(shop: Shop, run: LiveRun, own: { ended: Promise<void> } | null): Promise<void> {
  if (await attendRun(shop, run, own)) return;
  await settleClaim(shop, run);
  letGo(shop, run);
}

async function afterTrouble(shop: Shop, run: LiveRun, trouble: { claim: Claim; cause: unknown }): Promise<void> {
  const { claim, cause } = trouble;
  if (cause instanceof ClaimLost && !shop.closing) {
    run.claim = null;
    letGo(shop, run);
    return;
  }
  if (cause instanceof DataIsSilent) shop.silentData.set(run.runId, cause.data);
  if (cause instanceof ClaimLost || cause instanceof DataIsSilent || isPassing(cause)) {
    if (!shop.closing && !(cause instanceof DataIsSilent)) {
      shop.problems.set("start", `starting runs fails: ${messageOf(cause)}; it is tried again`);
      shop.notBeforeMs = shop.clock.monotonicMs() + holdOffMs;
    }
    await handBack(shop, run, claim);
    if (isPassing(cause)) shop.disordered.add(run.runId);
    return;
  }
  const hint = cause instanceof MlError ? (cause.detail.hint ?? null) : "look at the folder, then queue it again";
  try {
    await endUnstarted(shop, run, failed("start_failed", `it could not be started: ${messageOf(cause)}`, hint));
    letGo(shop, run);
  } catch (second) {
    letGo(shop, run);
    noteDisorder(shop, run.runId, { cause: second, what: "could not be started nor recorded as failed" });
  }
}

/** Nothing was started: the run waits again, in its old place. */
async function handBack(shop: Shop, run: LiveRun, claim: Claim): Promise<void> {
  try {
    if (readClaimRecord(run.paths)?.token === claim.token) {
      forgetLaunch(run.paths);
      // First, since it needs no room: a start that the disk did not take is no attempt.
      removeClaimRecord(run.paths);
      changeManifest(run.paths, (now) => {
        if (now.status !== "starting") return false;
        now.status = "queued";
        return true;
      });
    }
    run.claim = null;
    await shop.queue.giveBack(claim);
  } catch {
    // The lease runs out by itself; the next look at the folder finds `starting` with nothing started.
  }
  letGo(shop, run);
  shop.changed(run.runId);
}
