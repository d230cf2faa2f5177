/**
 * The name of an entry's file in the filesystem queue. Everything that changes is in the name, so that a change is one
 * rename from exactly the known name to the next: an atomic compare-and-swap that any file system has, and a listing
 * of names, sorted as text, is the line in its order.
 *
 *     <10 - priority>.<sequence>.<run id>.<token>.w                                   waits
 *     <10 - priority>.<sequence>.<run id>.<token>.h                                   is held
 *     <10 - priority>.<sequence>.<run id>.<token>.c.<lease ms>.<renewals>.<worker>    is claimed
 */
import { MlError } from "../core/error.ts";

export interface NameParts {
  priority: number;
  sequence: number;
  runId: string;
  /** The token of the present or the last claim; 0 before the first. */
  token: number;
  held: boolean;
  claim: { worker: string; leaseMs: number; renewals: number } | null;
}

/** File names end at 255 bytes (NAME_MAX, limits.h). */
const longestWord = 90;

export function entryName(parts: NameParts): string {
  const { priority, sequence, runId, token, claim } = parts;
  const place = `${String(10 - priority).padStart(2, "0")}.${String(sequence).padStart(16, "0")}`;
  const state = claim === null ? (parts.held ? "h" : "w") : claimWord(claim);
  return `${place}.${word(runId)}.${token}.${state}`;
}

/** The parts of a name, or null where it is no entry's. */
export function parseEntryName(name: string): NameParts | null {
  const [priority = "", sequence = "", runId = "", token = "", state, leaseMs, renewals, worker] = name.split(".");
  if (!/^\d{2}$/.test(priority) || !/^\d{16}$/.test(sequence) || !/^\d+$/.test(token) || runId === "") return null;
  const shared = {
    priority: 10 - Number(priority),
    sequence: Number(sequence),
    runId: plain(runId),
    token: Number(token),
  };
  if (state === "w" || state === "h") return { ...shared, held: state === "h", claim: null };
  if (state !== "c" || worker === undefined) return null;
  const claim = { worker: plain(worker), leaseMs: Number(leaseMs), renewals: Number(renewals) };
  return { ...shared, held: false, claim };
}

/** A run id or worker name as one word of a file name. Throws `refused` where it is too long for one. */
export function word(text: string): string {
  const encoded = encodeURIComponent(text).replaceAll(".", "%2E");
  if (encoded.length > 0 && encoded.length <= longestWord) return encoded;
  throw new MlError("refused", `\`${text.slice(0, 40)}\` cannot be part of a file name of the queue: it is too long`, {
    hint: "give the worker a shorter `worker_name`",
  });
}

function claimWord(claim: NonNullable<NameParts["claim"]>): string {
  return `c.${Math.round(claim.leaseMs)}.${claim.renewals}.${word(claim.worker)}`;
}

function plain(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
