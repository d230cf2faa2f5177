/**
 * Code that no run needs any more: what `ml delete` leaves under snapshots/ and objects/, and what was sent and never queued.
 *
 * Why nothing that is needed goes, whoever submits meanwhile:
 * 1. Needed is every tree and content whose hash stands anywhere in a manifest, the intake journal, a sweep or a quarantined
 *    record, and every content of a tree that stays. A record that cannot be read stops the whole: what it needs cannot be told.
 * 2. Runs are listed a second time after the first were read. A run that a worker made meanwhile (a retry) took its code from
 *    a run that was there then: that one was read, or it is gone and the new one is in the second list.
 * 3. From before the first reading on, the server notes whatever it tells anybody to be there, or stores a tree upon
 *    (run/reliance.ts). Each file is removed in one turn with a last look at those notes, so an answer comes wholly before
 *    that look, and the file stays, or after the removal, and says that it is not there: then the client sends it.
 * 4. Work of the server that looks first and refers some turns later (an import, staging, `ml push DIR`) and was under way before
 *    the notes began is waited for.
 * 5. An answer that was given before all this may be out of date by the time of the submission. Submitting and storing a tree look again,
 *    in the turn in which they refer, and answer `snapshot_missing`: then the client sends it. What is younger than the age limit
 *    stays anyway, so that hardly ever happens.
 * 6. Trees go first and durably, contents after them: at no moment, and after no crash, does a tree stand whose contents are gone.
 *
 * 7. A pack of contents (unused-packs.ts) goes as a file does: in one turn, with a last look for each content that would go with it.
 *
 * Contents that pushed data shares (data/, by hard links) stay: removing them would free nothing.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { breathe } from "../core/breathe.ts";
import { syncFolder } from "../core/durable.ts";
import { asMlError, MlError, messageOf, systemCode } from "../core/error.ts";
import { fault } from "../core/fault.ts";
import type { BasePaths } from "../run/paths.ts";
import { reliersDone, type Watch, watchReliance } from "../run/reliance.ts";
import { listRunIds } from "../run/store.ts";
import { findWaste, freeWaste, type LookOptions } from "./unused-packs.ts";

export interface UnusedCode {
  /** Names of trees. */
  trees: string[];
  contents: { hash: string; sizeBytes: number }[];
}

export interface UnusedCodeOptions {
  /** Submissions that may have no folder yet. */
  intakePath: string;
  /** What arrived, or was linked, later than so long ago stays. */
  olderThanMs: number;
  nowMs: number;
  /** Milliseconds after which others have their turn; 0: between any two steps. */
  sliceMs?: number;
}

/** Lets others have their turn now and then. */
function breather({ sliceMs = 8 }: Pick<UnusedCodeOptions, "sliceMs">): () => Promise<void> {
  let pauseAtMs = performance.now() + sliceMs;
  return async () => {
    if (performance.now() < pauseAtMs) return;
    await breathe();
    pauseAtMs = performance.now() + sliceMs;
  };
}

const hashes = (text: string) => text.match(/[0-9a-f]{64}/g) ?? [];
const namesIn = (folder: string) => (fs.existsSync(folder) ? fs.readdirSync(folder) : []);

/** The text of a file, or null where it is gone by now. Throws `failed` for one that cannot be read. */
function recordText(path: string): string | null {
  try {
    return fs.readFileSync(path, "utf8");
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return null;
    throw cannotTell(path, cause);
  }
}

function cannotTell(path: string, cause: unknown): MlError {
  return new MlError("failed", `which code is needed cannot be told: \`${path}\` cannot be read, so none is removed`, {
    cause: messageOf(cause),
    hint: "`ml doctor` names what is damaged",
  });
}

/** Marks what a run needs. A folder that is gone needs nothing; one without a readable manifest stops the whole. */
function markRun(base: BasePaths, runId: string, needed: Set<string>): void {
  const { manifest, folder } = base.run(runId);
  const text = recordText(manifest);
  if (text === null) {
    if (fs.existsSync(folder)) throw cannotTell(manifest, new Error("it is not there"));
    return;
  }
  try {
    JSON.parse(text);
  } catch (cause) {
    throw cannotTell(manifest, cause);
  }
  for (const hash of hashes(text)) needed.add(hash);
}

/** Every hash that a record names. */
async function markRecords(base: BasePaths, options: UnusedCodeOptions): Promise<Set<string>> {
  const breathe = breather(options);
  const needed = new Set<string>();
  const seen = new Set<string>();
  const others = [base.sweeps, base.quarantine].flatMap((folder) => namesIn(folder).map((name) => join(folder, name)));
  for (const path of [options.intakePath, ...others.filter((one) => one.endsWith(".json"))]) {
    for (const hash of hashes(recordText(path) ?? "")) needed.add(hash);
    await breathe();
  }
  // Twice: the second list has what was made while the first was read.
  for (let pass = 0; pass < 2; pass += 1) {
    for (const runId of listRunIds(base)) {
      if (seen.has(runId)) continue;
      seen.add(runId);
      markRun(base, runId, needed);
      await breathe();
    }
  }
  return needed;
}

