/** What `ml doctor` asks the server to look at: each with what was found and the cure. Nothing here waits longer than a few seconds. */
import * as fs from "node:fs";
import { messageOf } from "../core/error.ts";
import { formatSize } from "../core/size.ts";
import { version } from "../core/version.ts";
import { findUnusedCode } from "../keep/unused-code.ts";
import type { Check } from "../protocol/check.ts";
import type { Services } from "./context.ts";
import { dataChecks } from "./data-checks.ts";
import { codeOptions } from "./handlers/code-prune.ts";
import { serverState } from "./server-state.ts";

const programMs = 3000;
const dayMs = 86_400_000;

/** The first line that a program prints, or null where it is missing, fails or hangs. */
async function firstLine(argv: string[]): Promise<string | null> {
  if (Bun.which(argv[0] ?? "") === null) return null;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("BUN_")));
  try {
    const child = Bun.spawn(argv, {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      env,
      timeout: programMs,
      killSignal: "SIGKILL",
    });
    const timeout = Bun.sleep(programMs + 500).then(() => null);
    const text = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
    const done = await Promise.race([text, timeout]);
    if (done === null || child.exitCode !== 0) return null;
    return (done[0] || done[1]).split("\n")[0]?.trim() ?? null;
  } catch {
    return null;
  }
}

async function programCheck(name: string, argv: string[], cure: string, needed: boolean): Promise<Check> {
  const line = await firstLine(argv);
  return {
    name,
    ok: line === null ? (needed ? false : null) : true,
    found: line ?? "not found, or it failed",
    cure: line === null ? cure : null,
  };
}

function diskCheck(services: Services): Check {
  const { freeBytes, freeInodes } = services.disk.state();
  const problem = services.disk.problem() ?? services.disk.warning();
  const free = freeBytes === null ? "unknown" : `${formatSize(freeBytes)} free`;
  const inodes = freeInodes === null ? "" : `, ${freeInodes} inodes free`;
  return {
    name: "disk",
    ok: problem === null,
    found: problem ?? `${free}${inodes} under ${services.base.base}`,
    cure: problem === null ? null : "free some space (`df -h`, `ml prune`, `ml delete`) or make it writable",
  };
}

function inotifyCheck(): Check {
  const read = (name: string) => {
    try {
      return Number(fs.readFileSync(`/proc/sys/fs/inotify/${name}`, "utf8"));
    } catch {
      return null;
    }
  };
  const watches = read("max_user_watches");
  const instances = read("max_user_instances");
  const ok = watches === null || instances === null ? null : watches >= 8192 && instances >= 64;
  return {
    name: "inotify",
    ok,
    found:
      watches === null
        ? "no inotify here; files are looked at once a second"
        : `${watches} watches, ${instances} instances`,
    cure: ok === false ? "`sudo sysctl fs.inotify.max_user_watches=65536 fs.inotify.max_user_instances=256`" : null,
  };
}

function permissionCheck(services: Services): Check {
  const ours = new Set([services.base.base, services.state.stateDir, services.base.users, services.base.audit]);
  const open = [...ours].filter((path) => {
    const stat = fs.statSync(path, { throwIfNoEntry: false });
    return stat !== undefined && (stat.mode & 0o077) !== 0;
  });
  return {
    name: "permissions",
    ok: open.length === 0,
    found: open.length === 0 ? "only you can read the data" : `others can enter or read ${open.join(", ")}`,
    cure: open.length === 0 ? null : `\`chmod go-rwx ${open.join(" ")}\``,
  };
}

function clockCheck(services: Services): Check {
  const now = new Date(services.clock.nowMs());
  const ok = now.getUTCFullYear() >= 2024;
  return {
    name: "clock",
    ok,
    found: now.toISOString(),
    cure: ok ? null : "`timedatectl set-ntp true`",
  };
}

async function queueCheck(services: Services): Promise<Check> {
  const { queue } = await serverState(services);
  const cure =
    queue.backend === "redis"
      ? "start Redis, or `ml config set queue_backend sqlite` and restart the server"
      : "`ml reindex` fills it from the run folders";
  return {
    name: "queue",
    ok: queue.ok && !queue.degraded,
    found: queue.problem ?? `${queue.backend}, ${queue.waiting} waiting`,
    cure: queue.ok && !queue.degraded ? null : cure,
  };
}

