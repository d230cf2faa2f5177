/**
 * Every setting there is, declared once: the key of config.toml, its type, default, and one line about it. The
 * environment variable is `ML_` + the key in capitals. docs/config.md and `ml config show` are made from this table.
 */
import { parseHours, parseTariff } from "../core/hours.ts";

interface Range {
  least: number;
  most?: number;
  whole?: boolean;
}

interface Setting<T> {
  kind: "text" | "number" | "boolean" | "choice";
  default: T;
  about: string;
  choices?: readonly string[];
  /** Bounds of a number, and whether it must be whole. */
  range?: Range;
  /** Never printed in full. */
  secret?: boolean;
  /** Throws `bad_config` for a text that cannot be read. */
  check?(text: string): unknown;
}

function text(about: string, fallback: string | null = null, secret = false): Setting<string | null> {
  return { kind: "text", default: fallback, about, secret };
}
function checked<T extends string | null>(
  about: string,
  fallback: T,
  check: (text: string) => unknown,
): Setting<T extends null ? string | null : string> {
  return { kind: "text", default: fallback as never, about, check };
}
function number<T extends number | null>(
  about: string,
  fallback: T,
  range: Range,
): Setting<T extends null ? number | null : number> {
  return { kind: "number", default: fallback as never, about, range };
}
function flag(about: string, fallback: boolean): Setting<boolean> {
  return { kind: "boolean", default: fallback, about };
}
function choice<C extends string>(about: string, choices: readonly C[], fallback: C): Setting<C> {
  return { kind: "choice", default: fallback, about, choices };
}

