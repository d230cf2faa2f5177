/**
 * `ml import --update`: runs of other trackers that are here, as they were when they were imported, take over what is new there.
 * Each is judged as a whole before any is touched; one that contradicts what was imported is refused, with all that came with
 * it, or left as it is on request.
 */
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { firstIdOf } from "../bundle/content-id.ts";
import { artifactsWith, type Growth, growthOf, growthWords, takeOver } from "../bundle/grown.ts";
import { grownPoints } from "../bundle/grown-points.ts";
import type { PlannedRun } from "../bundle/plan-import.ts";
import { MlError } from "../core/error.ts";
import { isForeign } from "../core/foreign-origin.ts";
import { carryOn } from "../run/carried-on.ts";
import type { Manifest } from "../run/manifest.ts";
import type { RunPaths } from "../run/paths.ts";
import { readPruned } from "../run/pruned.ts";
import { requireManifest } from "../run/store.ts";
import { parseSums } from "../run/sum-line.ts";
import type { Asker } from "./asker.ts";
import { sumsText } from "./bundle-out.ts";
import type { Services } from "./context.ts";

/** `refuse`: all where one contradicts; `leave`: that one stays as it is. */
export type OnContradiction = "refuse" | "leave";

/** A run that has something to take over. */
export interface Update {
  run: PlannedRun;
  growth: Growth;
  /** Paths in the run folder whose contents are new. */
  files: string[];
  sums: Map<string, string>;
  /** SHA256SUMS as it was when it was judged. */
  sumsBefore: string;
  newPoints: number;
  /** For people. */
  words: string[];
}

export interface Judged {
  updates: Update[];
  /** Sentences, by id here; of runs that stay as they are. */
  contradictions: Map<string, string[]>;
}

const metricsFile = "metrics.jsonl";
const most = 3;
const some = (texts: readonly string[], separator: string) =>
  `${texts.slice(0, most).join(separator)}${texts.length > most ? `${separator}and ${texts.length - most} more` : ""}`;

/** Of the first bytes of a file. */
async function hashBeginning(path: string, sizeBytes: number): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for await (const chunk of Bun.file(path).slice(0, sizeBytes).stream()) hash.update(chunk);
  return hash.digest("hex");
}

interface FoundFiles {
  fresh: string[];
  /** Those that begin as they were. */
  grown: string[];
  others: string[];
}

const sizeOf = (path: string) => fs.statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** No file or link is in the place of a folder, and no folder in that of the file. */
function hasPlace(folder: string, path: string): boolean {
  const kindOf = (inside: string) => fs.lstatSync(join(folder, inside), { throwIfNoEntry: false });
  for (let above = dirname(path); above !== "."; above = dirname(above))
    if (kindOf(above)?.isDirectory() === false) return false;
  return kindOf(path)?.isFile() ?? true;
}

/** Paths of a run that the bundle has, which were judged as they came; what its sums name beside them is not looked at. */
type Brought = ReadonlySet<string>;

/**
 * Files of the source but its points: what was pruned here stays pruned, and what is gone there stays here. What a file was is what
 * the manifest says, which is written last: so an update that was cut short is completed by the next.
 */
async function compareFiles(
  paths: RunPaths,
  staged: string,
  {
    here,
    sums,
    given,
    brought,
  }: { here: Manifest; sums: ReadonlyMap<string, string>; given: ReadonlyMap<string, string>; brought: Brought },
): Promise<FoundFiles> {
  const found: FoundFiles = { fresh: [], grown: [], others: [] };
  const pruned = readPruned(paths);
  const listed = new Map((here.artifacts?.files ?? []).map((file) => [`work/${file.path}`, file]));
  for (const [path, sum] of given) {
    const before = listed.get(path)?.sha256 ?? sums.get(path);
    // Nothing else is a file of the source's: the record and its history are ours.
    if (!path.startsWith("work/") || before === sum || pruned.has(path)) continue;
    const file = join(staged, path);
    if (!brought.has(path)) throw new MlError("refused", `the bundle does not bring \`${path}\``);
    if (!hasPlace(paths.folder, path)) found.others.push(path);
    else if (before === undefined) found.fresh.push(path);
    else if ((await hashBeginning(file, listed.get(path)?.size_bytes ?? sizeOf(join(paths.folder, path)))) === before)
      found.grown.push(path);
    else found.others.push(path);
  }
  return found;
}

const isOwn = (here: Manifest, { user, role }: Asker) => here.user === user || role === "admin";

