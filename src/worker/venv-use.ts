/**
 * The virtual environment of a run: given to it before it starts, or the reason why it cannot be had. What came of it stands in the
 * manifest, and what its build printed in env/venv-build.log, so that the run folder tells all of it.
 */

import * as fs from "node:fs";
import { join } from "node:path";
import { isoTime } from "../core/clock.ts";
import { asMlError } from "../core/error.ts";
import { rebuildsEnvironment } from "../execute/rebuild-env.ts";
import type { Manifest } from "../run/manifest.ts";
import type { VenvUse } from "../run/manifest-data.ts";
import { isFinal } from "../run/status.ts";
import { changeManifest } from "../run/store.ts";
import type { VenvRecord } from "../run/worker-facts.ts";
import { savedSeconds } from "./data-use.ts";
import type { LiveRun, Shop } from "./shop.ts";
import { readStopRequest } from "./stop-request.ts";
import { needOf, type VenvNeed } from "./venv-build.ts";
import type { Venvs } from "./venvs.ts";

const keptLogBytes = 256 * 1024;
const mostEvidence = 4;
const stopLookMs = 250;

/** Why there is none: a sentence, and the end of what the build printed. */
export interface NoVenv {
  lock: string;
  why: string;
  hint: string | null;
  evidence: string[];
}

/** Resolves with null where somebody wants the run stopped: it does not wait any longer. */
async function builtUnlessStopped(run: LiveRun, venvs: Venvs, need: VenvNeed): Promise<VenvRecord | null> {
  const over = venvs.ensure(need, run.runId);
  let done = false;
  const settled = over.then(
    () => {
      done = true;
    },
    () => {
      done = true;
    },
  );
  while (!done) {
    if (run.claimLost || readStopRequest(run.paths) !== null) {
      venvs.leave(need, run.runId);
      return null;
    }
    await Promise.race([settled, Bun.sleep(stopLookMs)]);
  }
  return over;
}

function keepLog(run: LiveRun, log: string | null): void {
  if (log === null) return;
  fs.mkdirSync(run.paths.env, { recursive: true });
  fs.writeFileSync(join(run.paths.env, "venv-build.log"), log.slice(-keptLogBytes));
}

function note(run: LiveRun, manifest: Manifest, came: Partial<VenvUse>): void {
  const given = changeManifest(run.paths, (now) => {
    if (isFinal(now.status) || now.environment.venv === null) return false;
    Object.assign(now.environment.venv, came);
    return true;
  });
  manifest.environment.venv = given.environment.venv;
}

/** Gives a run its environment and writes that down; null where it has it, or asked for none. Throws system errors. */
export async function giveVenv(shop: Shop, run: LiveRun, manifest: Manifest): Promise<NoVenv | null> {
  const { venv } = manifest.environment;
  if (venv === null || rebuildsEnvironment(manifest)) return null;
  const { venvs, clock } = shop;
  const need = needOf(shop.base, manifest);
  if (venvs === null || need === null)
    return { lock: venv.lock, why: "this worker builds none", hint: null, evidence: [] };
  const turnMs = clock.nowMs();
  const sinceMs = clock.monotonicMs();
  const waited = () => Math.round(clock.monotonicMs() - sinceMs) / 1000;
  try {
    const record = await builtUnlessStopped(run, venvs, need);
    if (record === null) return null;
    const folder = venvs.hold(record, run.runId);
    const warm = Date.parse(record.built_at) <= turnMs;
    const waitedSeconds = warm ? 0 : waited();
    keepLog(run, await venvs.logOf(need));
    note(run, manifest, {
      ...{ key: record.key, folder, tool: record.tool, built_via: warm ? "prewarm" : "on_demand" },
      ...{ built_at: record.built_at, build_seconds: record.seconds, size_gb: record.size_bytes / 1e9 },
      ...{ waited_seconds: waitedSeconds, time_saved_seconds: savedSeconds(record.seconds, waitedSeconds, true) },
    });
    return null;
  } catch (cause) {
    const { message, detail } = asMlError(cause);
    const log = await venvs.logOf(need);
    keepLog(run, log);
    note(run, manifest, { built_via: "failed", built_at: isoTime(clock.nowMs()), waited_seconds: waited() });
    const lines = (log ?? "").split("\n").filter((line) => line.trim() !== "" && !line.startsWith("ml: "));
    const evidence = lines.slice(-mostEvidence).map((line) => (line.length > 200 ? `${line.slice(0, 199)}…` : line));
    return { lock: venv.lock, why: message, hint: detail.hint ?? null, evidence };
  }
}

/** An environment that an earlier worker gave to a run stays as well. */
export function keepVenv(shop: Shop, run: LiveRun, { environment: { venv } }: Manifest): void {
  if (typeof venv?.key === "string" && venv.folder !== null) shop.venvs?.adopt(venv.key, run.runId);
}
