/**
 * Every file under a dataset's folder, with its size and times. A link to somewhere else in the folder is a link; one that
 * leads out to a file counts as that file; one that leads out to a folder is left out and named. Nothing is read and nothing
 * ignored. Runs in a child process: the folder may be on a mount that hangs.
 */
import * as fs from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { Look } from "./stat-cache.ts";

export interface Walked extends Look {
  path: string;
  link: string | null;
  /** By our clock. */
  seenMs: number;
}

export interface Walk {
  files: Walked[];
  /** Paths that are no part of it, with the reason. */
  leftOut: string[];
}

const mostLeftOut = 1000;

export interface WalkOptions {
  /** Called now and then with how many were found. */
  onProgress(files: number): void;
  nowMs(): number;
}

/** All at once. Throws system errors: a folder that cannot be read makes the whole unknown. */
export function walkDataset(root: string, options: WalkOptions): Walk {
  const files: Walked[] = [];
  const leftOut = walkFiles(root, options, (file) => void files.push(file));
  return { files, leftOut };
}

/** File by file, so that ten million need no memory; gives what is left out. Throws system errors. */
export function walkFiles(root: string, { onProgress, nowMs }: WalkOptions, onFile: (file: Walked) => void): string[] {
  let count = 0;
  const leftOut: string[] = [];
  const leave = (path: string, why: string) => {
    if (leftOut.length < mostLeftOut) leftOut.push(`${path}: ${why}`);
  };
  const add = (path: string, stat: fs.Stats, link: string | null) => {
    const { size: sizeBytes, mtimeMs, ctimeMs } = stat;
    onFile({ path, sizeBytes: link === null ? sizeBytes : 0, mtimeMs, ctimeMs, link, seenMs: nowMs() });
    count += 1;
    if (count % 100 === 0) onProgress(count);
  };
  const lookAtLink = (path: string, full: string) => {
    const target = fs.readlinkSync(full);
    const leads = resolve(dirname(full), target);
    const stays = !isAbsolute(target) && (leads === root || leads.startsWith(`${root}/`));
    const stat = stays ? undefined : fs.statSync(full, { throwIfNoEntry: false });
    if (stays || stat === undefined) add(path, fs.lstatSync(full), target);
    else if (stat.isFile()) add(path, stat, null);
    else leave(path, "a link that leads out of the dataset, to a folder");
  };
  const folders = [""];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of fs.readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      const full = `${root}/${path}`;
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isSymbolicLink()) lookAtLink(path, full);
      else if (entry.isFile()) add(path, fs.lstatSync(full), null);
      else leave(path, "neither a file nor a folder");
    }
  }
  onProgress(count);
  return leftOut;
}