export const settings = {
  // Where the server is.
  worker_host: text("host of the server; with none, a local server is used"),
  worker_user: text("user name for ssh to that host (`ml monitor`)"),
  worker_base: text("base directory on the server's machine; default: data/ under ML_HOME"),
  worker_port: number("ssh port of that host", 22, { least: 1, most: 65_535, whole: true }),
  server_url: text("WebSocket URL of the server; default: ws://<worker_host>:9100"),
  api_key: text("the key that says who you are (made by `ml key add`)", null, true),
  tls_ca: text("certificate file that the server's certificate must match (for self-signed ones)"),
  transport: choice("how to talk to the server", ["auto", "websocket", "polling"], "auto"),
  // How runs start.
  project: text(
    "what to call the project of the code; default: `git config ml.project`, else its remote or root commit",
  ),
  python: text("interpreter for .py files; default: python3 on the worker's PATH"),
  priority: number("priority of a run when none is given, 1 to 10", 5, { least: 1, most: 10, whole: true }),
  grace_seconds: number("seconds between SIGTERM and SIGKILL when a run is stopped", 30, { least: 0 }),
  max_runtime_hours: number("time limit of a run when none is given; none by default", null, { least: 0.001 }),
  retry_backoff_seconds: number("seconds before the first retry of `--retries`; doubled with each", 10, {
    least: 0,
    most: 3600,
  }),
  metric_pattern: text("pattern of printed lines that hold metrics, for every run that is queued from here"),
  repro_level: choice("how reproducible a run must be when it is queued", ["none", "basic", "strict"], "basic"),
  snapshot_max_mb: number("largest code snapshot that `ml queue` sends, in MB", 500, { least: 0 }),
  snapshot_file_max_mb: number("largest single file in a snapshot, in MB", 100, { least: 0 }),
  // The server.
  listen: text("address and port for TCP", "127.0.0.1:9100"),
  tls_cert: text("certificate file; with tls_key the server speaks TLS"),
  tls_key: text("private key file of that certificate"),
  state_dir: text("folder on a local disk for databases and locks; default: the base directory"),
  queue_backend: choice("where the waiting line is kept", ["sqlite", "fs", "redis"], "sqlite"),
  redis_url: text("Redis to use with queue_backend redis", "redis://127.0.0.1:6379"),
  queue_fallback: flag("take new runs into the filesystem queue while Redis cannot be reached", true),
  allowed_origins: text("web origins that may open a WebSocket, separated by commas; none by default"),
  group_fail_limit: number("so many runs of a group that fail alike pause it; 0: never", 3, {
    least: 0,
    most: 100,
    whole: true,
  }),
  set_aside_after: number("so many failures in a row set a host or card aside on which everything fails; 0: never", 3, {
    least: 0,
    most: 100,
    whole: true,
  }),
  notify_command: text("command that is told of ended runs, as words without a shell; JSON on its stdin"),
  notify_webhook: text("URL that ended runs are posted to as JSON", null, true),
  notify: choice("which runs are told of where `--notify` says nothing", ["ended", "failed", "never"], "ended"),
  // The worker.
  worker_name: text("name of this worker; default: the host name"),
  slots: number("how many runs at a time; default: the number of CPU cores", null, { least: 0, whole: true }),
  cpu_cores: number("CPU cores to hand out; default: all", null, { least: 0 }),
  gpus: number("GPUs to hand out; default: those that nvidia-smi or the kernel lists", null, { least: 0, whole: true }),
  disk_floor_mb: number("below this much free space no run starts and none is queued, in MB", 256, { least: 0 }),
  disk_warn_percent: number("below this share of free space `ml status` and `ml doctor` warn, in percent", 5, {
    least: 0,
    most: 100,
  }),
  user_quota_gb: number("what the artifacts of one user's runs may take before none of theirs is queued, in GB", null, {
    least: 0,
  }),
  log_max_mb: number("largest output.log before a run is stopped as disk_full, in MB; 0: no limit", 0, { least: 0 }),
  probes_dir: text("folder of executables that are asked about each run; what one prints is kept as env/<name>.txt"),
  // Data.
  data_timeout_seconds: number("a dataset's folder that gives no sign for so long counts as hung", 30, { least: 1 }),
  data_silent: choice(
    "a run whose dataset gives no answer at its turn, because its mount hangs: wait until it does, or fail",
    ["wait", "fail"],
    "wait",
  ),
  data_hands: number("processes that read a dataset side by side", 4, { least: 1, most: 64, whole: true }),
  cache_dir: text("folder on a local disk for copies of datasets; default: cache/ in the base directory"),
  cache_max_gb: number("what those copies may take, in GB; default: all but a tenth of the disk", null, { least: 0 }),
  prewarm: choice(
    "which datasets are copied ahead of the runs that need them: those on network mounts, all, or none",
    ["network", "all", "off"],
    "network",
  ),
  prewarm_mb_s: number("so many MB a second are copied at most; 0: no limit", 0, { least: 0 }),
  data_policy: choice(
    "where a run's datasets are not on the local disk at its turn: wait, fetch them first, or read them where they are",
    ["wait", "fetch", "direct"],
    "fetch",
  ),
  venv_max_gb: number("what the virtual environments of `--venv` may take, in GB", 20, { least: 0 }),
  venv_build_minutes: number("a build of one takes so long at most, in minutes", 30, { least: 1 }),
  image_pull_minutes: number(
    "a pull of a container's image ahead of the run that needs it takes so long at most, in minutes; 0: none are pulled",
    60,
    { least: 0 },
  ),
  // The machine.
  gpu_headroom: number("share of a GPU's memory that is never handed out in parts, 0 to 0.5", 0.05, {
    least: 0,
    most: 0.5,
  }),
  gpu_foreign: choice(
    "a GPU that a process of somebody else uses: wait for it to end, or share the card",
    ["wait", "ignore"],
    "wait",
  ),
  gpu_foreign_gb: number(
    "GPU memory in use by no process that the driver tells of counts as somebody's from here on, in GB",
    1,
    { least: 0 },
  ),
  gpu_idle_minutes: number("a GPU that a run holds and has not used for so long is reported; 0: never", 15, {
    least: 0,
  }),
  gpu_idle_stop_minutes: number("a run that has not used its GPU for so long is stopped; 0: never", 0, { least: 0 }),
  gpu_power_cap_watts: number(
    "power limit of each GPU while the worker lives, restored afterwards (needs root); none by default",
    null,
    { least: 1 },
  ),
  max_power_watts: number("while the GPUs together draw this much, no run starts; no limit by default", null, {
    least: 1,
  }),
  max_temperature_c: number("while a GPU is this hot, no run starts; no limit by default", null, { least: 1 }),
  on_battery: choice("new runs while the machine runs on battery", ["wait", "run"], "wait"),
  energy_price: number("price of a kWh where no tariff says another; energy costs nothing by default", null, {
    least: 0,
  }),
  energy_currency: text("what prices are in, such as EUR"),
  // Sharing.
  aging_hours: number("waiting so long raises a run's priority by one; 0: never", 12, { least: 0 }),
  share_half_life_hours: number("after so long, half of what a user has used is forgotten", 24, { least: 0.1 }),
  share_gpu_weight: number("what a second of a GPU counts against its user", 10, { least: 0 }),
  share_cpu_weight: number("what a second of a CPU core counts, for runs without GPUs", 1, { least: 0 }),
  user_max_runs: number("runs of one user at a time; no limit by default", null, { least: 1, whole: true }),
  user_max_gpus: number("GPUs of one user at a time; no limit by default", null, { least: 1, whole: true }),
  quiet_hours: checked("hours in which no run starts, such as `mon-fri 09:00-18:00`; none by default", null, (text) =>
    parseHours(text, "`quiet_hours`"),
  ),
  night_hours: checked("what `--when night` means", "22:00-06:00", (text) => parseHours(text, "`night_hours`")),
  tariff: checked(
    "price of a kWh by hours, such as `22:00-06:00 0.18, 06:00-22:00 0.32`; `--when cheap` waits for the lowest",
    null,
    parseTariff,
  ),
  // The terminal.
  color: choice("colour in the output", ["auto", "always", "never"], "auto"),
  tui_keys: text("keys of the terminal UI that differ from docs/tui.md, such as `cancel=X logs=L,ctrl+o`"),
} as const;

export type SettingKey = keyof typeof settings;
export type Settings = { [K in SettingKey]: (typeof settings)[K]["default"] };
export type Origin = "flag" | "environment" | "file" | "default";

/** What counts where nothing is set. */
export function defaultSettings(): Settings {
  return Object.fromEntries(Object.entries(settings).map(([key, { default: value }]) => [key, value])) as Settings;
}
