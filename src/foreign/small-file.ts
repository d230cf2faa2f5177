/** Reading the small texts of a foreign store: regular files only, no link followed, none of them longer than it may be. */
import * as fs from "node:fs";
import { join } from "node:path";
import { openRegular, readAt } from "../harvest/point.ts";
import { badPath } from "../run/snapshot.ts";
import { type ForeignFile, foreignLimits, tooLong, tooMany, unreadable } from "./foreign-run.ts";

/** Null where there is no such regular file. Throws `refused` where it is longer than `mostBytes` or no UTF-8. */
export async function smallText(path: string, mostBytes: number): Promise<string | null> {
  const file = await openRegular(path);
  if (file === null) return null;
  try {
    if (file.sizeBytes > mostBytes) throw tooLong(path, mostBytes);
    const bytes = await readAt(file, 0, file.sizeBytes);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    if (cause instanceof TypeError) throw unreadable(path, "it is no UTF-8");
    throw cause;
  } finally {
    await file.handle.close();
  }
}

/** Entries of a folder by name; empty where it is none or may not be read. Links count as neither file nor folder. */
export function entriesOf(folder: string): { name: string; kind: "file" | "folder" | "other" }[] {
  try {
    return fs
      .readdirSync(folder, { withFileTypes: true })
      .map((entry) => ({
        name: entry.name,
        kind: entry.isFile() ? ("file" as const) : entry.isDirectory() ? ("folder" as const) : ("other" as const),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    return [];
  }
}

const mostDepth = 20;

/** Files below a folder, as `path`, in order; links, pipes and devices are counted and not taken. */
export function filesBelow(folder: string): { paths: string[]; others: number } {
  const paths: string[] = [];
  let others = 0;
  const todo = [{ prefix: "", depth: 0 }];
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    for (const { name, kind } of entriesOf(join(folder, at.prefix))) {
      const path = at.prefix === "" ? name : `${at.prefix}/${name}`;
      if (kind === "folder" && at.depth < mostDepth) todo.push({ prefix: path, depth: at.depth + 1 });
      else if (kind === "file") paths.push(path);
      else others += 1;
    }
    if (paths.length > foreignLimits.files) throw tooMany(`\`${folder}\` has more than ${foreignLimits.files} files`);
  }
  return { paths: paths.sort(), others };
}

/** The files of a folder as artifacts, and a remark on what was left out. */
export function artifactsBelow(root: string, folder: string): { files: ForeignFile[]; remarks: string[] } {
  const { paths, others } = filesBelow(join(root, folder));
  const sound = paths.filter((path) => badPath(path) === null && !/[\0-\x1f\x7f-\x9f\ufffd]/.test(path));
  const files = sound.map((path): ForeignFile => {
    const inside = folder === "" ? path : `${folder}/${path}`;
    const { size, mtimeMs } = fs.lstatSync(join(root, inside));
    return { root, inside, as: path, sizeBytes: size, modifiedMs: mtimeMs };
  });
  const left = others + paths.length - sound.length;
  return {
    files,
    remarks: left === 0 ? [] : [`${left} of its files were left out: links, or names that no file of ours may have.`],
  };
}
