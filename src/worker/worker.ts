/**
 * A worker: looks at the line, claims, starts, attends, finishes; adopts what it finds at its start. It shares nothing with
 * servers but the base directory and the queue, and runs inside a server's process or by itself (main.ts).
 *
 *     const worker = await startWorker({ base, state, queue, name, capacity, onChange });
 *     worker.poke();                 // look at the line, at stop requests and at all runs now
 *     worker.state();                // what the heartbeat file says (heartbeat.ts)
 *     await worker.stop();           // claims no more, leaves what runs to the next worker
 *     await worker.stop({ drain: true });   // waits until everything it holds has ended
 *
 * Per name one worker: a kernel-held lock in the state directory says so. The queue stays open; its owner closes it.
 */
import * as fs from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import runnerText from "../../python/ml_runner/ml_runner.py" with { type: "text" };
import { captureEnvironment } from "../capture/capture.ts";
import { defaultSettings } from "../config/settings.ts";
import { onBeat, untilBeatMs } from "../core/beat.ts";
import { systemClock } from "../core/clock.ts";
import { writeDurable } from "../core/durable.ts";
import { MlError } from "../core/error.ts";
import { type FileLock, takeLifeLock } from "../core/file-lock.ts";
import { localZone } from "../core/hours.ts";
import { readJsonFile } from "../core/json-lines.ts";
import type { MountWatch } from "../data/mount-watch.ts";
import { inheritedEnvironment, pythonFolder } from "../execute/launch.ts";
import { pinnedSums } from "../run/prewarm-wishes.ts";
import { AsideReader } from "../run/set-aside.ts";
import { prepareBase } from "../run/store.ts";
import { rebuildUse, trimUse } from "../run/use-ledger.ts";
import { policyOf } from "../schedule/policy.ts";
import { adoptAgain, adoptAll, adoptFromDeadWorkers, takeOver } from "./adopt.ts";
import { Bell } from "./bell.ts";
import { Cgroups } from "./cgroup.ts";
import { Door } from "./door.ts";
import { Gpus } from "./gpus.ts";
import { Heartbeat, type WorkerBeat } from "./heartbeat.ts";
import { Images } from "./images.ts";
import { LineView } from "./line-view.ts";
import { leaseMs, look, renewClaims } from "./look.ts";
import { readyMachine } from "./machine.ts";
import { watchMounts } from "./mounts.ts";
import { neededSoon } from "./needed.ts";
import { Planning } from "./planning.ts";
import { Prewarmer } from "./prewarm.ts";
import { refillEveryMs, refillLine } from "./refill.ts";
import { Sampler } from "./sampler.ts";
import { goOn, quietSettings, type Shop, type WorkerOptions } from "./shop.ts";
import { Venvs } from "./venvs.ts";
import { isWatched } from "./watched.ts";

export type { WorkerOptions, WorkerSettings } from "./shop.ts";

export interface Worker {
  poke(): void;
  /** These have ended and are not sealed, or nobody attends them. Returns at once. */
  takeOver(runIds: readonly string[]): void;
  state(): WorkerBeat;
  stop(options?: { drain?: boolean }): Promise<void>;
}

/** Other workers are looked after at every so manieth poll. */
const deadWorkersPolls = 15;
/** What a full disk kept us from doing is tried again at every so manieth poll. */
const disorderedPolls = 5;
/** With nothing in hand the line is polled less often: the queue wakes us, and idle ticks are most of what an idle worker costs. */
const idlePolls = 5;
/** How long a clean end waits for runs that are just being started or sealed. */
const closeMs = 10_000;

function takeName(options: WorkerOptions): FileLock {
  const { name, state, base } = options;
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(name) || name.startsWith(".")) {
    throw new MlError("bad_config", `\`${name}\` cannot be the name of a worker`, {
      hint: "set `worker_name` to at most 64 letters, digits, `.`, `_` or `-`",
    });
  }
  fs.mkdirSync(state.stateDir, { recursive: true, mode: 0o700 });
  const lock = takeLifeLock(state.workerLock(name));
  if (lock !== null) return lock;
  const beat = readJsonFile(join(base.workers, `${name}.json`)) as { pid?: number; host?: string } | null;
  const who = beat === null ? "" : ` (pid ${beat.pid} on ${beat.host})`;
  throw new MlError("conflict", `a worker named \`${name}\` runs already${who}`, {
    hint: "give this one another name: `ml worker --name NAME`",
  });
}

