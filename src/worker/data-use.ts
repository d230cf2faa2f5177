/**
 * The datasets of a run: given to it before it starts, looked at when it starts and when it ends. What touches them is done
 * in child processes, so that a mount that hangs holds up nobody but this run. A look that finds other data than was
 * registered is a remark and a `drift` in the manifest, never a failure: the script ran on what was there.
 */
import { isoTime } from "../core/clock.ts";
import { asMlError, MlError } from "../core/error.ts";
import { askPlace } from "../data/ask-place.ts";
import { runJob } from "../data/child.ts";
import type { Scanned } from "../data/scan.ts";
import { statCachePath } from "../data/stat-cache.ts";
import { silentSince } from "../data/stuck.ts";
import { datasetList, readDataset } from "../run/dataset-record.ts";
import type { Manifest } from "../run/manifest.ts";
import type { DatasetUse } from "../run/manifest-data.ts";
import { isFinal } from "../run/status.ts";
import { changeManifest } from "../run/store.ts";
import { neededOf, type Prewarmer } from "./prewarm.ts";
import type { DataLooks, LiveRun, Shop } from "./shop.ts";

/** A look takes so long at most; a larger dataset is looked at by `ml dataset verify`. */
const longestLookMs = 120_000;

type Moment = "start" | "end";
interface Look {
  check: NonNullable<DatasetUse["start_check"]>;
  changes: Scanned["changes"];
}

/** What a run uses of each dataset: the folder that it was given. */
export const folderOf = ({ local_path: local, nas_path: nas }: DatasetUse) => local ?? nas;

/** What hung is given a moment to go: a mount that is back takes its word from those that it held. */
async function untilAnswering(path: string, limitMs: number): Promise<void> {
  const startedMs = performance.now();
  while (silentSince(path) !== null && performance.now() - startedMs < limitMs) await Bun.sleep(100);
}

async function lookAt(shop: Shop, use: DatasetUse): Promise<Look> {
  const root = folderOf(use) ?? "";
  const { name, version, checksum } = use;
  const compare = version === null ? null : { listPath: datasetList(shop.base, name, version), checksum };
  const mode = use.checksum?.startsWith("quick-") ? "quick" : "cached";
  const cachePath = statCachePath(shop.state.stateDir, root);
  const { dataStallMs: stallMs, dataHands: hands } = shop.settings;
  const at = () => isoTime(shop.clock.nowMs());
  try {
    await untilAnswering(root, stallMs);
    const scanned = await runJob(
      { kind: "scan", root, mode, cachePath, listPath: null, compare, hands },
      { stallMs, signal: AbortSignal.timeout(longestLookMs) },
    );
    return { check: { at: at(), checksum: scanned.checksum, problem: null }, changes: scanned.changes };
  } catch (cause) {
    return { check: { at: at(), checksum: null, problem: asMlError(cause).message }, changes: null };
  }
}

/** `2 files changed, such as a.bin`; the sentence of a remark. */
function driftSentence(
  name: string,
  moment: Moment,
  { added, removed, changed, files }: NonNullable<Look["changes"]>,
): string {
  const parts = [
    changed > 0 ? `${changed} changed` : null,
    removed > 0 ? `${removed} gone` : null,
    added > 0 ? `${added} new` : null,
  ].filter((part) => part !== null);
  const when = moment === "start" ? "when the run started" : "by the end of the run";
  return `dataset ${name} was not what was registered ${when}: files ${parts.join(", ")} (${files.slice(0, 3).join(", ")}${files.length > 3 ? ", …" : ""})`;
}

/** Puts what was seen into the manifest: every look, and of what differs the first. */
function foldLook(manifest: Manifest, use: DatasetUse, { moment, look }: { moment: Moment; look: Look }): void {
  const kept = manifest.datasets.find(({ name }) => name === use.name);
  if (kept === undefined) return;
  kept[`${moment}_check`] = look.check;
  if (look.check.problem !== null)
    manifest.remarks.push(`dataset ${use.name} could not be checked at the ${moment}: ${look.check.problem}`);
  if (look.changes === null) return;
  kept.drift ??= { seen: moment, ...look.changes };
  const known = moment === "end" && kept.start_check?.checksum === look.check.checksum;
  if (!known) manifest.remarks.push(driftSentence(use.name, moment, look.changes));
}

