/**
 * The end of a run: verdict, metrics, artifacts, the final manifest, the seal. Each step may be cut off by a crash and is
 * done again by the next worker: metrics found in the output are appended only once (`.run/output-metrics.json` says
 * where they begin), the manifest becomes final in one write, SHA256SUMS appears last.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { isoTime } from "../core/clock.ts";
import { writeDurable } from "../core/durable.ts";
import { fault } from "../core/fault.ts";
import { readJsonFile } from "../core/json-lines.ts";
import { lookAtCommand } from "../execute/command-look.ts";
import type { Evidence } from "../execute/evidence.ts";
import { type KernelEvidence, kernelEvidence } from "../execute/kernel-log.ts";
import { scriptEnvironment } from "../execute/launch.ts";
import { removeBuilt } from "../execute/rebuild-env.ts";
import type { ExitRecord } from "../execute/records.ts";
import { judge, type Verdict } from "../execute/verdict.ts";
import { type DiscoverOptions, type Discovery, discoverArtifacts, tellsChanges } from "../run/artifacts.ts";
import { lastBytes } from "../run/log-end.ts";
import type { Manifest } from "../run/manifest.ts";
import { encodeMetricValue } from "../run/metric-value.ts";
import { summarizeMetrics } from "../run/metrics.ts";
import { readSnapshot } from "../run/objects.ts";
import type { RunPaths } from "../run/paths.ts";
import { decideRetry } from "../run/retry.ts";
import { sealRun } from "../run/seal.ts";
import type { Snapshot } from "../run/snapshot.ts";
import { isFinal } from "../run/status.ts";
import { scanOutputMetrics } from "../run/stdout-metrics.ts";
import { changeManifest, requireManifest } from "../run/store.ts";
import { noteUse } from "../run/use-ledger.ts";
import { actualResources, metricRemarks } from "./actual.ts";
import { cgroupEvidence, removeCgroup } from "./cgroup.ts";
import { queueRetry } from "./queue-retry.ts";
import { finishReads, readsRemarks } from "./reads.ts";
import { noteEvent, stopBegun } from "./run-events.ts";
import type { LiveRun, Shop } from "./shop.ts";
import { readStopRequest } from "./stop-request.ts";

/** How a run ended, as the worker saw it. */
export interface Ending {
  exit: ExitRecord | null;
  /** One sentence where there is no exit record. */
  lost: string | null;
  /** Null where nothing was started. */
  startedAtMs: number | null;
  endedAtMs: number;
  /** Space left when it ended; null where that was not seen. */
  diskFreeBytes: number | null;
  /** Set where the verdict is known without evidence (nothing was started). */
  verdict?: Verdict;
  /** What else is to be said in the record. */
  remarks?: readonly string[];
}

/** Appends the metrics that the script printed to metrics.jsonl, marked as such; exactly once over any number of attempts. */
async function collectOutputMetrics(paths: RunPaths): Promise<void> {
  const mark = join(paths.private, "output-metrics.json");
  const begun = readJsonFile(mark) as { from?: number } | null;
  if (typeof begun?.from === "number" && fs.existsSync(paths.metrics)) fs.truncateSync(paths.metrics, begun.from);
  const from = begun?.from ?? fs.statSync(paths.metrics, { throwIfNoEntry: false })?.size ?? 0;
  let text = "";
  const append = () => {
    if (text !== "") fs.appendFileSync(paths.metrics, text);
    text = "";
  };
  let marked = begun !== null;
  for (const log of [paths.outputLog, paths.stdoutLog]) {
    const stat = fs.statSync(log, { throwIfNoEntry: false });
    if (stat === undefined || stat.size === 0) continue;
    const printedAt = stat.mtimeMs / 1000;
    await scanOutputMetrics(log, {
      ended: true,
      onRecord: ({ name, value, step, t }) => {
        if (!marked) writeDurable(mark, `${JSON.stringify({ from })}\n`, { sync: false });
        marked = true;
        const record = { name, value: encodeMetricValue(value), step, t: t ?? printedAt, source: "stdout" };
        text += `${JSON.stringify(record)}\n`;
        if (text.length > 1_000_000) append();
      },
    });
  }
  append();
}

/** The tree of the code; null where there is none, or it cannot be read. */
export function snapshotOf(shop: Shop, manifest: Manifest): Snapshot | null {
  if (manifest.environment.snapshot === null) return null;
  try {
    return readSnapshot(shop.base, manifest.environment.snapshot);
  } catch {
    return null;
  }
}

