/**
 * What the parts of a worker share: its options, the runs in its hands, what is free, what is wrong. No behaviour beyond
 * bookkeeping. A run holds its resources from the claim until none of its processes is left.
 */
import type { captureEnvironment } from "../capture/capture.ts";
import type { Clock } from "../core/clock.ts";
import { messageOf } from "../core/error.ts";
import type { ProcessIdentity } from "../core/process-identity.ts";
import type { MountWatch } from "../data/mount-watch.ts";
import type { StopReason } from "../execute/evidence.ts";
import type { VisibleGpus } from "../execute/launch.ts";
import type { Stopping } from "../execute/stop.ts";
import type { Claim, EntryFacts, QueueBackend, WaitingEntry } from "../queue/port.ts";
import type { LaidOut } from "../run/artifacts.ts";
import type { Manifest, Requested } from "../run/manifest.ts";
import type { ParentState } from "../run/parent.ts";
import type { BasePaths, RunPaths, StatePaths } from "../run/paths.ts";
import type { AsideReader } from "../run/set-aside.ts";
import { type Capacity, type Free, minus, type Placement } from "../schedule/fit.ts";
import type { Policy } from "../schedule/policy.ts";
import type { Closed, PlanState } from "../schedule/state.ts";
import { Bell } from "./bell.ts";
import type { Cgroups } from "./cgroup.ts";
import type { Door } from "./door.ts";
import type { Gpus } from "./gpus.ts";
import type { ImageSettings, Images } from "./images.ts";
import type { LineView } from "./line-view.ts";
import { isPassing } from "./passing.ts";
import type { Prewarmer, PrewarmSettings } from "./prewarm.ts";
import type { ReadTrace } from "./read-trace.ts";
import type { RunMeter } from "./run-meter.ts";
import type { VenvSettings, Venvs } from "./venvs.ts";

export interface WorkerSettings {
  /** Below this much free space no run starts; 0: no floor. */
  diskFloorMb: number;
  /** A larger log ends the run as `disk_full`; 0: no limit. */
  logMaxMb: number;
  /** Executables in it are probes too; null: none. */
  probesFolder: string | null;
  /** A card that a run holds and has not used for so long is reported; 0: never. */
  gpuIdleMinutes: number;
  /** After so long the run is stopped; 0: never. */
  gpuIdleStopMinutes: number;
  /** A dataset's folder that gives no sign for so long counts as hung. */
  dataStallMs: number;
  /** Processes that read or copy a dataset side by side. */
  dataHands: number;
  /** What becomes of a run whose dataset gives no answer at its turn. */
  dataSilent: "wait" | "fail";
}

/** Where nothing is agreed, nothing is limited. */
export const quietSettings: WorkerSettings = {
  diskFloorMb: 0,
  logMaxMb: 0,
  probesFolder: null,
  gpuIdleMinutes: 0,
  gpuIdleStopMinutes: 0,
  dataStallMs: 30_000,
  dataHands: 2,
  dataSilent: "wait",
};

export interface WorkerOptions {
  base: BasePaths;
  state: StatePaths;
  queue: QueueBackend;
  /** 1 to 64 of `A-Z a-z 0-9 . _ -`; unique among the workers of a base. */
  name: string;
  capacity: Capacity;
  /** Looks after the cards; they take the place of those in `capacity`. Default: none, and the cards stay as they are. */
  gpus?: Gpus;
  settings?: Partial<WorkerSettings>;
  /** Copies of datasets on the local disk. Default: none are made. */
  prewarm?: PrewarmSettings | null;
  /** Virtual environments of runs, built while they wait. Default: none are. */
  venvs?: VenvSettings | null;
  /** Images of containers, pulled while their runs wait. Default: none are. */
  images?: ImageSettings | null;
  /** When the machine takes no new runs. Default: it always does. */
  door?: Door;
  /** Where control groups of runs are made; null: nowhere. Default: where the kernel and our rights allow it. */
  cgroups?: Cgroups | null;
  /** Awaited before anything starts; one sentence where something is wrong. */
  onOpen?: () => Promise<string | null>;
  /** Awaited by a clean end, after everything else. */
  onClose?: () => Promise<void>;
  /** What a kWh costs at a moment; null: nobody says. */
  price?: (atMs: number) => number | null;
  /** Default: as the settings have it where nothing is set. */
  policy?: Policy;
  /** What prices are in. */
  currency?: string | null;
  clock?: Clock;
  /** Runs that have not ended, where somebody knows; who does looks at all other folders, and tells by `takeOver`. Default: all folders are looked at. */
  unended?: readonly string[];
  /** This run changed on disk. Called in this process only; others read the heartbeat. */
  onChange?: (runId: string) => void;
  /** Null captures nothing. Default: captureEnvironment. */
  capture?: typeof captureEnvironment | null;
  /** The environment that scripts inherit, before scrubbing. Default: this process's own. */
  env?: Readonly<Record<string, string | undefined>>;
  /** How often everything is looked at even if nothing told us to, ms. Default 1000. */
  pollMs?: number;
}

