/**
 * The paths of a tree that no git speaks for: all but .mlignore, the built-in list, and folders whose .gitignore says that they are
 * in nobody's tree. Links are listed, never followed.
 */
import * as fs from "node:fs";
import { messageOf, systemCode } from "../core/error.ts";
import { builtInPart, type IgnoredPart, ignoresItself, mlignoreMatcher } from "./ignore.ts";
import { type LeftOut, notUtf8, unsendable } from "./left-out.ts";
import type { ListedPath } from "./list-git.ts";

export interface FolderListing {
  paths: ListedPath[];
  leftOut: LeftOut[];
  /** True where there were more than `maxFiles` and the listing was given up. */
  tooMany: boolean;
}

/** Lists the tree at `root`, with `everything` also what is named to be left out. A folder that cannot be read is left out and said; `root` itself must be readable. */
export async function listFolder(root: string, maxFiles: number, { everything = false } = {}): Promise<FolderListing> {
  const listing: FolderListing = { paths: [], leftOut: [], tooMany: false };
  const texts = new Map<string, string>();
  let ignoredPart: IgnoredPart | null = null;
  const folders = [""];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const entries = readFolder(root, folder, listing);
    const hasRules = !everything && folder !== "" && entries.some((entry) => entry.name === ".gitignore");
    if (hasRules && ignoresItself(readText(`${root}/${folder}.gitignore`))) {
      listing.leftOut.push({ path: folder, why: "its .gitignore is `*`", kind: "ignored" });
      continue;
    }
    if (!everything && entries.some((entry) => entry.name === ".mlignore")) {
      texts.set(folder, readText(`${root}/${folder}.mlignore`));
      ignoredPart ??= await mlignoreMatcher(texts, true);
    }
    for (const entry of entries) {
      const isFolder = entry.isDirectory();
      const path = `${folder}${entry.name}${isFolder ? "/" : ""}`;
      const ignored = everything ? null : ignoredPart === null ? builtInPart(path) : ignoredPart(path);
      if (ignored === null && isFolder) folders.push(path);
      else if (ignored === null) listing.paths.push({ path, tracked: false });
      else listing.leftOut.push({ path, why: "ignored", kind: "ignored" });
    }
    if (listing.paths.length > maxFiles) return { ...listing, tooMany: true };
  }
  return listing;
}

/** The text of an ignore file; one that cannot be read says nothing. */
export function readText(path: string): string {
  try {
    return fs.readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function readFolder(root: string, folder: string, listing: FolderListing): fs.Dirent[] {
  try {
    const entries = fs.readdirSync(`${root}/${folder}`, { withFileTypes: true });
    if (!entries.some((entry) => entry.name.includes("\ufffd"))) return entries;
    return entries.filter((entry) => isReadableName(root, folder, entry.name, listing));
  } catch (cause) {
    if (folder === "" || (systemCode(cause) !== "EACCES" && systemCode(cause) !== "ENOENT")) throw cause;
    listing.leftOut.push(unsendable(folder, `it cannot be read: ${messageOf(cause)}`));
    return [];
  }
}

/** A replacement character in a name is either really there, or stands for bytes that are not UTF-8. */
function isReadableName(root: string, folder: string, name: string, listing: FolderListing): boolean {
  if (!name.includes("\ufffd")) return true;
  try {
    fs.lstatSync(`${root}/${folder}${name}`);
    return true;
  } catch {
    const shown = notUtf8(Buffer.from(name.replaceAll("\ufffd", "?")));
    listing.leftOut.push({ ...shown, path: folder + shown.path });
    return false;
  }
}
