/**
 * Folders of TensorBoard: a folder that holds event files is a run, as TensorBoard itself takes it, and its name is the run's.
 * Folders called train, val, test and their like are sides of the run above them. Event files tell when, and never how it ended.
 */
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { MlError } from "../core/error.ts";
import { leftOutOnRequest } from "../core/foreign-origin.ts";
import { splits } from "../harvest/harvest.ts";
import { openRegular } from "../harvest/point.ts";
import { EventFile } from "../harvest/tensorboard.ts";
import {
  type ForeignFile,
  type ForeignPoint,
  type ForeignRun,
  type ForeignStore,
  foreignLimits,
  tooMany,
  unreadable,
} from "./foreign-run.ts";
import type { ReadWishes } from "./mlflow.ts";
import { filesBelow } from "./small-file.ts";

const isEventFile = (path: string) => basename(path).includes(".tfevents.");

/** The run of an event file, as path of its folder; and the side of it, where its folder is one. */
function placeOf(path: string): { run: string; side: string | null } {
  const folder = dirname(path);
  const name = basename(folder);
  return folder !== "." && splits.test(name) ? { run: dirname(folder), side: name } : { run: folder, side: null };
}

interface Read {
  points: ForeignPoint[];
  /** How far it could be read; null: to its end. */
  brokenAt: number | null;
}

async function readEvents(root: string, path: string): Promise<Read> {
  const full = join(root, path);
  const file = await openRegular(full);
  if (file === null) throw unreadable(full, "it is no regular file any more");
  const { side } = placeOf(path);
  try {
    const events = new EventFile(path, "");
    const found = await events.read(file);
    const points = found.map(({ name, value, step, t }) => ({
      name: side === null ? name : `${side}/${name}`,
      value,
      step,
      t: t !== null && Number.isFinite(t) && t > 0 ? t : 0,
    }));
    return { points, brokenAt: events.readTo < file.sizeBytes ? events.readTo : null };
  } finally {
    await file.handle.close();
  }
}

/** `lr=0.1,bs=32/seed=1`: pieces of a folder's name that say a value. */
function parametersIn(folder: string): Record<string, string> {
  const pieces = folder.split(/[/,]/).map((piece) => /^\s*([A-Za-z_][\w.-]*)=(.*)$/.exec(piece));
  return Object.fromEntries(pieces.flatMap((piece) => (piece === null ? [] : [[piece[1] ?? "", piece[2] ?? ""]])));
}

async function runOf(root: string, run: string, paths: readonly string[], artifacts: boolean): Promise<ForeignRun> {
  const shown = run === "." ? basename(root) : run;
  const read: Read[] = [];
  for (const path of paths) read.push(await readEvents(root, path));
  const points = read.flatMap((one) => one.points);
  const damaged = read.flatMap(({ brokenAt, points: found }, at) => {
    if (brokenAt === null) return [];
    if (brokenAt === 0 && found.length === 0)
      throw unreadable(join(root, paths[at] ?? ""), "it is no event file of TensorBoard's");
    return [`${basename(paths[at] ?? "")} could be read up to byte ${brokenAt} alone: it is damaged or cut there.`];
  });
  const times = points.flatMap(({ t }) => (t > 0 ? [t * 1000] : []));
  const startedMs = times.length === 0 ? null : Math.round(times.reduce((a, b) => Math.min(a, b)));
  const endedMs = times.length === 0 ? null : Math.round(times.reduce((a, b) => Math.max(a, b)));
  const files = paths.map((path): ForeignFile => {
    const { size, mtimeMs } = fs.lstatSync(join(root, path));
    const as = run === "." ? path : path.slice(run.length + 1);
    return { root, inside: path, as, sizeBytes: size, modifiedMs: mtimeMs };
  });
  return {
    system: "tensorboard",
    originId: shown,
    name: basename(shown),
    experiment: run === "." || dirname(run) === "." ? null : dirname(run),
    user: null,
    status: "completed",
    remarks: [
      "Event files do not say how a run ended; it is taken as completed, with the time of its last value as its end.",
      ...damaged,
      ...(artifacts ? [] : [leftOutOnRequest("event files")]),
    ],
    startedMs,
    endedMs,
    madeMs: startedMs ?? 0,
    script: null,
    parameters: parametersIn(run),
    tags: {},
    note: null,
    parentId: null,
    gitCommit: null,
    files: artifacts ? files : [],
    async points(take) {
      for (const point of points) take(point);
    },
  };
}

/** Throws `not_found`, `usage`, `refused`, `too_large`. */
export async function readTensorboard(path: string, shown: string, wishes: ReadWishes): Promise<ForeignStore> {
  if (fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new MlError("not_found", `there is no folder \`${shown}\``);
  const root = fs.realpathSync(path);
  const groups = Map.groupBy(filesBelow(root).paths.filter(isEventFile), (file) => placeOf(file).run);
  if (groups.size === 0)
    throw new MlError("usage", `\`${shown}\` has no event files of TensorBoard's`, {
      hint: "name the folder that `tensorboard --logdir` takes",
    });
  if (groups.size > foreignLimits.runs) throw tooMany(`\`${shown}\` has more than ${foreignLimits.runs} runs`);
  const runs: ForeignRun[] = [];
  const leftOut: string[] = [];
  for (const [run, paths] of groups) {
    try {
      const read = await runOf(root, run, paths, wishes.artifacts);
      if (wishes.experiment === null || wishes.experiment === read.experiment) runs.push(read);
    } catch (cause) {
      if (!wishes.skipBroken || !(cause instanceof MlError) || cause.code !== "refused") throw cause;
      leftOut.push(`${run}: ${cause.message}`);
    }
  }
  return { what: `event files of TensorBoard's in ${basename(root)}`, runs, leftOut };
}
