/**
 * Every file under a dataset's folder, with its size and times, in the order of the paths. A link to somewhere else in the folder is
 * a link; one that leads out to a file counts as that file; one that leads out to a folder is left out and named. Nothing is read
 * and nothing ignored. Holds the names of the folders that it is in, and no more: what it finds is handed on file by file.
 * Runs in a child process: the folder may be on a mount that hangs.
 */
import * as fs from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { isCrooked } from "./merkle.ts";
import type { Look } from "./stat-cache.ts";

export interface Walked extends Look {
  path: string;
  link: string | null;
  /** By our clock. */
  seenMs: number;
}

const mostLeftOut = 1000;

export interface WalkOptions {
  /** Called now and then with how many were found. */
  onProgress(files: number): void;
  nowMs(): number;
  onFile(file: Walked): void;
  /** The folder of the next files has its lines in another order than they come (merkle.ts). */
  onCrooked?(folder: string): void;
}

interface InFolder {
  /** With a `/` behind where it is not the root. */
  path: string;
  /** Sorted, folders with a `/` behind: so the whole comes in the order of the paths. */
  names: string[];
  at: number;
}

/** Gives what is left out. Throws system errors: a folder that cannot be read makes the whole unknown. */
export function walkFiles(root: string, { onProgress, nowMs, onFile, onCrooked }: WalkOptions): string[] {
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
  const lookAtLink = (path: string, full: string, look: fs.Stats) => {
    const target = fs.readlinkSync(full);
    const leads = resolve(dirname(full), target);
    const stays = !isAbsolute(target) && (leads === root || leads.startsWith(`${root}/`));
    const stat = stays ? undefined : fs.statSync(full, { throwIfNoEntry: false });
    if (stays || stat === undefined) add(path, look, target);
    else if (stat.isFile()) add(path, stat, null);
    else leave(path, "a link that leads out of the dataset, to a folder");
  };
  const enter = (path: string): InFolder => {
    const entries = fs.readdirSync(join(root, path), { withFileTypes: true });
    const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
    if (onCrooked !== undefined && isCrooked(names)) onCrooked(path.slice(0, -1));
    return { path, names, at: 0 };
  };
  const within = [enter("")];
  for (let folder = within.at(-1); folder !== undefined; folder = within.at(-1)) {
    const name = folder.names[folder.at];
    folder.at += 1;
    if (name === undefined) within.pop();
    else if (name.endsWith("/")) within.push(enter(`${folder.path}${name}`));
    else {
      const path = `${folder.path}${name}`;
      const full = `${root}/${path}`;
      const stat = fs.lstatSync(full);
      if (stat.isFile()) add(path, stat, null);
      else if (stat.isSymbolicLink()) lookAtLink(path, full, stat);
      else leave(path, "neither a file nor a folder");
    }
  }
  onProgress(count);
  return leftOut;
}
