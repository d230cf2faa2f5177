/**
 * Who is at the door. The Unix socket is the owner of the server; TCP wants `Authorization: Bearer KEY`, always. A wrong key
 * and no key get the same words; an address that fails often waits.
 */
import { MlError } from "../core/error.ts";
import { ownLoginName } from "../core/login-name.ts";
import type { Asker } from "./asker.ts";
import type { Keys } from "./keys.ts";

/** Wrong keys that one address may try at once, and how long until one more is granted. */
const burst = 10;
const refillMs = 6000;
const rememberedAddresses = 10_000;

/** A bucket of failures for each address. */
export class FailureLimit {
  private readonly buckets = new Map<string, { failures: number; atMs: number }>();

  constructor(private readonly nowMs: () => number) {}

  private level(address: string): number {
    const bucket = this.buckets.get(address);
    if (bucket === undefined) return 0;
    return Math.max(0, bucket.failures - (this.nowMs() - bucket.atMs) / refillMs);
  }

  isBlocked(address: string): boolean {
    return this.level(address) >= burst;
  }

  fail(address: string): void {
    const failures = this.level(address) + 1;
    this.buckets.delete(address);
    this.buckets.set(address, { failures, atMs: this.nowMs() });
    if (this.buckets.size > rememberedAddresses) {
      const oldest = this.buckets.keys().next().value;
      if (oldest !== undefined) this.buckets.delete(oldest);
    }
  }
}

export interface Door {
  keys: Keys;
  failures: FailureLimit;
  /** Web origins that may ask; none by default. */
  origins: readonly string[];
}

export interface Admitted {
  asker: Asker;
  /** The key that was shown; null on the Unix socket. */
  keyId: string | null;
}

let owner: string | null = null;

/** The login name of whoever runs this server. */
export function ownerName(): string {
  owner ??= ownLoginName();
  return owner;
}

/** A request that a web page of a foreign origin made is refused before anything else is looked at. */
export function requireOrigin(door: Door, origin: string | null): void {
  if (origin === null || door.origins.includes(origin)) return;
  throw new MlError("not_allowed", "requests from web pages of this origin are refused", {
    hint: "an administrator can list the origin under allowed_origins in the server's config",
  });
}

/** Throws `unauthenticated`, or `try_later` for an address that failed too often. `address` null is the Unix socket. */
export function admit(door: Door, authorization: string | null, address: string | null): Admitted {
  if (address === null) {
    return { asker: { user: ownerName(), role: "admin", from: "socket", sink: null }, keyId: null };
  }
  if (door.failures.isBlocked(address)) {
    throw new MlError("try_later", "too many attempts with a wrong key from this address", { hint: "wait a minute" });
  }
  const key = /^Bearer\s+(\S{1,256})\s*$/i.exec(authorization ?? "")?.[1];
  const record = key === undefined ? null : door.keys.find(key);
  if (record === null) {
    door.failures.fail(address);
    throw new MlError("unauthenticated", "the server wants a valid API key", {
      hint: "ask its administrator for one (`ml key add NAME`), then `ml config set api_key KEY`",
    });
  }
  return { asker: { user: record.user, role: record.role, from: address, sink: null }, keyId: record.key_id };
}
