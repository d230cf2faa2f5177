/**
 * The paths of a git checkout that belong to the work in it: tracked, and untracked but not ignored; submodules and
 * other checkouts inside it likewise, by their own rules. Only names: nothing is opened here.
 */
import * as fs from "node:fs";
import { callGit } from "./git-call.ts";
import { type LeftOut, notUtf8, unsendable } from "./left-out.ts";

export interface ListedPath {
  path: string;
  tracked: boolean;
}

export interface Listing {
  paths: ListedPath[];
  leftOut: LeftOut[];
  /** Null where all went well; else why git did not answer: `paths` is then empty. */
  problem: string | null;
}

const maxDepth = 16;

function splitRecords(bytes: Uint8Array): { records: string[]; broken: Uint8Array[] } {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return { records: text.split("\0").filter((record) => record !== ""), broken: [] };
  } catch {
    const records: string[] = [];
    const broken: Uint8Array[] = [];
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    for (let start = 0; start < bytes.length; ) {
      const end = bytes.indexOf(0, start);
      const record = bytes.subarray(start, end < 0 ? bytes.length : end);
      start = end < 0 ? bytes.length : end + 1;
      try {
        records.push(decoder.decode(record));
      } catch {
        broken.push(record.subarray(2));
      }
    }
    return { records, broken };
  }
}

/** Lists the checkout whose top folder is `root`. Throws nothing. */
export async function listGit(root: string, { timeoutMs = 5000, depth = 0 } = {}): Promise<Listing> {
  const answer = await callGit(["ls-files", "-z", "-t", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    timeoutMs,
  });
  if (answer.problem !== null || answer.cut) {
    return { paths: [], leftOut: [], problem: answer.problem ?? "git lists more than 256 MB of names" };
  }
  const { records, broken } = splitRecords(answer.stdout);
  const listing: Listing = { paths: [], leftOut: broken.map(notUtf8), problem: null };
  const seen = new Set<string>();
  for (const record of records) {
    const path = record.slice(2);
    if (seen.has(path)) continue;
    seen.add(path);
    if (path.endsWith("/")) await addInner(root, path, { listing, depth, timeoutMs });
    else listing.paths.push({ path, tracked: record[0] !== "?" });
  }
  return listing;
}

/** Adds what an inner checkout (`path` ends with a slash) lists, under its own path. */
async function addInner(
  root: string,
  path: string,
  { listing, depth, timeoutMs }: { listing: Listing; depth: number; timeoutMs: number },
): Promise<void> {
  const inner = await listInner(root, path, { depth, timeoutMs });
  for (const row of inner.paths) listing.paths.push(row);
  listing.leftOut.push(...inner.leftOut);
}

/**
 * The paths of a submodule or other checkout at `folder` (ends with a slash) of `root`, relative to `root`. What has no
 * `.git`, or what git does not answer for, is left out with the reason.
 */
export async function listInner(
  root: string,
  folder: string,
  { timeoutMs = 5000, depth = 0 } = {},
): Promise<Pick<Listing, "paths" | "leftOut">> {
  const none = (why: string) => ({ paths: [], leftOut: [unsendable(folder, why)] });
  if (!fs.existsSync(`${root}/${folder}.git`)) {
    return none("the submodule is not checked out; `git submodule update --init` does that");
  }
  if (depth >= maxDepth) return none(`it is nested more than ${maxDepth} checkouts deep`);
  const inner = await listGit(`${root}/${folder}`, { timeoutMs, depth: depth + 1 });
  if (inner.problem !== null) return none(`git could not list this inner checkout: ${inner.problem}`);
  return {
    paths: inner.paths.map((row) => ({ ...row, path: folder + row.path })),
    leftOut: inner.leftOut.map((row) => ({ ...row, path: folder + row.path })),
  };
}
