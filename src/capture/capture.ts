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
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { writeDurable } from "../core/durable.ts";
import { messageOf, systemCode } from "../core/error.ts";
import type { Manifest } from "../run/manifest.ts";
import { type Cache, folderCache } from "./cache.ts";
import { type FoundPython, findPython } from "./interpreter.ts";
import type { CapturedResources, Finding, Hardware, Probe, ProbeContext } from "./probe.ts";
import { probes } from "./probes.ts";

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
  /** Executables in this folder are probes too; none by default. */
  probesFolder?: string | null;
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
export async function captureEnvironment(options: CaptureOptions): Promise<FirstCapture> {
  const record = new CaptureRecord(options);
  const rest = Promise.all(probes.map((probe) => record.ask(probe)))
    .then(() => record.close())
    .catch(() => record.soFar());
  const budget = timer(options.budgetMs);
  const all = await Promise.race([rest, budget.over]);
  budget.clear();
  return { ...(all ?? record.soFar()), complete: all !== null, rest };
}

function timer(afterMs: number): { over: Promise<null>; clear: () => void } {
  const { promise, resolve } = Promise.withResolvers<null>();
  const handle = setTimeout(() => resolve(null), afterMs);
  handle.unref();
  return { over: promise, clear: () => clearTimeout(handle) };
}

/** One capture under way: what each probe found, the files in env/ and the notes, until it is closed. */
class CaptureRecord {
  private readonly findings = new Map<Probe, Finding | null>();
  private readonly notes = new Map<Probe, string[]>();
  private readonly files: Record<string, string> = {};
  private readonly stop = new AbortController();
  private readonly startFolder: string;
  private readonly cache: Cache;
  /** Resolves when the caller aborts, which also stops the probes. */
  private readonly aborted = Promise.withResolvers<"aborted">();
  private python: Promise<FoundPython> | null = null;
  private closed = false;
  /** A probe was given up and may still be at work. */
  private outstanding = false;

  constructor(private readonly options: CaptureOptions) {
    this.startFolder = resolve(options.workFolder, options.cwd ?? ".");
    this.cache = folderCache(options.cacheFolder);
    const onAbort = () => {
      this.aborted.resolve("aborted");
      this.stop.abort();
    };
    if (options.signal?.aborted) onAbort();
    options.signal?.addEventListener("abort", onAbort, { once: true });
  }

  /** Asks one probe until it answers, fails, reaches its limit, or the caller aborts. Never rejects. */
  async ask(probe: Probe): Promise<void> {
    const limit = timer(probe.limitMs);
    try {
      const run = probe.run(this.contextFor(probe));
      const result = await Promise.race([run, limit.over, this.aborted.promise]);
      if (result === null || result === "aborted") this.outstanding = true;
      if (result === null) this.note(probe, `gave no answer in ${probe.limitMs / 1000} s`);
      else if (result === "aborted") this.note(probe, "had not answered when the run was sealed");
      this.findings.set(probe, result === "aborted" ? null : result);
    } catch (cause) {
      this.note(probe, messageOf(cause));
      this.findings.set(probe, null);
    } finally {
      limit.clear();
    }
  }

  /** What is known now; probes that are still asked stand in `partial`. */
  soFar(): Captured {
    const environment: Record<string, unknown> = {};
    const resources: CapturedResources = { gpu_model: null, cpu_model: null, host: null };
    const partial: string[] = [];
    for (const probe of probes) {
      const finding = this.findings.get(probe);
      if (finding === undefined) partial.push(`${probe.name}: not known yet`);
      for (const note of this.notes.get(probe) ?? []) partial.push(`${probe.name}: ${note}`);
      fill(environment, finding?.environment ?? {});
      fill(resources, finding?.resources ?? {});
    }
    return { environment: { ...environment, files: { ...this.files }, partial }, resources, partial };
  }

  /** Writes hardware.json, makes the files durable, and takes nothing more. */
  async close(): Promise<Captured> {
    const hardware: Hardware = {};
    for (const probe of probes) fill(hardware, this.findings.get(probe)?.hardware ?? {});
    const last = probes.at(-1);
    try {
      this.keep("hardware.json", `${JSON.stringify(hardware, null, 2)}\n`);
    } catch (cause) {
      if (last) this.note(last, `env/hardware.json could not be written: ${messageOf(cause)}`);
    }
    this.closed = true;
    if (this.outstanding) this.stop.abort();
    await syncAll(this.options.envFolder, Object.keys(this.files));
    return this.soFar();
  }

  private contextFor(probe: Probe): ProbeContext {
    const { options, startFolder } = this;
    return {
      argv: options.argv,
      startFolder,
      python: () => {
        this.python ??= findPython({ argv: options.argv, startFolder, childEnv: options.childEnv });
        return this.python;
      },
      workFolder: options.workFolder,
      childEnv: options.childEnv,
      askedNames: options.askedNames ?? [],
      cache: this.cache,
      probesFolder: options.probesFolder ?? null,
      toolPath: options.toolPath ?? process.env.PATH ?? "/usr/local/bin:/usr/bin:/bin",
      root: options.root ?? "/",
      signal: this.stop.signal,
      file: (name, content) => {
        try {
          this.keep(name, content);
        } catch (cause) {
          this.note(probe, `env/${name} could not be written: ${messageOf(cause)}`);
        }
      },
      miss: (reason) => this.note(probe, reason),
    };
  }

  private note(probe: Probe, reason: string): void {
    if (!this.closed) this.notes.set(probe, [...(this.notes.get(probe) ?? []), reason]);
  }

  private keep(name: string, content: string | Uint8Array): void {
    if (this.closed) return;
    const path = join(this.options.envFolder, name);
    try {
      writeDurable(path, content, { sync: false });
    } catch (cause) {
      if (systemCode(cause) !== "ENOENT") throw cause;
      mkdirSync(this.options.envFolder, { recursive: true, mode: 0o755 });
      writeDurable(path, content, { sync: false });
    }
    this.files[`env/${name}`] = createHash("sha256").update(content).digest("hex");
  }
}

/** Copies what is known into what is not known yet. */
function fill(into: object, from: object): void {
  const target = into as Record<string, unknown>;
  for (const [key, value] of Object.entries(from)) target[key] ??= value;
}

/** The fsyncs that were left out while the run was starting; off the event loop, and best effort like all of this. */
async function syncAll(envFolder: string, files: readonly string[]): Promise<void> {
  const sync = async (path: string) => {
    const file = await open(path, "r").catch(() => null);
    await file?.sync().catch(() => {});
    await file?.close().catch(() => {});
  };
  await Promise.all(files.map((file) => sync(join(envFolder, basename(file)))));
  await sync(envFolder);
}
