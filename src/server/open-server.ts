/**
 * Puts a server together and takes it apart again: lock, journal, queue, catalog, worker, listeners, record. Each step
 * can be repeated after a crash at any point before it.
 */
import * as fs from "node:fs";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { buildApart } from "../catalog/build-apart.ts";
import type { Settings } from "../config/settings.ts";
import { type Clock, isoTime, systemClock } from "../core/clock.ts";
import { MlError, messageOf } from "../core/error.ts";
import { localZone } from "../core/hours.ts";
import { networkFileSystem } from "../core/network-mount.ts";
import { openQueue } from "../queue/open.ts";
import { Intake, replayIntake } from "../run/intake.ts";
import { type BasePaths, basePaths, type StatePaths, statePaths } from "../run/paths.ts";
import { prepareBase } from "../run/store.ts";
import { policyOf } from "../schedule/policy.ts";
import { keepInterrupted, sweepStaging } from "../transfer/receive.ts";
import { FailureLimit } from "./admission.ts";
import { Audit } from "./audit.ts";
import { BugCount } from "./bug-count.ts";
import { endIfWanted } from "./cancellation.ts";
import type { ServerIdentity, Services } from "./context.ts";
import { DatasetJobs } from "./dataset-jobs.ts";
import { Disk, type DiskSource } from "./disk.ts";
import { traceBug } from "./dispatch.ts";
import { fillLine } from "./fill-line.ts";
import { Forecasts } from "./forecasts.ts";
import { considerGroup, tellOfGroups } from "./group-pause.ts";
import { Halving } from "./halving.ts";
import { Hub } from "./hub.ts";
import { Keys } from "./keys.ts";
import { lookLate } from "./late-look.ts";
import { LineBoard } from "./line-board.ts";
import { LineFeeder } from "./line-feeder.ts";
import { type Listener, listen } from "./listener.ts";
import { LiveFacts } from "./live.ts";
import { type LocalWorker, startLocalWorker } from "./local-worker.ts";
import type { Log } from "./log.ts";
import { Notifier } from "./notifier.ts";
import { openCatalog } from "./open-catalog.ts";
import { Polls } from "./polls.ts";
import { Problems } from "./problems.ts";
import { QueueLooks } from "./queue-looks.ts";
import { Quota } from "./quota.ts";
import { Reindexing } from "./reindexing.ts";
import { dropInterrupted, sweepDeleted } from "./removal.ts";
import { SavedSearches } from "./saved-searches.ts";
import { SearchKeeper } from "./search-keeper.ts";
import { lockBase, removeServerRecord, writeServerRecord } from "./server-lock.ts";
import { considerPlaces, tellOfPlaces } from "./set-aside.ts";
import { summarise } from "./summary.ts";
import { stopIfReached } from "./sweep-keeper.ts";
import { Terminals } from "./terminals.ts";
import { Ticks } from "./ticks.ts";
import { WorkerBoard } from "./worker-board.ts";

export interface OpenServerOptions {
  settings: Settings;
  /** Absolute. */
  base: string;
  log: Log;
  /** Runs a worker in this process. */
  worker: boolean;
  /** The TCP address was chosen by a person: then a taken port is an error and not a reason for another. */
  listenGiven: boolean;
  /** Default: in the state folder. */
  socket?: string | null;
  clock?: Clock;
  diskSource?: DiskSource;
  memoryLimitBytes?: number;
  /** For tests; see ListenOptions. */
  idleSeconds?: number;
  /** For tests: makes an index. */
  buildIndex?: typeof buildApart;
  /** For tests: the network file system of a path, or null. */
  networkOf?: (path: string) => string | null;
  /** Somebody asked for a stop, or the server should be replaced by a fresh process. */
  onStop(reason: string, again: boolean): void;
}

export interface OpenServer {
  services: Services;
  close(): Promise<void>;
}

const sweepMs = 24 * 3600 * 1000;
const sweepEveryMs = 3600 * 1000;
const memoryLimitBytes = 1024 ** 3;

function requireLocal(state: StatePaths, networkOf = networkFileSystem as (path: string) => string | null): void {
  const network = networkOf(state.stateDir);
  if (network === null) return;
  throw new MlError(
    "bad_config",
    `the state folder \`${state.stateDir}\` is on ${network}: databases and locks are not safe there`,
    {
      hint: "set `state_dir` to a folder on a local disk (`ml server --state-dir /var/lib/ml`); runs may stay where they are",
    },
  );
}

/** Folders for their owner only. On a read-only disk those that are there must do. */
function prepareFolders(base: BasePaths, state: StatePaths): void {
  fs.mkdirSync(state.stateDir, { recursive: true, mode: 0o700 });
  prepareBase(base);
}

