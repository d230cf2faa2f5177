/** What every request handler is given: the services of this server, and who asks. */
import type { Catalog } from "../catalog/catalog.ts";
import type { Settings } from "../config/settings.ts";
import type { Clock } from "../core/clock.ts";
import type { QueueBackend } from "../queue/port.ts";
import type { Intake } from "../run/intake.ts";
import type { BasePaths, StatePaths } from "../run/paths.ts";
import type { Policy } from "../schedule/policy.ts";
import type { Asker } from "./asker.ts";
import type { Audit } from "./audit.ts";
import type { BugCount } from "./bug-count.ts";
import type { DatasetJobs } from "./dataset-jobs.ts";
import type { Disk } from "./disk.ts";
import type { Forecasts } from "./forecasts.ts";
import type { Hub } from "./hub.ts";
import type { Keys } from "./keys.ts";
import type { LineBoard } from "./line-board.ts";
import type { LineFeeder } from "./line-feeder.ts";
import type { LiveFacts } from "./live.ts";
import type { Log } from "./log.ts";
import type { Notifier } from "./notifier.ts";
import type { Polls } from "./polls.ts";
import type { Problems } from "./problems.ts";
import type { QueueLooks } from "./queue-looks.ts";
import type { Quota } from "./quota.ts";
import type { Reindexing } from "./reindexing.ts";
import type { SavedSearches } from "./saved-searches.ts";
import type { Terminals } from "./terminals.ts";
import type { WorkerBoard } from "./worker-board.ts";

export interface ServerIdentity {
  pid: number;
  host: string;
  startedAt: string;
  /** No other process of a server has the same. */
  instance: string;
  url: string | null;
  socket: string | null;
}

export interface Services {
  base: BasePaths;
  state: StatePaths;
  settings: Settings;
  clock: Clock;
  log: Log;
  problems: Problems;
  bugs: BugCount;
  disk: Disk;
  /** Datasets that are being read. */
  datasets: DatasetJobs;
  /** Looks at what queued runs will read. */
  queueLooks: QueueLooks;
  quota: Quota;
  catalog: Catalog;
  reindexing: Reindexing;
  intake: Intake;
  queue: QueueBackend;
  feeder: LineFeeder;
  live: LiveFacts;
  forecasts: Forecasts;
  hub: Hub;
  polls: Polls;
  notifier: Notifier;
  workers: WorkerBoard;
  /** Places, expected starts and reasons of waiting runs. */
  line: LineBoard;
  policy: Policy;
  keys: Keys;
  audit: Audit;
  searches: SavedSearches;
  terminals: Terminals;
  identity: ServerIdentity;
  /** How many clients are connected by WebSocket. */
  clients(): number;
  /** Closes the connections that were opened with this key. */
  dropKey(keyId: string): void;
  /** Makes the worker in this process, if any, look at the line and at stop requests now. */
  pokeWorker(): void;
  /** Hands these runs to it, which nobody attends. */
  takeOver(runIds: readonly string[]): void;
  /** Begins a clean stop; returns at once. */
  stop(reason: string): void;
}

export interface Context extends Services {
  asker: Asker;
}
