/** What a worker tells of itself, in its heartbeat file and to whoever asks the server. Plain JSON, snake_case. */

export interface WorkerFacts {
  worker: string;
  host: string;
  pid: number;
  version: string;
  /** RFC 3339 of the last heartbeat. */
  seen_at: string;
  draining: boolean;
  capacity: { slots: number; cpu_cores: number; gpus: number; ram_gb: number };
  free: { slots: number; cpu_cores: number; gpus: number; ram_gb: number };
  running: string[];
  gpus: { index: number; uuid: string | null; model: string | null; busy_with: string | null }[];
  problems: string[];
}
