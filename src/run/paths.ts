/** Where everything is. The only place that spells the file names of the base directory and of a run folder. */
import { join } from "node:path";

/** Paths of one run folder. */
export interface RunPaths {
  runId: string;
  folder: string;
  manifest: string;
  outputLog: string;
  stdoutLog: string;
  stderrLog: string;
  metrics: string;
  /** Points that were found in files and printed lines, not logged; derived, written by the worker. */
  passiveMetrics: string;
  /** What it used while it ran, a row a second or longer. */
  samples: string;
  work: string;
  env: string;
  /** Files that were taken over from another run. */
  staged: string;
  history: string;
  sums: string;
  /** Our own corner; never handed to the script. */
  private: string;
  launchScript: string;
  supervisorScript: string;
  /** Created exclusively by the supervisor as its first act: a run starts at most once. */
  startedMark: string;
  /** Who the supervisor and the script are: pid, start time, boot id. */
  processRecord: string;
  exitRecord: string;
  events: string;
  /** Somebody was told of its end, or could not be. */
  notifiedMark: string;
  /** What was foretold of its runtime. */
  forecasts: string;
  /** The supervisor has sent the warning signal. */
  warnedMark: string;
  /** Somebody wants the run stopped: who, when, how. */
  stopRequest: string;
  /** Kernel-held lock for processes that write the manifest. */
  manifestLock: string;
  /** The control group that the script enters before its first instruction, where it has one. */
  cgroup: string;
  /** For a run on a terminal: the named pipe to type into, and which terminal it is (`/dev/pts/3`). */
  terminalInput: string;
  terminal: string;
  /** Which worker holds the run, with its fencing token. */
  claim: string;
}

/** Paths of a base directory (`worker_base`). */
export interface BasePaths {
  base: string;
  runs: string;
  /** Folders in the making and on their way out; swept at start. */
  staging: string;
  objects: string;
  snapshots: string;
  /** What people pushed: data/<user>/<name>. */
  data: string;
  /** Registered datasets: a file and a folder of lists each. */
  datasets: string;
  /** Datasets that people want on the local disks: prewarm-wishes.ts. */
  prewarm: string;
  workers: string;
  queueFolder: string;
  users: string;
  /** Read-only files that the runs share: the ml_runner module. */
  lib: string;
  /** Damaged files, kept for a look. */
  quarantine: string;
  /** Hosts and cards on which nothing is started. */
  setAside: string;
  audit: string;
  sweeps: string;
  /** What people wrote about experiments (groups of runs): a file and a history each. */
  groups: string;
  /** What ended runs held: use-ledger.ts. */
  use: string;
  reservations: string;
  run(runId: string): RunPaths;
}

export function runPaths(folder: string, runId: string): RunPaths {
  // Made for every run of a listing: plain concatenation costs a twentieth of `join`.
  const own = `${folder}/.run`;
  return {
    runId,
    folder,
    manifest: `${folder}/run_manifest.json`,
    outputLog: `${folder}/output.log`,
    stdoutLog: `${folder}/stdout.log`,
    stderrLog: `${folder}/stderr.log`,
    metrics: `${folder}/metrics.jsonl`,
    passiveMetrics: `${folder}/metrics.passive.jsonl`,
    samples: `${folder}/samples.tsv`,
    work: `${folder}/work`,
    env: `${folder}/env`,
    staged: `${folder}/staged`,
    history: `${folder}/history.jsonl`,
    sums: `${folder}/SHA256SUMS`,
    private: own,
    launchScript: `${own}/launch.sh`,
    supervisorScript: `${own}/supervise.sh`,
    startedMark: `${own}/started`,
    processRecord: `${own}/process.json`,
    exitRecord: `${own}/exit.json`,
    events: `${own}/events.jsonl`,
    forecasts: `${own}/forecasts.jsonl`,
    notifiedMark: `${own}/notified.json`,
    warnedMark: `${own}/warned`,
    stopRequest: `${own}/stop.json`,
    manifestLock: `${own}/manifest.lock`,
    cgroup: `${own}/cgroup`,
    terminalInput: `${own}/terminal.in`,
    terminal: `${own}/terminal`,
    claim: `${own}/claim.json`,
  };
}

export function basePaths(base: string): BasePaths {
  const runs = join(base, "runs");
  return {
    base,
    runs,
    staging: join(base, "staging"),
    objects: join(base, "objects"),
    snapshots: join(base, "snapshots"),
    data: join(base, "data"),
    datasets: join(base, "datasets"),
    prewarm: join(base, "prewarm.json"),
    workers: join(base, "workers"),
    queueFolder: join(base, "queue"),
    users: join(base, "users.toml"),
    lib: join(base, "lib"),
    quarantine: join(base, "quarantine"),
    setAside: join(base, "set-aside.json"),
    audit: join(base, "audit.jsonl"),
    sweeps: join(base, "sweeps"),
    groups: join(base, "groups"),
    use: join(base, "use"),
    reservations: join(base, "reservations.json"),
    run: (runId) => runPaths(`${runs}/${runId}`, runId),
  };
}

/** Paths under `state_dir`: databases and locks, always on a local disk. */
export interface StatePaths {
  stateDir: string;
  queueDatabase: string;
  indexDatabase: string;
  serverLock: string;
  /** Who serves this base: pid, url, socket, version, base. */
  serverRecord: string;
  /** Submissions made durable in one append before their folders exist. */
  intake: string;
  workerLock(name: string): string;
}

export function statePaths(stateDir: string): StatePaths {
  return {
    stateDir,
    queueDatabase: join(stateDir, "queue.db"),
    indexDatabase: join(stateDir, "index.db"),
    serverLock: join(stateDir, "server.lock"),
    serverRecord: join(stateDir, "server.json"),
    intake: join(stateDir, "intake.jsonl"),
    workerLock: (name) => join(stateDir, `worker-${name}.lock`),
  };
}
