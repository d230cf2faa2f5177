/** What a worker tells of itself, in its heartbeat file and to whoever asks the server. Plain JSON, snake_case. */
import type { Requested } from "./manifest.ts";
import type { MountFacts } from "./mount-facts.ts";

/** Resources by number; null is unknown, and limits nothing. */
export interface ResourceFacts {
  slots: number;
  cpu_cores: number;
  gpus: number;
  ram_gb: number | null;
  disk_gb: number | null;
}

export interface GpuFacts {
  /** What a run's record names it by: the driver's UUID, or the index as text where no UUID is known. */
  id: string;
  index: number;
  uuid: string | null;
  model: string | null;
  memory_gb: number | null;
  /** What of it is handed out in parts: all but the headroom. */
  shareable_gb: number | null;
  free_memory_gb: number | null;
  /** The runs that hold it or a part of it; `busy_with` is the first of them. */
  runs: string[];
  busy_with: string | null;
  /** One sentence where nobody may have it now. */
  blocked: string | null;
  /** What the driver said at `gpus_seen_at`; null where it does not tell. */
  used_gb: number | null;
  /** 0 to 1. */
  utilization: number | null;
  temperature_c: number | null;
  power_w: number | null;
  power_limit_w: number | null;
  /** Why it is slower than it could be: `power`, `heat`, `hardware`. */
  throttled: string[];
  /** Processes that have memory on it; `run_id` is null for those of others. */
  processes: { pid: number; who: string; run_id: string | null; used_gb: number | null }[];
}

/** What a run used a moment ago. */
export interface RunUseFacts {
  run_id: string;
  cpu_cores: number | null;
  ram_gb: number | null;
  gpu_utilization: number | null;
  gpu_memory_gb: number | null;
}

export interface HoldingFacts {
  run_id: string;
  user: string;
  group: string | null;
  requested: Requested;
  cards: { id: string; index: number; memory_gb: number | null }[];
  started_at: string;
  /** What it will take in all, by what runs like it took. */
  seconds: { low: number; likely: number; high: number } | null;
  /** By its time limit, or by what runs like it took; null where neither is known. */
  ends_at: string | null;
}

/** A copy of a dataset on the local disk, as the record beside it has it. */
export interface CopyRecord {
  checksum: string;
  name: string;
  version: string;
  size_bytes: number;
  num_files: number;
  fetched_at: string;
  seconds: number;
  /** It went on from a copy that was cut, so that `seconds` is not all that it took. */
  resumed?: boolean;
  /** Not all of it is known to be on the disk: it is whole as long as the machine has not started anew since. */
  unsettled_boot?: string;
  last_used_at: string;
  /** How often a run was given it. */
  hits: number;
}

/** What of the datasets lies on this machine's local disk, and what is on its way there. */
export interface DataFacts {
  /** Where; null: nothing is copied. */
  folder: string | null;
  mode: "network" | "all" | "off";
  used_bytes: number;
  /** Since when that folder gives no answer; null where it does. */
  silent_since?: string | null;
  /** Null: what the disk has, but for a tenth of it. */
  limit_bytes: number | null;
  copies: (CopyRecord & {
    pinned: boolean;
    /** Who reads it now. */
    runs: string[];
    /** The waiting run that needs it next. */
    next_run: string | null;
  })[];
  /** Checksums of what is read where it is: a copy is not worth making. */
  in_place: string[];
  /** How many datasets waiting runs and people need, and how many of them are here. */
  needed: number;
  warm: number;
  copying: {
    name: string;
    version: string;
    for_run: string | null;
    on_demand: boolean;
    files: number;
    done_bytes: number;
    total_bytes: number;
    started_at: string;
    eta_seconds: number | null;
    /** Of the speed that it could have: less than 1 where it leaves room for others at a busy source. */
    speed_share?: number;
  }[];
  /** What is needed and could not be copied. */
  failed: { name: string; version: string; reason: string; at: string }[];
  /** The last that were removed, newest first, for what and why. */
  evicted: { name: string; version: string; size_bytes: number; at: string; for: string; why: string }[];
}

