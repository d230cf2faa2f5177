/**
 * What a run really read, where it was queued with `--trace-reads`: every file that it opened where strace told (execute/trace-reads.ts),
 * else what was open when the sampler looked. Kept as env/reads.tsv, and matched with the registered datasets: one that was
 * read and not named by `--data` is a remark. That nothing was seen proves nothing where it was only looked at.
 */
import * as fs from "node:fs";
import { runJob } from "../data/child.ts";
import { mostOpened, openedFile } from "../execute/trace-reads.ts";
import { listDatasets } from "../run/dataset-record.ts";
import type { Manifest } from "../run/manifest.ts";
import type { DatasetUse, Reads } from "../run/manifest-data.ts";
import type { RunPaths } from "../run/paths.ts";
import { type Found, isOfSystem, mostFiles, ReadTrace, readsFile, readText, tableText } from "./read-trace.ts";
import type { LiveRun, Shop } from "./shop.ts";

const lookMs = 10_000;
/** strace writes what is not printable as octal. */
const unescaped = (path: string) =>
  Buffer.from(
    path.replaceAll(/\\([0-7]{1,3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8))),
    /\\[0-7]/.test(path) ? "latin1" : "utf8",
  ).toString("utf8");

/** What strace told; null where it was not there. */
function openedBy(paths: RunPaths): Found | null {
  if (!fs.existsSync(openedFile(paths))) return null;
  const all = readText(openedFile(paths))
    .split("\n")
    .filter((line) => line !== "");
  const files = all.map(unescaped).filter((path) => !isOfSystem(path) && !path.startsWith(`${paths.folder}/`));
  const cut = all.length >= mostOpened || files.length > mostFiles;
  return { how: "strace", looks: null, cut, files: new Map(files.map((path) => [path, null])) };
}

/** A dataset, and the folders under which it is read. */
interface Place {
  name: string;
  version: string | null;
  path: string;
  folders: readonly string[];
  named: boolean;
}

/** Which of the places were read, and how much of them; pure. */
export function matchReads(files: Found["files"], places: readonly Place[]): Reads["datasets"] {
  return places.flatMap(({ name, version, path, folders, named }) => {
    const inside = [...files].filter(([file]) =>
      folders.some((folder) => file === folder || file.startsWith(`${folder}/`)),
    );
    if (inside.length === 0) return [];
    const looks = inside.some(([, count]) => count === null)
      ? null
      : Math.max(...inside.map(([, count]) => count ?? 0));
    return [{ name, version, path, files: inside.length, looks, named }];
  });
}

/** A folder by its own name and, where its mount answers, by the one without symbolic links. */
async function realNames(path: string): Promise<string[]> {
  try {
    const { realPath } = await runJob({ kind: "probe", path, toList: false }, { stallMs: lookMs });
    return [...new Set([path, realPath])];
  } catch {
    return [path];
  }
}

async function placesOf(shop: Shop, uses: readonly DatasetUse[]): Promise<Place[]> {
  return Promise.all(
    listDatasets(shop.base).map(async ({ name, current, versions }) => {
      const use = uses.find((one) => one.name === name);
      const version = versions.find((one) => one.version === (use?.version ?? current)) ?? versions.at(-1);
      const path = use?.nas_path ?? version?.path ?? "";
      const folders = await realNames(path);
      if (use?.local_path != null) folders.push(use.local_path);
      return { name, version: version?.version ?? null, path, folders, named: use !== undefined };
    }),
  );
}

export function beginReads(run: LiveRun, { launch }: Manifest): ReadTrace | null {
  return launch.trace_reads ? new ReadTrace(run.paths) : null;
}

/** What is known in the end, written down; null where nobody asked. Throws system errors of writing. */
export async function finishReads(shop: Shop, run: LiveRun, manifest: Manifest): Promise<Reads | null> {
  if (!manifest.launch.trace_reads || !fs.existsSync(run.paths.startedMark)) return null;
  const { how, looks, cut, files } = openedBy(run.paths) ?? (run.reads ?? new ReadTrace(run.paths)).found();
  const kept = new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, mostFiles));
  fs.mkdirSync(run.paths.env, { recursive: true });
  fs.writeFileSync(readsFile(run.paths), tableText(how === "strace" ? "strace" : `samples ${looks}`, kept));
  const datasets = matchReads(files, await placesOf(shop, manifest.datasets));
  return { how, looks, files: files.size, cut, datasets };
}

/** A sentence for each dataset that was read without being named. */
export function readsRemarks(reads: Reads | null): string[] {
  return (reads?.datasets ?? [])
    .filter(({ named }) => !named)
    .map(({ name, version, files }) => {
      const what = files === 1 ? "a file" : `${files} files`;
      return `it read ${what} of dataset ${name}${version === null ? "" : ` (version ${version})`}, which it was not queued with: \`--data ${name}\` keeps that in its record`;
    });
}
