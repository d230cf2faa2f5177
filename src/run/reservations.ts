/**
 * `reservations.json` in the base: GPUs that an administrator keeps for some users for a while. A file, because worker and
 * server share nothing else; the server writes it, workers read it when it has changed. Plain JSON, snake_case.
 */
import * as fs from "node:fs";
import { writeDurable } from "../core/durable.ts";
import { readJsonFile } from "../core/json-lines.ts";

export interface ReservationRecord {
  reservation_id: string;
  /** Null: on every machine that has a card of that id. */
  worker: string | null;
  gpu_ids: string[];
  users: string[];
  from: string;
  until: string;
  note: string | null;
  by: string;
  made_at: string;
}

/** More would be a calendar, and each look at the line reads them. */
export const mostReservations = 200;

/** What stands in the file; nothing where it is missing or makes no sense. Throws nothing. */
export function readReservations(path: string): ReservationRecord[] {
  const found = readJsonFile(path) as { reservations?: unknown } | null;
  if (!Array.isArray(found?.reservations)) return [];
  return (found.reservations as ReservationRecord[]).filter(
    (one) => Array.isArray(one?.gpu_ids) && Array.isArray(one.users) && Date.parse(one.until) > Date.parse(one.from),
  );
}

/** Throws system errors. */
export function writeReservations(path: string, reservations: readonly ReservationRecord[]): void {
  writeDurable(path, `${JSON.stringify({ version: 1, reservations }, null, 2)}\n`, { mode: 0o600 });
}

/** Reads the file again only when it has changed. */
export class ReservationReader {
  #stamp = "";
  #records: ReservationRecord[] = [];

  constructor(private readonly path: string) {}

  read(): ReservationRecord[] {
    const stat = fs.statSync(this.path, { throwIfNoEntry: false });
    const stamp = stat === undefined ? "" : `${stat.mtimeMs}:${stat.ino}:${stat.size}`;
    if (stamp !== this.#stamp) {
      this.#stamp = stamp;
      this.#records = stat === undefined ? [] : readReservations(this.path);
    }
    return this.#records;
  }
}