/** A wish to stop, as it is read from `.run/stop.json`. */
export interface StopRequest {
  by: string | null;
  reason: string | null;
  now: boolean;
  graceSeconds: number | null;
  atMs: number | null;
}

/** A run that is over a limit that we keep: which, and what was seen. */
export interface Breach {
  why: Extract<StopReason, "ram_limit" | "disk_limit" | "log_limit" | "idle_gpu">;
  reason: string;
}

export interface LiveRun {
  runId: string;
  paths: RunPaths;
  requested: Requested;
  /** Which cards it holds; none before it is claimed. */
  placement: Placement;
  phase: "preparing" | "running" | "finishing";
  /** Monotonic moment at which we began to attend it. */
  sinceMs: number;
  /** False once none of its processes is left. */
  holding: boolean;
  /** Until the queue has forgotten the entry. */
  claim: Claim | null;
  /** The claim went to somebody else while we were preparing. */
  claimLost: boolean;
  bell: Bell;
  script: ProcessIdentity | null;
  /** This process started its supervisor. */
  startedHere: boolean;
  /** The code as this process laid it out. */
  laidOut: LaidOut | null;
  memoryPeakGb: number | null;
  /** What it uses, looked at while it runs. */
  meter: RunMeter | null;
  /** Processes of it that were seen, for evidence that names one. */
  pidsSeen: Set<number>;
  /** The control group in which the kernel keeps its limits; null where we watch them ourselves. */
  cgroup: string | null;
  stopping: Stopping | null;
  /** Why we stopped it, set before the first signal. */
  stopped: { why: StopReason; by: string | null; reason: string | null } | null;
  /** A limit that it is beyond, with what was seen; it is stopped for that. */
  breach: Breach | null;
  capturing: Capturing | null;
  harvesting: Harvesting | null;
  dataLooks: DataLooks | null;
  /** What it has open, where that was asked for. */
  reads: ReadTrace | null;
  /** Whose it is and how long it may take; null until that is known. */
  about: About | null;
}

/** What planning must know of a run in our hands. */
export interface About {
  user: string;
  /** By the wall clock. */
  startedAtMs: number;
  facts: EntryFacts;
}

export interface Capturing {
  /** Ends the probing; then `fold` is at hand. */
  abort(): void;
  /** Resolves when all is known. Never rejects. */
  done: Promise<void>;
  /** Puts what is known by now into a manifest. */
  fold(manifest: Manifest): void;
}

/** The looks for metrics that nobody logged. */
export interface Harvesting {
  /** No more looks; resolves when none is under way. */
  stop(): Promise<void>;
  /** The last look, at files under work/ that were just listed. Throws system errors of writing. */
  finish(found: readonly string[]): Promise<number>;
}

/** The looks at the datasets of a run. */
export interface DataLooks {
  /** Looks again, after the look at the start has ended. Never rejects. */
  atEnd(): Promise<void>;
  /** Puts what is not yet in the manifest into it. */
  fold(now: Manifest): void;
}

/** What planning.ts knows; look.ts asks it. */
export interface Planner {
  /** Until when these are quiet hours; null where they are not. */
  quietUntilMs(): number | null;
  /** What became of a run that another waits for. */
  parentOf(runId: string): ParentState;
  /** What is remembered of runs that have not ended is asked anew. */
  forgetLiveParents(): void;
  /** The line in order, with everything that decides about it. */
  state(entries: readonly WaitingEntry[], version: number): PlanState & { line: WaitingEntry[] };
}

/** A dataset that gave no answer when a run was to start. */
export interface SilentData {
  name: string;
  path: string;
}

