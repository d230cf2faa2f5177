/**
 * `.run/claim.json`: which worker process prepares or attends a run, under which fencing token, and how often that was
 * tried. Written before the manifest says `starting`; whoever finds another token in it has lost the run.
 */
import { rmSync } from "node:fs";
import { hostname } from "node:os";
import { isoTime } from "../core/clock.ts";
import { writeDurable } from "../core/durable.ts";
import { readJsonFile } from "../core/json-lines.ts";
import { identityOf, type ProcessIdentity } from "../core/process-identity.ts";
import type { Claim } from "../queue/port.ts";
import type { RunPaths } from "../run/paths.ts";

export interface ClaimRecord {
  worker: string;
  host: string;
  process: ProcessIdentity;
  token: number;
  /** 1 for the first attempt to start this run. */
  attempt: number;
}

/** After so many attempts that took the worker down, a run is given up (HyperQueue calls it the crash limit). */
export const attemptLimit = 3;

const ownHost = hostname();
const self = identityOf(process.pid) ?? { pid: process.pid, start: "", boot: "unknown" };

/** This process, as claim records name it. */
export const ownIdentity: ProcessIdentity = self;

/** The record, or null where there is none that makes sense. */
export function readClaimRecord(paths: RunPaths): ClaimRecord | null {
  const found = readJsonFile(paths.claim) as Record<string, unknown> | null;
  if (found === null || typeof found !== "object") return null;
  const { worker, host, pid, start, boot, token, attempt } = found;
  if (typeof worker !== "string" || typeof token !== "number") return null;
  const process = { pid: Number(pid ?? 0), start: String(start ?? ""), boot: String(boot ?? "") };
  return { worker, host: String(host ?? ""), process, token, attempt: typeof attempt === "number" ? attempt : 1 };
}

/** Not synced: after a power cut the boot id says that nobody prepares anything any more. Throws system errors. */
export function writeClaimRecord(paths: RunPaths, claim: Claim, options: { attempt: number; nowMs: number }): void {
  const record = {
    version: 1,
    worker: claim.worker,
    host: ownHost,
    ...self,
    token: claim.token,
    attempt: options.attempt,
    at: isoTime(options.nowMs),
  };
  writeDurable(paths.claim, `${JSON.stringify(record)}\n`, { sync: false });
}

export function removeClaimRecord(paths: RunPaths): void {
  rmSync(paths.claim, { force: true });
}