/** What the kernel has to say about the end of a run; asked only where it can matter. */
function kernelWords(run: LiveRun): KernelEvidence {
  const { script, pidsSeen, cgroup } = run;
  const pids = new Set([...pidsSeen, ...(script === null ? [] : [script.pid])]);
  // Ticks of 10 ms since boot, as in proc_pid_stat(5).
  const sinceUs = script === null ? Number.POSITIVE_INFINITY : Number(script.start) * 10_000;
  const group = cgroup === null ? null : cgroupEvidence(cgroup);
  if (group?.peakGb != null) run.memoryPeakGb = Math.max(run.memoryPeakGb ?? 0, group.peakGb);
  return { ...kernelEvidence({ sinceUs, pids }), groupKills: group?.oomKills ?? 0 };
}

/** How far the moments that a supervisor records may lie before those of our own clock (execute/start.ts). */
const supervisorLagMs = 20;

/** Why we, or a worker before us, stopped it; null where nobody did. */
function stoppedOf(run: LiveRun, ending: Ending): Evidence["stopped"] {
  if (run.stopped !== null) return run.stopped;
  // The supervisor's clock ticks, and may be two ticks behind ours: an end by one of our signals belongs to our stop.
  const bySignal = ending.exit?.rc === 128 + 15 || ending.exit?.rc === 128 + 9;
  const begun = stopBegun(run.paths, ending.endedAtMs + (bySignal ? supervisorLagMs : 0));
  return begun && { why: begun.why ?? "asked", by: begun.asked_by ?? null, reason: begun.reason ?? null };
}

/** Who cancelled it, as the record says it; null where nobody is known. */
function cancelledBy(run: LiveRun, ending: Ending): Manifest["cancelled"] {
  const begun = stoppedOf(run, ending);
  if (begun?.why === "idle_gpu") return { by: "ml", reason: begun.reason };
  const stopped = begun ?? readStopRequest(run.paths);
  return stopped === null || stopped.by === null ? null : { by: stopped.by, reason: stopped.reason };
}

const logOf = ({ launch }: Manifest, paths: RunPaths) => (launch.split_output ? paths.stdoutLog : paths.outputLog);

function verdictOf(shop: Shop, run: LiveRun, { manifest, ending }: { manifest: Manifest; ending: Ending }): Verdict {
  if (ending.verdict !== undefined) return ending.verdict;
  const { paths } = run;
  const environment = scriptEnvironment(paths, shop.inherited, {
    base: shop.base,
    manifest,
    gpus: null,
  });
  const path = environment.PATH ?? "";
  const rc = ending.exit?.rc ?? 0;
  const evidence: Evidence = {
    argv: manifest.argv,
    path,
    ...(rc === 127 || rc === 126 ? lookAtCommand(paths, manifest, path) : { commandFound: null }),
    exit: ending.exit,
    tail: lastBytes(manifest.launch.split_output && rc !== 0 ? paths.stderrLog : logOf(manifest, paths)),
    stopped: stoppedOf(run, ending),
    limitHours: manifest.resources.requested.max_runtime_hours,
    warnedWith: fs.existsSync(paths.warnedMark) ? manifest.launch.warn_signal : null,
    diskFreeBytes: ending.diskFreeBytes,
    lost: ending.lost,
    runId: run.runId,
    kernel: rc === 0 && run.cgroup === null && run.placement.cards.length === 0 ? null : kernelWords(run),
    ramGb: manifest.resources.requested.ram_gb,
    ramPeakGb: run.memoryPeakGb,
  };
  return judge(evidence);
}

const round = (value: number, digits: number) => Number(value.toFixed(digits));

/** How long the end of a run waits for what is still being captured about it. */
const captureWaitMs = 1500;

async function endCapture(run: LiveRun): Promise<void> {
  if (run.capturing === null) return;
  await Promise.race([run.capturing.done, Bun.sleep(captureWaitMs)]);
  run.capturing.abort();
  await run.capturing.done;
}

/** The script's process writes its record before the script's first instruction; null where we did not lay it out. */
function untouchedOf({ paths, laidOut }: LiveRun): NonNullable<DiscoverOptions["untouched"]> | null {
  if (laidOut === null || !tellsChanges(paths.work)) return null;
  const record = fs.statSync(paths.processRecord, { throwIfNoEntry: false });
  return record === undefined ? null : { laidOut, beforeMs: record.mtimeMs };
}

