/**
 * `.run/stop.json`: somebody wants the run stopped. Written whole by the server, at any time, also while no worker is up:
 *
 *     {"by": "ana", "at": "2026-11-23T18:30:59.123Z", "now": false, "reason": "wrong data" | null, "grace_seconds": 30 | null}
 *
 * `now` skips the grace; the file may be replaced by one with `now` to hurry a stop that is under way. Without
 * `grace_seconds` the run's own `launch.grace_seconds` counts. The worker acts on it when told to (`Worker.poke`), when
 * the file appears, at its next look (1 s), and when it comes back. The request is kept: it is part of the record.
 */
import { existsSync } from "node:fs";
import { isoTime } from "../core/clock.ts";
import { readJsonFile } from "../core/json-lines.ts";
import type { StopReason } from "../execute/evidence.ts";
import { stopRun } from "../execute/stop.ts";
import { noteDeed } from "../run/audit-log.ts";
import type { RunPaths } from "../run/paths.ts";
import { noteEvent } from "./run-events.ts";
import type { LiveRun, Shop, StopRequest } from "./shop.ts";

/** The request, or null. One that is damaged still is a wish to stop, without its details. */
export function readStopRequest(paths: RunPaths): StopRequest | null {
  const found = readJsonFile(paths.stopRequest) as Record<string, unknown> | null;
  if (found === null || typeof found !== "object") {
    const damaged = existsSync(paths.stopRequest);
    return damaged ? { by: null, reason: null, now: false, graceSeconds: null, atMs: null } : null;
  }
  const { by, reason, now, at, grace_seconds: grace } = found;
  const atMs = typeof at === "string" ? Date.parse(at) : Number.NaN;
  return {
    by: typeof by === "string" ? by : null,
    reason: typeof reason === "string" ? reason : null,
    now: now === true,
    graceSeconds: typeof grace === "number" && grace >= 0 ? grace : null,
    atMs: Number.isFinite(atMs) ? atMs : null,
  };
}

interface Beginning {
  why: StopReason;
  request: StopRequest | null;
  /** What was seen, for a limit; a person's reason is in the request. */
  reason?: string;
  graceMs: number;
  /** The script is still running: then this stop is how it ended. */
  scriptRuns: boolean;
}

function begin(
  shop: Shop,
  run: LiveRun,
  { why, request, graceMs, scriptRuns, reason: seen = undefined }: Beginning,
): void {
  const { clock } = shop;
  const by = request?.by ?? null;
  const reason = request?.reason ?? seen ?? null;
  noteEvent(run.paths, clock.nowMs(), {
    event: scriptRuns ? "stopping" : "stopping stragglers",
    why,
    asked_by: by,
    reason,
  });
  if (scriptRuns) run.stopped = { why, by, reason };
  const tell = (event: string) => noteEvent(run.paths, clock.nowMs(), { event });
  run.stopping = stopRun({ runId: run.runId, script: run.script, graceMs, clock, onEvent: tell });
  void run.stopping.gone.then(() => run.bell.ring());
  shop.changed(run.runId);
}

/** What a rule does to somebody's run stands beside what people do. Throws nothing. */
function noteIdleStop(shop: Shop, run: LiveRun, reason: string): void {
  try {
    noteDeed(shop.base.audit, {
      ...{ at: isoTime(shop.clock.nowMs()), by: "ml", role: "system", from: `worker ${shop.name}` },
      ...{ action: "cancel", result: "done", runs: [run.runId], detail: reason },
    });
  } catch {
    // The run's own events have it, too.
  }
}

/** How long a grace may still last: a request that waited for us has used some of it up. */
function graceOf(shop: Shop, request: StopRequest, ownGraceSeconds: number): number {
  if (request.now) return 0;
  const graceMs = (request.graceSeconds ?? ownGraceSeconds) * 1000;
  const waitedMs = request.atMs === null ? 0 : Math.max(0, shop.clock.nowMs() - request.atMs);
  // The script gets a moment after its SIGTERM, however late we are.
  return Math.max(Math.min(graceMs, 1000), graceMs - waitedMs);
}

export interface StopSituation {
  graceSeconds: number;
  scriptRuns: boolean;
  /** Past the runtime limit with nobody else to enforce it. */
  overTime: boolean;
}

/** Begins or hurries a stop where one is asked for or due. Called at each look at a run. */
export function actOnStop(shop: Shop, run: LiveRun, situation: StopSituation): void {
  const { graceSeconds, scriptRuns, overTime } = situation;
  const request = readStopRequest(run.paths);
  if (run.stopping !== null) {
    if (request?.now) run.stopping.hurry();
    return;
  }
  if (request !== null) {
    begin(shop, run, { why: "asked", request, graceMs: graceOf(shop, request, graceSeconds), scriptRuns });
  } else if (run.breach !== null) {
    const { why, reason } = run.breach;
    const graceMs = why === "ram_limit" ? 0 : graceSeconds * 1000;
    begin(shop, run, { why, request: null, graceMs, scriptRuns, reason });
    if (why === "idle_gpu") noteIdleStop(shop, run, reason);
  } else if (overTime) {
    begin(shop, run, { why: "time_limit", request: null, graceMs: graceSeconds * 1000, scriptRuns });
  }
}