function workerCheck(services: Services): Check {
  const alive = services.workers.states().filter((worker) => worker.alive);
  return {
    name: "workers",
    ok: alive.length > 0,
    found: alive.length === 0 ? "none is alive: nothing will start" : alive.map((worker) => worker.worker).join(", "),
    cure: alive.length > 0 ? null : "start one: `ml worker`, or the server without `--no-worker`",
  };
}

/** What the workers know of their cards; where none knows of any, what nvidia-smi says here. */
async function gpuCheck(services: Services): Promise<Check> {
  const alive = services.workers.states().filter((worker) => worker.alive);
  const problem = alive.find((worker) => worker.gpu_problem !== null)?.gpu_problem ?? null;
  if (problem !== null)
    return { name: "gpu", ok: false, found: problem, cure: "reboot, or reload the driver; `ml gpus` looks again" };
  const gpus = alive.flatMap((worker) => worker.gpus);
  const broken = gpus.filter((gpu) => gpu.blocked !== null);
  if (gpus.length > 0) {
    const found = `${gpus.length}, ${gpus.length - broken.length} of them usable${broken.map((gpu) => `; GPU ${gpu.index}: ${gpu.blocked}`).join("")}`;
    return {
      name: "gpu",
      ok: broken.length === 0 ? true : null,
      found,
      cure: broken.length === 0 ? null : "`ml gpus` says more",
    };
  }
  return programCheck(
    "gpu",
    ["nvidia-smi", "-L"],
    "only needed for NVIDIA GPUs: install the driver, or reboot after an upgrade of it",
    false,
  );
}

/** Above so much it is worth a word. */
const muchBytes = 1e9;
const codeMs = 3000;

/** Code that no run needs any more, where that can be told in time. */
async function codeCheck(services: Services): Promise<Check> {
  try {
    const looked = findUnusedCode(services.base, codeOptions(services, dayMs));
    looked.catch(() => {});
    const found = await Promise.race([looked, Bun.sleep(codeMs).then(() => null)]);
    if (found === null) return { name: "code", ok: null, found: "too many runs to look in time", cure: null };
    const sizeBytes = found.contents.reduce((sum, content) => sum + content.sizeBytes, 0);
    const count = `${found.contents.length} ${found.contents.length === 1 ? "file" : "files"}`;
    const none = found.trees.length + found.contents.length === 0;
    return {
      name: "code",
      ok: sizeBytes < muchBytes ? true : null,
      found: none
        ? "nothing older than a day that no run needs"
        : `${count} that no run needs, ${formatSize(sizeBytes)}`,
      cure: sizeBytes < muchBytes ? null : "`ml prune --code` frees that",
    };
  } catch (cause) {
    return { name: "code", ok: null, found: messageOf(cause), cure: null };
  }
}

/** Copies are made when the index is: manifests that were damaged since have none yet, and those that are gone never have. */
function lookAtDamaged(quarantine: string, runIds: readonly string[]): string {
  const copies = fs.existsSync(quarantine) ? fs.readdirSync(quarantine) : [];
  if (copies.some((name) => runIds.some((runId) => name.startsWith(`${runId}.`))))
    return `look at them; copies are in ${quarantine}`;
  return `look at them; \`ml reindex\` names them all, and keeps copies in ${quarantine}`;
}

export async function runChecks(services: Services): Promise<Check[]> {
  const python = services.settings.python ?? "python3";
  const programs = await Promise.all([
    programCheck("python", [python, "--version"], "install Python 3, or `ml config set python /path/to/python3`", true),
    programCheck("git", ["git", "--version"], "install git to have commits recorded", false),
    gpuCheck(services),
  ]);
  const damaged = services.catalog.damaged(100);
  return [
    { name: "server", ok: true, found: `version ${version}, pid ${process.pid}`, cure: null },
    diskCheck(services),
    permissionCheck(services),
    clockCheck(services),
    inotifyCheck(),
    await queueCheck(services),
    workerCheck(services),
    {
      name: "runs",
      ok: damaged.length === 0,
      found:
        damaged.length === 0
          ? "all manifests can be read"
          : `${damaged.length} damaged: ${damaged
              .slice(0, 3)
              .map((run) => run.run_id)
              .join(", ")}`,
      cure:
        damaged.length === 0
          ? null
          : lookAtDamaged(
              services.base.quarantine,
              damaged.map((run) => run.run_id),
            ),
    },
    await codeCheck(services),
    ...(await dataChecks(services)),
    ...programs,
  ];
}