/** Milliseconds since it arrived, or got a further name. */
const ageMs = (stat: fs.Stats, nowMs: number) => nowMs - Math.max(stat.mtimeMs, stat.ctimeMs);

const treePath = (base: BasePaths, name: string) => join(base.snapshots, `${name}.json`);

function markTree(base: BasePaths, name: string, needed: Set<string>): void {
  needed.add(name);
  for (const hash of hashes(recordText(treePath(base, name)) ?? "")) needed.add(hash);
}

/** Trees that no record names and that are old enough; the contents of all others are marked. */
async function unusedTrees(base: BasePaths, needed: Set<string>, options: UnusedCodeOptions): Promise<string[]> {
  const breathe = breather(options);
  const unused: string[] = [];
  for (const file of namesIn(base.snapshots)) {
    await breathe();
    const name = /^([0-9a-f]{64})\.json$/.exec(file)?.[1];
    if (name === undefined) continue;
    const stat = fs.lstatSync(treePath(base, name), { throwIfNoEntry: false });
    if (stat === undefined) continue;
    if (needed.has(name) || ageMs(stat, options.nowMs) < options.olderThanMs) markTree(base, name, needed);
    else unused.push(name);
  }
  return unused;
}

async function unusedContents(
  base: BasePaths,
  needed: ReadonlySet<string>,
  options: UnusedCodeOptions,
): Promise<UnusedCode["contents"]> {
  const { nowMs, olderThanMs } = options;
  const breathe = breather(options);
  const unused: UnusedCode["contents"] = [];
  for (const folder of namesIn(base.objects).filter((name) => /^[0-9a-f]{2}$/.test(name))) {
    for (const name of namesIn(join(base.objects, folder))) {
      const hash = folder + name;
      if (!/^[0-9a-f]{64}$/.test(hash) || needed.has(hash)) continue;
      await breathe();
      const stat = fs.lstatSync(join(base.objects, folder, name), { throwIfNoEntry: false });
      if (stat?.isFile() && stat.nlink === 1 && ageMs(stat, nowMs) >= olderThanMs)
        unused.push({ hash, sizeBytes: stat.size });
    }
  }
  return unused;
}

function lookAtPacks(needed: ReadonlySet<string>, options: UnusedCodeOptions): LookOptions {
  const isOld = (stat: fs.Stats) => ageMs(stat, options.nowMs) >= options.olderThanMs;
  return { needed, isOld, breathe: breather(options) };
}

/** Only looks. Throws `failed` where a record cannot be read. */
export async function findUnusedCode(base: BasePaths, options: UnusedCodeOptions): Promise<UnusedCode> {
  const needed = await markRecords(base, options);
  const trees = await unusedTrees(base, needed, options);
  const contents = await unusedContents(base, needed, options);
  const waste = await findWaste(base, lookAtPacks(needed, options));
  return { trees, contents: [...contents, ...waste.flatMap(({ unused }) => unused)] };
}

/** Removes trees, but for those that somebody relies on by now, whose contents are marked. */
async function removeTrees(
  base: BasePaths,
  trees: readonly string[],
  { needed, relied, options }: { needed: Set<string>; relied: Watch["relied"]; options: UnusedCodeOptions },
): Promise<string[]> {
  const breathe = breather(options);
  const removed: string[] = [];
  for (const name of trees) {
    await breathe();
    if (relied.has(name)) {
      markTree(base, name, needed);
      continue;
    }
    fs.rmSync(treePath(base, name), { force: true });
    removed.push(name);
    fault("keep/tree-removed");
  }
  if (removed.length > 0) syncFolder(base.snapshots);
  return removed;
}

/** Removes what nothing needs, and says what it was. Throws `failed` as findUnusedCode, and system errors; done again it goes on. */
export async function removeUnusedCode(base: BasePaths, options: UnusedCodeOptions): Promise<UnusedCode> {
  const watch = watchReliance();
  const { relied } = watch;
  const gone: UnusedCode = { trees: [], contents: [] };
  try {
    await reliersDone();
    const needed = await markRecords(base, options);
    gone.trees = await removeTrees(base, await unusedTrees(base, needed, options), {
      ...{ needed, relied, options },
    });
    const breathe = breather(options);
    for (const content of await unusedContents(base, needed, options)) {
      await breathe();
      if (relied.has(content.hash)) continue;
      fs.rmSync(join(base.objects, content.hash.slice(0, 2), content.hash.slice(2)), { force: true });
      gone.contents.push(content);
      fault("keep/content-removed");
    }
    for (const waste of await findWaste(base, lookAtPacks(needed, options)))
      if (await freeWaste(base, waste, { relied, breathe })) gone.contents.push(...waste.unused);
    return gone;
  } catch (cause) {
    throw asMlError(cause, "removing code that no run needs");
  } finally {
    watch.end();
  }
}
