/**
 * Sweeps on disk: `sweeps/<id>.json`, replaced whole, and `sweeps/<id>.history.jsonl` with every change by a person,
 * written first. Which of its points have been run is not in here: the run folders say that.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { appendDurable, writeDurable } from "../core/durable.ts";
import { MlError, messageOf, systemCode } from "../core/error.ts";
import type { BasePaths } from "../run/paths.ts";
import { type Sweep, sweepSchema } from "./definition.ts";

const idForm = /^sw-[0-9a-z]{8,16}$/;
const recordPath = (base: BasePaths, sweepId: string) => join(base.sweeps, `${sweepId}.json`);

/** Null where there is none of that id. Throws `failed` where its file is damaged. */
export function readSweep(base: BasePaths, sweepId: string): Sweep | null {
  if (!idForm.test(sweepId)) return null;
  const path = recordPath(base, sweepId);
  try {
    return sweepSchema.parse(JSON.parse(fs.readFileSync(path, "utf8")));
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return null;
    throw new MlError("failed", `the record of sweep \`${sweepId}\` is damaged: \`${path}\``, {
      cause: messageOf(cause).split("\n")[0],
      hint: "its runs are whole, and its history is beside it",
    });
  }
}

/** Newest first; damaged records are passed over. */
export function listSweeps(base: BasePaths): Sweep[] {
  let names: string[] = [];
  try {
    names = fs.readdirSync(base.sweeps);
  } catch (cause) {
    if (systemCode(cause) !== "ENOENT") throw cause;
  }
  const sweeps = names.flatMap((name) => {
    const sweepId = /^(sw-[0-9a-z]+)\.json$/.exec(name)?.[1];
    if (sweepId === undefined) return [];
    try {
      return readSweep(base, sweepId) ?? [];
    } catch {
      return [];
    }
  });
  return sweeps.sort((a, b) =>
    a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : a.sweep_id < b.sweep_id ? 1 : -1,
  );
}

export interface SweepDeed {
  at: string;
  by: string;
  action: string;
  reason: string | null;
}

/** Notes who changed what, then replaces the record. Throws system errors. */
export function writeSweep(base: BasePaths, sweep: Sweep, deed: SweepDeed): void {
  fs.mkdirSync(base.sweeps, { recursive: true, mode: 0o700 });
  appendDurable(join(base.sweeps, `${sweep.sweep_id}.history.jsonl`), JSON.stringify(deed));
  writeDurable(recordPath(base, sweep.sweep_id), `${JSON.stringify(sweep, null, 2)}\n`);
}