/** A built environment, as its `<key>.json` has it. */
export interface VenvRecord {
  key: string;
  lock: string;
  lock_sha256: string;
  /** Version of its interpreter. */
  python: string;
  tool: string;
  size_bytes: number;
  built_at: string;
  seconds: number;
  last_used_at: string;
  /** How often a run was given it. */
  hits: number;
}

/** The virtual environments of this worker: what is built, under way, and was removed for what. */
export interface VenvFacts {
  folder: string;
  used_bytes: number;
  limit_bytes: number;
  built: (VenvRecord & {
    /** Somebody wants it to stay; left out by older workers. */
    pinned?: boolean;
    /** Who uses it now. */
    runs: string[];
    /** The waiting run that needs it next. */
    next_run: string | null;
  })[];
  /** Needs (lock and interpreter) for which a run need not wait any more: built, or given up. */
  ready: string[];
  /** How many environments waiting runs need, and how many of them are here. */
  needed: number;
  warm: number;
  building: { lock: string; for_run: string | null; on_demand: boolean; started_at: string }[];
  failed: { lock: string; for_run: string | null; reason: string; tries: number; at: string }[];
  /** `why` is left out by older workers. */
  evicted: { lock: string; key: string; size_bytes: number; at: string; for: string; why?: string }[];
}

/** An image that a worker has pulled ahead, as it remembers it. */
export interface ImageRecord {
  /** As ImageNeed has it. */
  id: string;
  engine: string;
  image: string;
  digest: string | null;
  /** As its engine tells. */
  size_bytes: number | null;
  pulled_at: string;
  seconds: number;
  last_used_at: string;
  /** How many runs found it there. */
  hits: number;
}

/** Images of containers at this worker's engines: pulled ahead, under way, not to be had. None is ever removed by us. */
export interface ImageFacts {
  pulled: (ImageRecord & {
    /** The waiting run that needs it next. */
    next_run: string | null;
  })[];
  /** Needed, and at the engine before anybody asked. */
  there: { engine: string; image: string; digest: string | null; size_bytes: number | null; next_run: string | null }[];
  /** How many images waiting runs and people need, and how many of them are there. */
  needed: number;
  warm: number;
  pulling: { engine: string; image: string; for_run: string | null; started_at: string }[];
  failed: { engine: string; image: string; for_run: string | null; reason: string; tries: number; at: string }[];
}

export interface SilentDataFacts {
  run_id: string;
  datasets: string[];
}

export interface WorkerFacts {
  worker: string;
  host: string;
  pid: number;
  version: string;
  /** RFC 3339 of the last heartbeat. */
  seen_at: string;
  draining: boolean;
  capacity: ResourceFacts;
  /** `gpus` counts the cards that nobody holds and nothing blocks. */
  free: ResourceFacts;
  running: string[];
  /** What each of those holds, and until when as far as known. */
  holding: HoldingFacts[];
  /** Why this machine starts nothing now; empty while it does. */
  door: { why: string; until: string | null }[];
  gpus: GpuFacts[];
  /** When the driver was last asked: it is while runs hold or want GPUs, and while somebody watches. Null: never, or there is none. */
  gpus_seen_at: string | null;
  /** One sentence where nobody knows what there is. */
  gpu_problem: string | null;
  /** What the runs in its hands use; only those that were looked at. */
  uses: RunUseFacts[];
  data: DataFacts | null;
  venvs: VenvFacts | null;
  images: ImageFacts | null;
  /** The network mounts that datasets lie on. */
  mounts: MountFacts[];
  /** Waiting runs whose turn has come, and whose data gives no answer. */
  silent_data: SilentDataFacts[];
  problems: string[];
}
