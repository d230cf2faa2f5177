/** How two runs differ, facet by facet, with the lines of code that changed. */
import * as fs from "node:fs";
import { listChanges, readList } from "../../data/file-list.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { datasetList } from "../../run/dataset-record.ts";
import { dataSeen, dataWarnings } from "../../think/data-drift.ts";
import { comparedPair } from "../compared-pair.ts";
import type { Context } from "../context.ts";

/** Larger lists would hold up the server. */
const largestListBytes = 4 * 1024 * 1024;

/** The files in which two versions differ, by the lists that were registered; empty where that is not known. */
function changedFiles({ base }: Context, name: string, versions: [string, string]): string[] {
  const paths = versions.map((version) => datasetList(base, name, version));
  const isSmall = (path: string) =>
    (fs.statSync(path, { throwIfNoEntry: false })?.size ?? Infinity) <= largestListBytes;
  if (!paths.every(isSmall)) return [];
  try {
    const [from, to] = versions.map((version) => readList(datasetList(base, name, version)));
    return from === undefined || to === undefined ? [] : (listChanges(from, to)?.files ?? []);
  } catch {
    return [];
  }
}

export async function runDiff(context: Context, body: ParsedBody<"run.diff">): Promise<Reply<"run.diff">> {
  const { a, b, code, facets } = await comparedPair(context, body);
  const end = ({ manifest }: typeof a) => ({
    run_id: manifest.run_id,
    name: manifest.name,
    user: manifest.user,
    status: manifest.status,
    queued_at: manifest.queued_at,
  });
  const runs = [a, b].map(({ manifest }, at) => ({ title: at === 0 ? "a" : "b", data: dataSeen(manifest) }));
  const warnings = dataWarnings(runs, (name, from, to) => changedFiles(context, name, [from, to]));
  return { a: end(a), b: end(b), facets, code, warnings };
}
