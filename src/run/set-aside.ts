/**
 * `set-aside.json` of a base: hosts and cards that nothing is started on until an administrator returns them, because everything on
 * them failed, or because somebody said so. Written whole by the server alone; workers read it, so that it holds while no
 * server is up. A missing file sets nothing aside; a damaged one neither, and whoever reads it says so.
 *
 * Cards are named by the driver's UUID, or by their index where there is none; with their host, because an index is no name.
 */
import * as fs from "node:fs";
import { writeDurable } from "../core/durable.ts";
import { readJsonFile } from "../core/json-lines.ts";
import type { BasePaths } from "./paths.ts";

export interface Place {
  kind: "host" | "gpu";
  host: string;
  /** The card's id; null for a host. */
  gpu: string | null;
}

export interface SetAside extends Place {
  /** RFC 3339. */
  since: string;
  by: string;
  why: string;
  /** The runs that are the evidence; empty where a person said so. */
  runs: string[];
}

export interface Returned extends Place {
  at: string;
  by: string;
}

export interface AsideBook {
  aside: SetAside[];
  /** When each place was last returned: what failed before counts no more. */
  returned: Returned[];
}

export const samePlace = (a: Place, b: Place): boolean => a.kind === b.kind && a.host === b.host && a.gpu === b.gpu;

const isPlace = (given: unknown): given is Place => {
  if (typeof given !== "object" || given === null) return false;
  const { kind, host, gpu } = given as Record<string, unknown>;
  return typeof host === "string" && (kind === "host" || (kind === "gpu" && typeof gpu === "string"));
};

/** Throws nothing. */
export function readAsideBook(base: Pick<BasePaths, "setAside">): AsideBook {
  const found = readJsonFile(base.setAside) as Partial<Record<keyof AsideBook, unknown>> | null;
  const list = <T>(given: unknown): T[] => (Array.isArray(given) ? (given.filter(isPlace) as T[]) : []);
  return { aside: list<SetAside>(found?.aside), returned: list<Returned>(found?.returned) };
}

/** Throws system errors. */
export function writeAsideBook(base: Pick<BasePaths, "setAside">, book: AsideBook): void {
  writeDurable(base.setAside, `${JSON.stringify({ version: 1, ...book }, null, 2)}\n`, { mode: 0o644 });
}

/** Reads the file where it has changed since: one stat a look. */
export class AsideReader {
  private stamp = "";
  private book: AsideBook = { aside: [], returned: [] };

  constructor(private readonly base: Pick<BasePaths, "setAside">) {}

  read(): readonly SetAside[] {
    const stat = fs.statSync(this.base.setAside, { throwIfNoEntry: false });
    const stamp = stat === undefined ? "none" : `${stat.mtimeMs}:${stat.size}:${stat.ino}`;
    if (stamp !== this.stamp) this.book = readAsideBook(this.base);
    this.stamp = stamp;
    return this.book.aside;
  }
}