export interface Shop {
  readonly base: BasePaths;
  readonly state: StatePaths;
  readonly queue: QueueBackend;
  readonly name: string;
  readonly host: string;
  /** Its cards change with what the driver says of them. */
  capacity: Capacity;
  /** Of the disk, whole gigabytes, at the last look; null: nobody looked. */
  diskFreeGb: number | null;
  readonly gpus: Gpus;
  /** Null where nothing is copied. */
  readonly prewarmer: Prewarmer | null;
  /** Null where none are built. */
  readonly venvs: Venvs | null;
  /** Null where none are pulled. */
  readonly images: Images | null;
  /** Null until the worker is open, and after its end. */
  mounts: MountWatch | null;
  /** Waiting runs whose data gave no answer at their turn: what of it. */
  readonly silentData: Map<string, SilentData>;
  readonly machineDoor: Door;
  price(atMs: number): number | null;
  readonly currency: string | null;
  /** Null where we may not make control groups. */
  readonly cgroups: Cgroups | null;
  readonly settings: WorkerSettings;
  readonly clock: Clock;
  readonly capture: typeof captureEnvironment | null;
  /** What scripts inherit: scrubbed. */
  readonly inherited: Readonly<Record<string, string>>;
  readonly pollMs: number;
  readonly live: Map<string, LiveRun>;
  /** What is wrong, by what it is about. */
  readonly problems: Map<string, string>;
  /** Why nothing new starts, by what it is about; while it is empty the door is open. */
  readonly door: Map<string, Closed>;
  readonly aside: AsideReader;
  /** Cards that are set aside, by id, with the reason. */
  readonly blockedCards: Map<string, string>;
  /** Runs whose folder a full or failing disk kept us from bringing in order: looked at again (adopt.ts). */
  readonly disordered: Set<string>;
  /** Claims that the queue did not take back yet. */
  readonly unsettled: Map<string, Claim>;
  /** What a clean end waits for. */
  readonly tasks: Set<Promise<unknown>>;
  /** No new claims. */
  draining: boolean;
  /** Everything is left as it is, for the next worker. */
  closing: boolean;
  readonly line: LineView;
  readonly planning: Planner;
  /** The last plan that started nothing, and what it was made from. */
  idlePlan: { key: string; atMs: number } | null;
  /** No claims before this monotonic moment: something on this machine makes starts fail. */
  notBeforeMs: number;
  changed(runId: string): void;
  lookSoon(): void;
}

export function newLiveRun(paths: RunPaths, requested: Requested, claim: Claim | null): LiveRun {
  return {
    runId: paths.runId,
    paths,
    requested,
    placement: { cards: [] },
    phase: "preparing",
    sinceMs: 0,
    holding: true,
    claim,
    claimLost: false,
    bell: new Bell(),
    script: null,
    startedHere: false,
    laidOut: null,
    memoryPeakGb: null,
    meter: null,
    pidsSeen: new Set(),
    cgroup: null,
    stopping: null,
    stopped: null,
    breach: null,
    capturing: null,
    harvesting: null,
    dataLooks: null,
    reads: null,
    about: null,
  };
}

/** Lets a task go on by itself, so that a clean end of the worker still waits for it. It must not reject. */
export function goOn(shop: Shop, task: Promise<unknown>): void {
  shop.tasks.add(task);
  void task.finally(() => shop.tasks.delete(task));
}

/** What the run held is free for others from now on. */
export function freeResources(shop: Shop, run: LiveRun): void {
  if (!run.holding) return;
  run.holding = false;
  shop.lookSoon();
}

/** Where the problems say that it holds a card which it does not use. */
export const idleProblem = ({ runId }: LiveRun) => `idle ${runId}`;

/** Lets go of a run: its resources are free, and nothing here knows it any more. */
export function letGo(shop: Shop, run: LiveRun): void {
  shop.live.delete(run.runId);
  shop.problems.delete(run.runId);
  shop.problems.delete(idleProblem(run));
  shop.prewarmer?.release(run.runId);
  shop.venvs?.release(run.runId);
  freeResources(shop, run);
}

/** Says what could not be done for a run; what may pass is looked at again. */
export function noteDisorder(shop: Shop, runId: string, { cause, what }: { cause: unknown; what: string }): void {
  shop.problems.set(runId, `run \`${runId}\` ${what}: ${messageOf(cause)}`);
  if (isPassing(cause)) shop.disordered.add(runId);
}

/** Tells the queue to forget a claimed entry; what it cannot take now is told again at each look. */
export async function settleClaim(shop: Shop, run: LiveRun): Promise<void> {
  const { claim } = run;
  if (claim === null) return;
  run.claim = null;
  try {
    await shop.queue.settle(claim);
  } catch {
    shop.unsettled.set(run.runId, claim);
  }
}

export function freeCapacity(shop: Pick<Shop, "capacity" | "live" | "diskFreeGb" | "blockedCards">): Free {
  const { capacity, diskFreeGb } = shop;
  let free: Free = capacity.diskGb === null || diskFreeGb === null ? capacity : { ...capacity, diskGb: diskFreeGb };
  if (shop.blockedCards.size > 0) {
    const blocked = (id: string) => shop.blockedCards.get(id) ?? null;
    free = { ...free, cards: free.cards.map((card) => ({ ...card, blocked: blocked(card.id) ?? card.blocked })) };
  }
  for (const run of shop.live.values()) if (run.holding) free = minus(free, run);
  return free;
}

/** What the script may see of the GPUs; null where the machine has none to hide. */
export function visibleGpus(shop: Shop, run: LiveRun): VisibleGpus | null {
  if (shop.capacity.cards.length === 0 && !shop.gpus.any()) return null;
  return { vendor: shop.gpus.vendor, ids: run.placement.cards.map((card) => card.id) };
}
