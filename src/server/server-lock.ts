/** One server a base directory: the lock that the kernel holds for it, and the record by which clients find it. */
import * as fs from "node:fs";
import { join } from "node:path";
import { writeEvenIfFull } from "../core/durable.ts";
import { MlError } from "../core/error.ts";
import { type FileLock, takeLifeLock } from "../core/file-lock.ts";
import { readJsonFile } from "../core/json-lines.ts";
import { bootId, identityOf } from "../core/process-identity.ts";
import { protocolVersion, version } from "../core/version.ts";
import type { BasePaths, StatePaths } from "../run/paths.ts";
import type { ServerIdentity } from "./context.ts";

function takenBy(state: StatePaths, base: BasePaths): MlError {
  const record = readJsonFile(state.serverRecord) as {
    pid?: number;
    base?: string;
    url?: string;
    host?: string;
  } | null;
  const who = record === null ? "another server" : `the server with pid ${record.pid} on ${record.host ?? "this host"}`;
  return new MlError("conflict", `${who} serves \`${record?.base ?? base.base}\` already`, {
    hint:
      record === null
        ? "wait until it has started, or stop it: `ml server stop`"
        : "use that one, or stop it: `ml server stop`",
    data: record,
  });
}

/** Locks on the state folder and, where that is elsewhere, on the base too. Throws `conflict` naming who has them. */
export function lockBase(base: BasePaths, state: StatePaths): FileLock {
  const paths = [...new Set([state.serverLock, join(base.base, "server.lock")])];
  const locks: FileLock[] = [];
  for (const path of paths) {
    const lock = takeLifeLock(path);
    if (lock === null) {
      for (const held of locks) held.release();
      throw takenBy(state, base);
    }
    locks.push(lock);
  }
  return { release: () => locks.forEach((lock) => void lock.release()) };
}

/** Tells clients of this machine where the server is. Throws system errors. */
export function writeServerRecord(base: BasePaths, state: StatePaths, identity: ServerIdentity): void {
  const { pid, host, startedAt, url, socket } = identity;
  const start = identityOf(pid)?.start ?? "";
  const record = {
    pid,
    start,
    boot: bootId(),
    base: base.base,
    url,
    socket,
    version,
    protocol: protocolVersion,
    host,
    started_at: startedAt,
  };
  writeEvenIfFull(state.serverRecord, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
}

export function removeServerRecord(state: StatePaths): void {
  fs.rmSync(state.serverRecord, { force: true });
}