function replay(base: BasePaths, state: StatePaths, log: Log): string[] {
  try {
    const { restored, found, skipped } = replayIntake(base, state);
    if (restored.length > 0)
      log.say("warn", "runs restored from the journal", { runs: restored.length, torn: skipped });
    return found;
  } catch (cause) {
    log.say("error", "the journal could not be replayed", { why: messageOf(cause) });
    return [];
  }
}

export async function openServer(options: OpenServerOptions): Promise<OpenServer> {
  const { settings, log, clock = systemClock } = options;
  const base = basePaths(resolve(options.base));
  const state = statePaths(resolve(settings.state_dir ?? options.base));
  requireLocal(state, options.networkOf);
  prepareFolders(base, state);
  const lock = lockBase(base, state);
  const undo: (() => unknown)[] = [() => lock.release()];
  try {
    return await build({ options, base, state, clock, log, settings }, undo);
  } catch (cause) {
    for (const step of undo.reverse()) await step();
    throw cause;
  }
}

interface Ground {
  options: OpenServerOptions;
  base: BasePaths;
  state: StatePaths;
  clock: Clock;
  log: Log;
  settings: Settings;
}

function identityNow(clock: Clock): ServerIdentity {
  return {
    pid: process.pid,
    host: hostname(),
    startedAt: isoTime(clock.nowMs()),
    instance: crypto.randomUUID(),
    url: null,
    socket: null,
  };
}

/** The services that need nothing but the disk, and those that hang on them. */
async function buildServices(
  ground: Ground,
  undo: (() => unknown)[],
): Promise<Services & { halving: Halving; attach(listener: Listener | null, worker: LocalWorker | null): void }> {
  const { options, base, state, clock, log, settings } = ground;
  const problems = new Problems();
  const journaled = replay(base, state, log);
  const catalog = openCatalog(base, state, log);
  undo.push(() => catalog.close());
  const reindexing = new Reindexing({ base, catalog, problems, log, build: options.buildIndex ?? buildApart });
  undo.push(() => reindexing.close());
  const queue = await openQueue({
    backend: settings.queue_backend,
    base,
    state,
    redisUrl: settings.redis_url ?? "",
    fallback: settings.queue_fallback,
    clock,
  });
  undo.push(() => queue.close());
  const onProblem = (what: string) => (cause: unknown) => log.say("warn", what, { why: messageOf(cause) });
  const keeper = new SearchKeeper(catalog, onProblem("bringing the search index up to date failed, trying again"));
  undo.push(() => keeper.close());
  const intake = new Intake(base, state, onProblem("syncing run folders failed, trying again"));
  undo.push(() => intake.close());
  intake.adopt(journaled);
  const feeder = new LineFeeder({
    queue,
    problems,
    log,
    rebuild: () => fillLine(queue, base, catalog),
  });
  undo.push(() => feeder.close());
  const live = new LiveFacts();
  const forecasts = new Forecasts({ base, catalog, live, nowMs: () => clock.nowMs() });
  const notifier = new Notifier({ settings, base, problems, log, clock });
  undo.push(() => notifier.close());
  let listener: Listener | null = null;
  let worker: LocalWorker | null = null;
  const hub: Hub = new Hub({
    base,
    catalog,
    summarise: (record) => summarise(record, summary),
    onRead: (record) => {
      endIfWanted(services, record);
      forecasts.look(record);
      notifier.consider(record);
      stopIfReached(services, record);
      considerGroup(services, record);
      considerPlaces(services, record);
      halving.consider(record);
    },
    onError: (cause) => traceBug(services, "hub", cause),
  });
  undo.push(() => hub.close());
  const polls = new Polls((session) => hub.unsubscribe(session));
  undo.push(() => polls.close());
  const workers = new WorkerBoard({
    folder: base.workers,
    clock,
    onChange: (runId) => hub.changed(runId),
    onGap: () => {
      for (const record of catalog.list({ status: ["queued", "starting", "running"], limit: 100_000 }))
        hub.changed(record.run_id);
    },
  });
  undo.push(() => workers.close());
  const policy = policyOf(settings, localZone);
  const line = new LineBoard({ catalog, workers, base, clock, policy });
  const summary = { base, line, live, forecasts, nowMs: () => clock.nowMs() };
  const datasets = new DatasetJobs({
    stateDir: state.stateDir,
    stallMs: settings.data_timeout_seconds * 1000,
    hands: settings.data_hands,
    nowMs: () => clock.nowMs(),
  });
  undo.push(() => datasets.close());
  const keys = new Keys(base.users, (sentence) => problems.set("users", sentence));
  const services = {
    base,
    state,
    settings,
    clock,
    log,
    problems,
    bugs: new BugCount(),
    disk: new Disk(base.base, {
      floorBytes: settings.disk_floor_mb * 1e6,
      warnShare: settings.disk_warn_percent / 100,
      ...(options.diskSource === undefined ? {} : { source: options.diskSource }),
    }),
    datasets,
    queueLooks: new QueueLooks({ base, state, settings, clock, hub, log }),
    quota: new Quota(base, catalog, settings.user_quota_gb === null ? null : settings.user_quota_gb * 1e9),
    catalog,
    reindexing,
    intake,
    queue,
    feeder,
    live,
    forecasts,
    notifier,
    hub,
    polls,
    workers,
    line,
    policy,
    keys,
    searches: new SavedSearches(base.base),
    terminals: new Terminals(() => clock.monotonicMs()),
    audit: new Audit(base.audit, onProblem("the audit could not be written")),
    identity: identityNow(clock),
    clients: () => listener?.clients() ?? 0,
    dropKey: (keyId: string) => listener?.dropKey(keyId),
    pokeWorker: () => worker?.poke(),
    takeOver: (runIds: readonly string[]) => worker?.takeOver(runIds),
    stop: (reason: string) => options.onStop(reason, false),
    attach: (newListener: Listener | null, newWorker: LocalWorker | null) => {
      listener = newListener ?? listener;
      worker = newWorker ?? worker;
    },
  };
  const halving: Halving = new Halving(services);
  undo.push(() => halving.close());
  return Object.assign(services, { halving });
}

