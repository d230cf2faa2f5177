/**
 * What `ml doctor` says of data: where base, state and copies lie and how full that is, and whether each dataset's folder
 * answers. Folders are looked at in child processes, all at once; one that hangs costs its time limit and nothing else.
 */
import { asMlError } from "../core/error.ts";
import { formatSize } from "../core/size.ts";
import { askPlace } from "../data/ask-place.ts";
import type { Probed } from "../data/probe.ts";
import type { Check } from "../protocol/check.ts";
import { listDatasets } from "../run/dataset-record.ts";
import { type MountFacts, mountSentence } from "../run/mount-facts.ts";
import type { Services } from "./context.ts";

const probeMs = 5000;
const mostFolders = 20;
/** A look at a folder that takes longer makes everything slow that reads it. */
const slowMs = 1000;

const probe = (path: string): Promise<Probed | string> =>
  askPlace(path, { stallMs: probeMs }).catch((cause) => asMlError(cause).message);

const fullness = ({ network, freeBytes, totalBytes }: Probed) =>
  `${network ?? "a local disk"}, ${formatSize(freeBytes)} of ${formatSize(totalBytes)} free`;

async function placesCheck({ base, state, workers }: Services): Promise<Check> {
  const copies = workers.states().flatMap(({ alive, data }) => (alive && data?.folder ? [data.folder] : []));
  const places = new Map([["base", base.base]]);
  if (state.stateDir !== base.base) places.set("state", state.stateDir);
  for (const folder of copies) places.set("copies of data", folder);
  const found = await Promise.all(
    [...places].map(async ([what, path]) => {
      try {
        return { said: `${what} ${path}: ${fullness(await askPlace(path, { stallMs: probeMs }))}`, ok: true };
      } catch (cause) {
        const { code, message } = asMlError(cause);
        // Made with the first copy.
        if (code === "not_found" && what !== "base") return { said: `${what} ${path}: nothing there yet`, ok: true };
        return { said: `${what} ${message}`, ok: false };
      }
    }),
  );
  const ok = found.every((one) => one.ok);
  return {
    ...{ name: "places", ok, found: found.map(({ said }) => said).join("; ") },
    cure: ok ? null : "look at the disk or mount that it lies on: `findmnt` lists what is mounted",
  };
}

async function folderCheck(path: string, names: readonly string[]): Promise<Check> {
  const name = `data ${names.slice(0, 3).join(", ")}${names.length > 3 ? " and more" : ""}`;
  const probed = await probe(path);
  if (typeof probed === "string")
    return {
      name,
      ok: false,
      found: probed,
      cure: "is it mounted? `findmnt` lists what is; runs that need it wait or fail",
    };
  const slow = probed.latencyMs > slowMs;
  return {
    name,
    ok: slow ? null : true,
    found: `${path}: ${fullness(probed)}, answers in ${probed.latencyMs} ms`,
    cure: slow ? "the mount is slow: look at its server and the network" : null,
  };
}

/** What the living workers see of the network mounts that datasets lie on. */
export function watchedMounts({ workers }: Pick<Services, "workers">): ({ worker: string } & MountFacts)[] {
  return workers
    .states()
    .filter(({ alive }) => alive)
    .flatMap(({ worker, mounts }) => mounts.map((mount) => ({ worker, ...mount })));
}

function mountCheck(mount: MountFacts): Check {
  const { point, type, source, state, datasets, copies, usual_ms: usual, longest_ms: longest } = mount;
  const wrong = mountSentence(mount);
  const answers = usual === null ? "not asked yet" : `usually answers in ${usual} ms, in ${longest} ms at the longest`;
  return {
    name: `mount ${point}`,
    ok: wrong === null ? (state === "unknown" ? null : true) : state === "slow" ? null : false,
    found: `${wrong ?? source}; ${type}, ${answers}; ${[...(copies ? ["copies of data"] : []), ...datasets.slice(0, 3)].join(", ")}${datasets.length > 3 ? " and more" : ""}`,
    cure: wrong === null ? null : "look at its server and the network",
  };
}

export async function dataChecks(services: Services): Promise<Check[]> {
  const folders = new Map<string, string[]>();
  for (const { name, current, versions } of listDatasets(services.base)) {
    const path = versions.find(({ version }) => version === current)?.path;
    if (path !== undefined) folders.set(path, [...(folders.get(path) ?? []), name]);
  }
  return Promise.all([
    placesCheck(services),
    ...watchedMounts(services).slice(0, mostFolders).map(mountCheck),
    ...[...folders].slice(0, mostFolders).map(([path, names]) => folderCheck(path, names)),
  ]);
}