async function judge(
  paths: RunPaths,
  { here, run, staged, brought }: { here: Manifest; run: PlannedRun; staged: string; brought: Brought },
): Promise<{ update: Update | null; contradictions: string[] }> {
  if (!isForeign(here) || firstIdOf(here) !== firstIdOf(run.manifest))
    return { update: null, contradictions: ["it is another run"] };
  const sumsBefore = sumsText(paths);
  const [before, given] = [parseSums(sumsBefore), parseSums(run.sums)];
  const growth = growthOf(here, run.manifest);
  const withTimes = here.lineage.origin?.from !== "csv";
  const points = await grownPoints(paths.metrics, join(staged, metricsFile), { withTimes });
  const { fresh, grown, others } = await compareFiles(paths, staged, { here, sums: before, given, brought });
  const named = points.others.map((name) => `\`${name}\``);
  const contradictions = [
    ...growth.contradictions,
    ...(points.others.length === 0
      ? []
      : [`points of ${some(named, ", ")} that were imported are not there any more, or are others`]),
    ...others.map((path) => `\`${path}\` was imported with other content`),
  ];
  const hasPoints =
    brought.has(metricsFile) && given.has(metricsFile) && given.get(metricsFile) !== before.get(metricsFile);
  const files = [...(hasPoints ? [metricsFile] : []), ...fresh, ...grown];
  // How it was read this time is nothing new of the run.
  const isSame = files.length === 0 && Object.keys(growth.value).every((key) => key === "remarks");
  if (contradictions.length > 0 || isSame) return { update: null, contradictions };
  const sums = new Map([...before, ...files.map((path) => [path, given.get(path) ?? ""] as const)]);
  const words = growthWords(growth, { newPoints: points.fresh, fresh: fresh.length, grown: grown.length });
  return { update: { run, growth, files, sums, sumsBefore, newPoints: points.fresh, words }, contradictions };
}

/** Throws `conflict` where a run contradicts what was imported of it and that is to be refused, `not_allowed` where it is another's. */
export async function judgeUpdates(
  { base }: Services,
  planned: readonly PlannedRun[],
  given: {
    asker: Asker;
    staging: string;
    /** By id in the bundle. */
    byRun: ReadonlyMap<string, readonly string[]>;
    onContradiction: OnContradiction;
  },
): Promise<Judged> {
  const judged: Judged = { updates: [], contradictions: new Map() };
  const seen = new Set<string>();
  for (const run of planned.filter(({ isHere, manifest }) => isHere && isForeign(manifest))) {
    if (seen.has(run.runId)) throw new MlError("refused", `run \`${run.runId}\` is in the bundle twice`);
    seen.add(run.runId);
    const staged = join(given.staging, "runs", run.manifest.run_id);
    const brought = new Set(given.byRun.get(run.manifest.run_id));
    const paths = base.run(run.runId);
    const here = requireManifest(paths);
    const { update, contradictions } = await judge(paths, { here, run, staged, brought });
    if (contradictions.length > 0) judged.contradictions.set(run.runId, contradictions);
    if (update === null) continue;
    if (isOwn(here, given.asker)) judged.updates.push(update);
    else if (given.onContradiction === "leave")
      judged.contradictions.set(run.runId, [`it was imported by \`${here.user}\`, and is theirs to update`]);
    else
      throw new MlError(
        "not_allowed",
        `updating run \`${run.runId}\` was refused: it was imported by \`${here.user}\``,
        {
          hint: "only they or an administrator may do that",
        },
      );
  }
  const [first] = judged.contradictions;
  if (first === undefined || given.onContradiction === "leave") return judged;
  const [runId, why] = first;
  const more = judged.contradictions.size - 1;
  throw new MlError(
    "conflict",
    `what was imported as \`${runId}\` is not what is there now: ${some(why, "; ")}${more > 0 ? `; and so ${more === 1 ? "is one more run" : `are ${more} more runs`}` : ""}`,
    {
      hint: `nothing was changed; \`--skip-broken\` leaves such runs as they are, \`ml delete ${runId}\` and importing again takes what is there now`,
      data: { contradictions: Object.fromEntries(judged.contradictions) },
    },
  );
}

/** `staged` holds the run, each file durable and with the modes that it is to have. Throws `try_later` where it was changed meanwhile. */
export function applyUpdate(
  { base, catalog, hub }: Services,
  update: Update,
  { staged, user, at }: { staged: string; user: string; at: string },
): void {
  const { run, growth, files, sums, sumsBefore, newPoints } = update;
  const paths = base.run(run.runId);
  const before = parseSums(sumsBefore);
  const changed = files.map((path) => ({ path, sha256: sums.get(path) ?? null, was: before.get(path) ?? null }));
  carryOn(paths, {
    entry: {
      ...{ at, by: user, value: { ...growth.value, new_points: newPoints, files: changed }, was: growth.was },
      reason: `imported again from ${run.manifest.lineage.origin?.from ?? "elsewhere"}`,
    },
    ...{ from: staged, files, sums },
    change(manifest) {
      if (sumsText(paths) !== sumsBefore)
        throw new MlError("try_later", `run \`${run.runId}\` was changed meanwhile`, { hint: "import again" });
      takeOver(manifest, growth, { user, at });
      if (files.some((path) => path.startsWith("work/")))
        manifest.artifacts = artifactsWith(manifest.artifacts, run.manifest.artifacts);
    },
  });
  catalog.apply(run.runId);
  hub.changed(run.runId);
}