function putRunnerModule(options: WorkerOptions): void {
  const folder = pythonFolder(options.base);
  const path = join(folder, "ml_runner.py");
  if (fs.existsSync(path) && fs.readFileSync(path, "utf8") === runnerText) return;
  fs.mkdirSync(folder, { recursive: true, mode: 0o755 });
  writeDurable(path, runnerText, { mode: 0o444, sync: false });
}

interface Hooks extends Pick<Shop, "changed" | "lookSoon"> {
  /** Writes the heartbeat soon. */
  beatSoon(): void;
}

interface PrewarmHooks extends Pick<Hooks, "lookSoon" | "beatSoon"> {
  watch(): MountWatch | null;
}

function prewarmerOf(options: WorkerOptions, { lookSoon, beatSoon, watch }: PrewarmHooks): Prewarmer | null {
  if (options.prewarm == null) return null;
  const clock = options.clock ?? systemClock;
  return new Prewarmer(options.base, options.prewarm, {
    nowMs: () => clock.nowMs(),
    courtesyAt: (dataset) => watch()?.courtesyAt(dataset) ?? null,
    storeSilentSince: () => watch()?.copiesSilentSince() ?? null,
    onProgress: beatSoon,
    onEnd: () => {
      beatSoon();
      lookSoon();
    },
  });
}

function venvsOf(options: WorkerOptions, { lookSoon, beatSoon }: Hooks): Venvs | null {
  if (options.venvs == null) return null;
  const clock = options.clock ?? systemClock;
  // A worker's own: two on one machine would remove what the other's runs use.
  const folder = join(options.venvs.folder, options.name);
  return new Venvs(
    { ...options.venvs, folder },
    {
      nowMs: () => clock.nowMs(),
      env: inheritedEnvironment(options.env ?? process.env),
      pinned: () => pinnedSums(options.base.prewarm),
      onChange: () => {
        beatSoon();
        lookSoon();
      },
    },
  );
}

function imagesOf(
  options: WorkerOptions,
  { lookSoon, beatSoon, isPreparing }: Hooks & { isPreparing(runId: string): boolean },
): Images | null {
  if (options.images == null) return null;
  const clock = options.clock ?? systemClock;
  return new Images(options.base, options.images, {
    ...{ nowMs: () => clock.nowMs(), name: options.name, env: inheritedEnvironment(options.env ?? process.env) },
    isPreparing,
    onChange: () => {
      beatSoon();
      lookSoon();
    },
  });
}

function makeShop(options: WorkerOptions, hooks: Hooks): Shop {
  const policy = options.policy ?? policyOf(defaultSettings(), localZone);
  const shop: Omit<Shop, "planning"> = {
    base: options.base,
    state: options.state,
    queue: options.queue,
    name: options.name,
    host: hostname(),
    capacity: options.capacity,
    diskFreeGb: null,
    settings: { ...quietSettings, ...options.settings },
    gpus: options.gpus ?? new Gpus(null),
    machineDoor: options.door ?? new Door(),
    price: options.price ?? (() => null),
    currency: options.currency ?? null,
    cgroups: options.cgroups === undefined ? Cgroups.open() : options.cgroups,
    door: new Map(),
    aside: new AsideReader(options.base),
    blockedCards: new Map(),
    clock: options.clock ?? systemClock,
    capture: options.capture === undefined ? captureEnvironment : options.capture,
    inherited: inheritedEnvironment(options.env ?? process.env),
    pollMs: options.pollMs ?? 1000,
    live: new Map(),
    problems: new Map(),
    disordered: new Set(),
    unsettled: new Map(),
    tasks: new Set(),
    draining: false,
    closing: false,
    notBeforeMs: 0,
    line: new LineView(options.queue, options.clock ?? systemClock),
    idlePlan: null,
    prewarmer: prewarmerOf(options, { ...hooks, watch: () => shop.mounts }),
    venvs: venvsOf(options, hooks),
    images: imagesOf(options, { ...hooks, isPreparing: (runId) => shop.live.get(runId)?.phase === "preparing" }),
    mounts: null,
    silentData: new Map(),
    ...hooks,
  };
  return Object.assign(shop, { planning: new Planning(shop, policy) });
}

async function prewarm(shop: Shop): Promise<void> {
  if (shop.prewarmer === null && shop.venvs === null && shop.images === null) return;
  const { data, venvs, images } = await neededSoon(shop);
  shop.prewarmer?.look(data);
  shop.venvs?.look(venvs);
  shop.images?.look(images);
}