/** The intent to try it again becomes part of the final manifest; the act follows in sealFinal. */
function decideOnRetry(shop: Shop, paths: RunPaths, manifest: Manifest): void {
  const decision = decideRetry(manifest, { stopWanted: fs.existsSync(paths.stopRequest) });
  if (decision.kind === "retry") manifest.lineage.retried_as = decision.runId;
  else if (decision.why !== null) noteEvent(paths, shop.clock.nowMs(), { event: decision.why });
}

async function makeFinal(shop: Shop, run: LiveRun, ending: Ending): Promise<Discovery> {
  const { paths } = run;
  const manifest = requireManifest(paths);
  const startedAtMs = ending.startedAtMs;
  run.meter?.flush();
  await endCapture(run);
  await run.dataLooks?.atEnd();
  const reads = await finishReads(shop, run, manifest);
  await collectOutputMetrics(paths);
  const snapshot = snapshotOf(shop, manifest);
  const now = isoTime(shop.clock.nowMs());
  const found = await discoverArtifacts(paths.work, { snapshot, now, untouched: untouchedOf(run) });
  await run.harvesting?.stop();
  await run.harvesting?.finish(found.artifacts.files.map((file) => file.path));
  const metrics = { ...(await summarizeMetrics(paths.passiveMetrics)), ...(await summarizeMetrics(paths.metrics)) };
  if (startedAtMs !== null) {
    metrics.training_time_hours ??= round(Math.max(0, ending.endedAtMs - startedAtMs) / 3_600_000, 6);
  }
  const verdict = verdictOf(shop, run, { manifest, ending });
  fault("worker/before-final");
  const final = changeManifest(paths, (now) => {
    if (isFinal(now.status)) return false;
    run.capturing?.fold(now);
    run.dataLooks?.fold(now);
    now.reads = reads;
    now.status = verdict.status;
    now.exit_code = verdict.exit_code;
    now.signal = verdict.signal;
    now.failure = verdict.failure;
    now.remarks = [
      ...now.remarks,
      ...(ending.remarks ?? []),
      ...(verdict.remarks ?? []),
      ...readsRemarks(reads),
      ...metricRemarks(metrics),
    ];
    if (verdict.status === "cancelled") now.cancelled ??= cancelledBy(run, ending);
    now.started_at ??= startedAtMs === null ? null : isoTime(startedAtMs);
    now.ended_at = isoTime(ending.endedAtMs);
    now.metrics = { ...now.metrics, ...metrics };
    now.artifacts = found.artifacts;
    if (startedAtMs !== null)
      now.resources.actual = actualResources(run, ending, { ...shop, before: now.resources.actual });
    if (run.cgroup !== null) removeCgroup(run.cgroup);
    decideOnRetry(shop, paths, now);
    return true;
  });
  fault("worker/after-final");
  noteUse(shop.base, shop.name, final);
  return found;
}

/** Hashes that were left to the sealing, into the manifest's list of artifacts. */
function addHashes(paths: RunPaths, sums: ReadonlyMap<string, string>): void {
  const manifest = requireManifest(paths);
  const lacking = manifest.artifacts?.files.filter(
    (file) => file.sha256 === undefined && sums.has(`work/${file.path}`),
  );
  if (lacking === undefined || lacking.length === 0) return;
  changeManifest(paths, (now) => {
    for (const file of now.artifacts?.files ?? []) file.sha256 ??= sums.get(`work/${file.path}`);
  });
}

/** Seals a run that is final already: what a crash left undone, or a run that was cancelled before it started. */
export async function sealFinal(shop: Shop, run: LiveRun, work?: Discovery): Promise<void> {
  await queueRetry(shop, run.paths);
  const complete = work?.artifacts.files.every((file) => file.sha256 !== undefined || file.link !== undefined) ?? false;
  const beforeSums = (sums: ReadonlyMap<string, string>) => {
    if (!complete) addHashes(run.paths, sums);
  };
  await sealRun(run.paths, work === undefined ? { beforeSums } : { beforeSums, work });
  fault("worker/after-seal");
  shop.changed(run.runId);
}

/** Everything from the end of the last process to the seal. Throws what a full or failing disk throws: try again. */
export async function finishRun(shop: Shop, run: LiveRun, ending: Ending): Promise<void> {
  run.phase = "finishing";
  const found = await makeFinal(shop, run, ending);
  shop.changed(run.runId);
  await removeBuilt(run.paths);
  await sealFinal(shop, run, found);
}