async function build(ground: Ground, undo: (() => unknown)[]): Promise<OpenServer> {
  const { options, base, state, log } = ground;
  const services = await buildServices(ground, undo);
  await services.feeder.refill();
  if (options.worker) {
    const worker = await startLocalWorker(services);
    undo.push(() => worker?.close());
    services.attach(null, worker);
  }
  const origins = (services.settings.allowed_origins ?? "")
    .split(",")
    .map((origin) => origin.trim())
    .filter(Boolean);
  const failures = new FailureLimit(() => services.clock.monotonicMs());
  // Not earlier: it takes the processor, and nobody is answered yet.
  if (services.catalog.lacking > 0) void services.reindexing.complete();
  const listener = await listen(services, { door: { keys: services.keys, failures, origins }, ...options });
  undo.push(() => listener.close());
  services.attach(listener, null);
  services.identity.url = listener.url;
  services.identity.socket = listener.socket;
  writeServerRecord(base, state, services.identity);
  undo.push(() => removeServerRecord(state));
  tellLate(services);
  tellOfGroups(services);
  tellOfPlaces(services);
  const ticks = new Ticks(services, {
    halving: services.halving,
    memoryLimitBytes: options.memoryLimitBytes ?? memoryLimitBytes,
    onOverweight: () => options.onStop("memory over the limit", true),
  });
  undo.push(() => ticks.close());
  keepInterrupted(services.base);
  dropInterrupted(services.base);
  void sweep(services);
  const sweeping = setInterval(() => void sweep(services), sweepEveryMs);
  sweeping.unref();
  undo.push(() => clearInterval(sweeping));
  const stopLooking = new AbortController();
  void lookLate(services, stopLooking.signal).catch((cause) => {
    if (!services.reindexing.mend(cause)) traceBug(services, "late look", cause);
  });
  undo.push(() => stopLooking.abort());
  log.say("info", "serving", { base: base.base, url: listener.url, socket: listener.socket, pid: process.pid });
  return { services, close: once(() => closeAll(services, undo)) };
}

const lateRuns = 500;

/** Of runs that ended while no server was up somebody has yet to be told. */
function tellLate({ catalog, notifier }: Services): void {
  if (!notifier.able) return;
  for (const record of catalog.list({ status: ["completed", "failed", "cancelled"], limit: lateRuns }))
    notifier.consider(record);
}

async function sweep(services: Services): Promise<void> {
  try {
    await sweepDeleted(services.base);
    sweepStaging(services.base, sweepMs, services.clock.nowMs());
  } catch (cause) {
    services.log.say("warn", "sweeping staging failed", { why: messageOf(cause) });
  }
}

/** Subscribers are told first; then everything is undone in reverse. Runs go on. */
async function closeAll(services: Services, undo: (() => unknown)[]): Promise<void> {
  services.hub.broadcast({ kind: "stopping" });
  for (const step of undo.reverse()) {
    try {
      await step();
    } catch (cause) {
      services.log.say("warn", "a step of the stop failed", { why: messageOf(cause) });
    }
  }
  services.log.say("info", "stopped");
}

function once(act: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | null = null;
  return () => {
    done ??= act();
    return done;
  };
}