/** When the mounts of what it read gave no answer while it ran: that explains a slow hour. */
function foldSilences({ mounts, clock }: Shop, manifest: Manifest): void {
  if (manifest.started_at === null) return;
  const toMs = Date.parse(manifest.ended_at ?? "") || clock.nowMs();
  for (const { name, local_path: local, end_check: end } of manifest.datasets) {
    const where = local === null ? { dataset: name } : ("copies" as const);
    const found = mounts?.silencesOf(where, Date.parse(manifest.started_at), toMs) ?? [];
    for (const { point, state, from, until } of found) {
      const back = until ?? (end?.problem === null ? end.at : null);
      const what = state === "silent" ? "gave no answer" : "was not there";
      const when = back === null ? `since ${from}` : `from ${from} to ${back}`;
      manifest.remarks.push(
        `the mount \`${point}\` of its ${local === null ? "" : "copy of "}dataset ${name} ${what} ${when}`,
      );
    }
  }
}

/** Begins the look at the start, beside the run; null where it has no datasets. */
export function beginDataLooks(shop: Shop, run: LiveRun, manifest: Manifest): DataLooks | null {
  const uses = manifest.datasets.filter((use) => folderOf(use) !== null);
  if (uses.length === 0 || isFinal(manifest.status)) return null;
  for (const { checksum, local_path: local } of uses)
    if (checksum !== null && local !== null) shop.prewarmer?.adopt(checksum, run.runId);
  const found: { use: DatasetUse; moment: Moment; look: Look }[] = [];
  const lookAll = (moment: Moment) =>
    Promise.all(uses.map(async (use) => found.push({ use, moment, look: await lookAt(shop, use) })));
  const fold = (now: Manifest) => {
    for (const { use, ...seen } of found.splice(0)) foldLook(now, use, seen);
  };
  const first = async () => {
    if (uses.every((use) => use.start_check !== null)) return;
    await lookAll("start");
    // A long run has it in its manifest while it runs; a short one takes it into its last write.
    if (run.phase !== "running") return;
    changeManifest(run.paths, (now) => {
      if (isFinal(now.status)) return false;
      fold(now);
      return true;
    });
    shop.changed(run.runId);
  };
  const started = first().catch(() => {});
  return {
    fold: (now) => {
      fold(now);
      foldSilences(shop, now);
    },
    atEnd: async () => {
      await started;
      await lookAll("end");
    },
  };
}

/** Since the submission somebody may have looked: then that look counts as the one at the queueing. */
export function foldQueuedLook({ base }: Pick<Shop, "base">, use: DatasetUse): void {
  const version = readDataset(base, use.name)?.versions.find((one) => one.version === use.version);
  const last = version?.last_check ?? null;
  if (last === null || (use.queued_check !== null && Date.parse(last.at) <= Date.parse(use.queued_check.at))) return;
  use.queued_check = { at: last.at, checksum: last.checksum, problem: last.problem };
  if (last.drift !== null) use.drift ??= { seen: "queued", ...last.drift };
}

/** One that cannot be had: what to say of it. */
export interface Unavailable {
  name: string;
  path: string;
  why: string;
  /** It may be there later: its mount gave no answer. */
  passing: boolean;
}

type Gift = Pick<
  DatasetUse,
  | "local_path"
  | "fetched_via"
  | "fetched_why"
  | "fetched_at"
  | "fetch_time_seconds"
  | "waited_seconds"
  | "time_saved_seconds"
>;
const inPlace = { local_path: null, fetched_via: "direct", fetched_at: null, fetch_time_seconds: null } as const;

/**
 * The copy took so long that the run need not have waited for it: all of it where it was warm, what had been done before its
 * turn where it joined a copy under way. Null where the copy was made in several goes, or was read in place: nobody knows.
 */
