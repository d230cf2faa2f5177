/** What a worker tells of itself, in its heartbeat file and to whoever asks the server. Plain JSON, snake_case. */

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
  gpus: GpuFacts[];
  problems: string[];
}
