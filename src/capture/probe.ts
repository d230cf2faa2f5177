/**
 * What a probe is: one small question about the worker's side (which Python, which GPU, …), asked for one run.
 *
 * A probe may throw or hang: capture.ts times it, gives up on it and writes down why. It never changes anything but
 * files in the run's env/ folder, by `ProbeContext.file`, and its cache.
 */
import type { Environment } from "../run/manifest.ts";
import type { Cache } from "./cache.ts";
import type { FoundPython } from "./interpreter.ts";

export interface ProbeContext {
  argv: readonly string[];
  /** Where the script starts; absolute. */
  startFolder: string;
  /** The code as it was sent; absolute. */
  workFolder: string;
  /** The environment that the script gets, secrets and all; nothing of it is kept unmasked. */
  childEnv: Readonly<Record<string, string>>;
  /** Names asked for with `--env`: recorded although no rule names them, unless they look like credentials. */
  askedNames: readonly string[];
  /** The Python that the command starts; looked for once, whoever asks. */
  python(): Promise<FoundPython>;
  cache: Cache;
  /** The folder of `probes_dir`; null without one. */
  probesFolder: string | null;
  /** PATH on which tools of the system (nvidia-smi) are looked up: the worker's own. */
  toolPath: string;
  /** "/" outside tests; /proc, /etc and /usr/local/cuda are read below it. */
  root: string;
  /** Aborts when nobody waits any more; whatever is found afterwards is dropped. */
  signal: AbortSignal;
  /** Keeps `content` as env/<name>; does nothing once the capture is over. */
  file(name: string, content: string | Uint8Array): void;
  /** Notes what could not be had, and why: one short phrase. The probe goes on. */
  miss(reason: string): void;
}

/** The machine as it goes into env/hardware.json; null where unknown. */
export type Hardware = Record<string, unknown>;

export interface Finding {
  environment?: Partial<Environment>;
  resources?: Partial<CapturedResources>;
  hardware?: Hardware;
}

export interface CapturedResources {
  gpu_model: string | null;
  cpu_model: string | null;
  host: string | null;
}

export interface Probe {
  name: string;
  /** Milliseconds after which the probe is given up. */
  limitMs: number;
  run(context: ProbeContext): Promise<Finding>;
}