export function savedSeconds(seconds: number | null, waited: number, whole: boolean): number | null {
  if (seconds === null || !whole) return null;
  return Math.round(Math.max(0, seconds - waited) * 1000) / 1000;
}

function giftOfCopy(
  { folder, record }: NonNullable<Awaited<ReturnType<Prewarmer["hold"]>>>,
  { via, why, waitedSeconds }: { via: "prewarm" | "on_demand"; why: string; waitedSeconds: number },
): { gift: Gift } {
  const { fetched_at, seconds } = record;
  const from = { fetched_via: via, fetched_why: why, fetched_at, fetch_time_seconds: seconds };
  const times = {
    waited_seconds: waitedSeconds,
    time_saved_seconds: savedSeconds(seconds, waitedSeconds, record.resumed !== true),
  };
  return { gift: { local_path: folder, ...from, ...times } };
}

/** An empty folder is what a mount leaves behind: nobody is to be trained on that. Throws `not_found`. */
function requireMounted({ base }: Shop, use: DatasetUse, mountedFrom: string | null): void {
  const version = readDataset(base, use.name)?.versions.find((one) => one.version === use.version);
  const before = version?.mounted_from ?? null;
  if (before === null || mountedFrom !== null) return;
  throw new MlError("not_found", `\`${before}\` is not mounted at \`${use.nas_path}\``);
}

/** A copy where there is one or one is worth waiting for, else the folder itself, if it answers. */
async function giftOf(
  shop: Shop,
  run: LiveRun,
  { use, policy }: { use: DatasetUse; policy: Manifest["launch"]["data_policy"] },
): Promise<{ gift: Gift } | Omit<Unavailable, "name" | "path">> {
  const { prewarmer } = shop;
  const warm = (await prewarmer?.hold(use.checksum, run.runId)) ?? null;
  if (warm !== null) return giftOfCopy(warm, { via: "prewarm", why: "hit", waitedSeconds: 0 });
  const sinceMs = shop.clock.monotonicMs();
  const waited = () => Math.round(shop.clock.monotonicMs() - sinceMs) / 1000;
  let why = policy === "direct" ? "miss; its policy is to read it where it is" : "no copies are kept here";
  if (policy !== "direct" && prewarmer !== null) {
    try {
      await prewarmer.fetch(neededOf(use, run.runId, null), true);
      const fetched = await prewarmer.hold(use.checksum, run.runId);
      if (fetched !== null) return giftOfCopy(fetched, { via: "on_demand", why: "miss", waitedSeconds: waited() });
    } catch (cause) {
      const { message, code } = asMlError(cause);
      why = code === "refused" ? message : `miss; ${message}`;
    }
  }
  try {
    const { mountedFrom } = await askPlace(use.nas_path ?? "", { stallMs: shop.settings.dataStallMs });
    requireMounted(shop, use, mountedFrom);
    return { gift: { ...inPlace, fetched_why: why, waited_seconds: waited(), time_saved_seconds: null } };
  } catch (cause) {
    const { message, code } = asMlError(cause);
    return { why: message, passing: code === "try_later" };
  }
}

/**
 * Decides where the script finds each dataset and writes that down; null where all can be had. Looks at each folder in
 * a child process.
 */
export async function giveDatasets(shop: Shop, run: LiveRun, manifest: Manifest): Promise<Unavailable | null> {
  if (manifest.datasets.length === 0) return null;
  const gifts = new Map<string, Gift>();
  for (const use of manifest.datasets) {
    const gift = await giftOf(shop, run, { use, policy: manifest.launch.data_policy });
    if ("why" in gift) return { name: use.name, path: use.nas_path ?? "", ...gift };
    gifts.set(use.name, gift.gift);
  }
  const given = changeManifest(run.paths, (now) => {
    if (isFinal(now.status)) return false;
    for (const use of now.datasets) {
      foldQueuedLook(shop, use);
      Object.assign(use, gifts.get(use.name));
    }
    return true;
  });
  manifest.datasets = given.datasets;
  return null;
}