/** Starts a worker. Throws `conflict` where one of that name runs, `bad_config` for a bad name, and system errors. */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const lock = takeName(options);
  try {
    return await open(options, lock);
  } catch (cause) {
    lock.release();
    throw cause;
  }
}

async function open(options: WorkerOptions, lock: FileLock): Promise<Worker> {
  prepareBase(options.base);
  putRunnerModule(options);
  const bell = new Bell();
  const shop: Shop = makeShop(options, {
    changed: (runId) => {
      heartbeat.changed(runId);
      try {
        options.onChange?.(runId);
      } catch {
        // A listener's trouble is no run's trouble.
      }
    },
    lookSoon: () => bell.ring(),
    beatSoon: () => heartbeat.soon(),
  });
  const heartbeat = new Heartbeat(shop, { inServer: options.onChange !== undefined });
  await shop.gpus.open({
    isOurs: (runId) => shop.live.has(runId),
    isHeld: (cardId) =>
      [...shop.live.values()].some((run) => run.holding && run.placement.cards.some((card) => card.id === cardId)),
    now: () => shop.clock.monotonicMs(),
    onChange: (cards) => {
      shop.capacity = { ...shop.capacity, cards };
      heartbeat.soon();
      bell.ring();
    },
    onLook: () => {
      if (isWatched(shop.base)) heartbeat.soon();
    },
  });
  const wrong = (await options.onOpen?.()) ?? null;
  if (wrong !== null) shop.problems.set("machine set-up", wrong);
  heartbeat.beat();
  await rebuildUse(shop.base, shop.clock.nowMs());
  trimUse(shop.base, shop.name, shop.clock.nowMs());
  await adoptAll(shop, options.unended ?? null);
  await refillLine(shop);
  const stopListening = shop.queue.onChange(() => {
    shop.line.invalidate();
    bell.ring();
  });
  const deadSeen = new Set<string>();
  let refilling: Promise<void> | null = null;
  const stopBeats = [
    onBeat(leaseMs / 3, () => void renewClaims(shop)),
    onBeat(deadWorkersPolls * shop.pollMs, () => void adoptFromDeadWorkers(shop, deadSeen)),
    onBeat(disorderedPolls * shop.pollMs, () => goOn(shop, adoptAgain(shop))),
    onBeat(refillEveryMs, () => {
      refilling ??= refillLine(shop).finally(() => {
        refilling = null;
      });
    }),
  ];
  const sampler = new Sampler(shop);
  shop.mounts = watchMounts(shop, () => {
    heartbeat.soon();
    bell.ring();
  });
  const loop = (async () => {
    let told = "";
    while (!shop.closing) {
      await readyMachine(shop);
      await look(shop);
      const standing = [...shop.door.keys(), ...shop.blockedCards.keys(), ...shop.problems.keys()].join();
      if (standing !== told) heartbeat.soon();
      told = standing;
      await prewarm(shop);
      sampler.wake();
      shop.mounts?.look();
      const alert = shop.live.size > 0 || shop.silentData.size > 0 || shop.mounts?.isTroubled() === true;
      const restMs = alert ? shop.pollMs : untilBeatMs(idlePolls * shop.pollMs);
      await bell.wait(Math.min(restMs, shop.line.behindMs || restMs));
    }
  })();
  let stopped: Promise<void> | null = null;
  const ringAll = () => {
    bell.ring();
    for (const run of shop.live.values()) run.bell.ring();
  };
  return {
    poke: ringAll,
    takeOver: (runIds) => goOn(shop, takeOver(shop, runIds)),
    state: () => heartbeat.state(),
    stop: (how = {}) => {
      stopped ??= (async () => {
        shop.draining = true;
        heartbeat.beat();
        while (how.drain === true && shop.live.size > 0) await Bun.sleep(50);
        shop.closing = true;
        ringAll();
        await loop;
        for (const stopBeat of stopBeats) stopBeat();
        stopListening();
        await refilling;
        await settleDown(shop);
        sampler.stop();
        shop.gpus.close();
        shop.prewarmer?.close();
        shop.venvs?.close();
        shop.images?.close();
        await options.onClose?.();
        heartbeat.close();
        lock.release();
      })();
      return stopped;
    },
  };
}

/** Waits for what is between two writes; what only waits for its script is left at once. */
async function settleDown(shop: Shop): Promise<void> {
  const deadline = performance.now() + closeMs;
  while (performance.now() < deadline && shop.tasks.size > 0) {
    await Promise.race([Promise.allSettled([...shop.tasks]), Bun.sleep(100)]);
    for (const run of shop.live.values()) run.bell.ring();
  }
}
