/**
 * Probe: what nvidia-smi says of the GPUs and the newest CUDA that the driver supports. It can fail in many ways, and
 * can hang in the kernel for ever: killed after 5 s, abandoned, and not started again while an abandoned one is alive.
 * A good answer holds until the machine or the driver restarts.
 */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { bootId } from "../core/process-identity.ts";
import { remembered } from "./cache.ts";
import { type Answer, ask, lastWords } from "./child.ts";
import { modelNames } from "./gpu-driver.ts";
import type { Finding, Probe, ProbeContext } from "./probe.ts";

/** Columns that every driver of the last ten years knows; one unknown column fails the whole query. */
const columns = ["index", "uuid", "name", "pci.bus_id", "memory.total", "driver_version"] as const;
const patienceMs = 5000;
/** A driver that comes or goes while the worker lives is seen after this long. */
const holdsMs = 60_000;

/** Paths of nvidia-smi whose last process was abandoned and has not ended yet. */
const stuck = new Set<string>();

export const nvidiaSmiProbe: Probe = {
  name: "nvidia-smi",
  limitMs: 3 * patienceMs,
  async run(context) {
    const { program, moduleVersion } = await remembered(`nvidia-smi ${context.root} ${context.toolPath}`, holdsMs, () =>
      look(context),
    );
    if (program === null) {
      if (moduleVersion !== "") context.miss("nvidia-smi is not installed; the driver is");
      return {};
    }
    const found = await stat(program).catch(() => null);
    const key = JSON.stringify([bootId(), moduleVersion, program, found?.mtimeMs, found?.size]);
    const cached = (await context.cache.get("nvidia-smi", key)) as Finding | null;
    if (cached !== null) return cached;
    const gpus = await queryGpus(program, context);
    if (gpus === null) return {};
    const cuda = await supportedCuda(program, context);
    const driver = gpus.find((gpu) => gpu.driver_version)?.driver_version ?? null;
    const finding: Finding = {
      environment: { gpu_driver: driver, cuda_version: cuda },
      resources: { gpu_model: modelNames(gpus.flatMap((gpu) => gpu.name ?? [])) },
      hardware: { gpu_driver: driver, cuda_driver_version: cuda, gpus },
    };
    if (cuda !== null) context.cache.put("nvidia-smi", key, finding);
    return finding;
  },
};

async function look({ root, toolPath }: ProbeContext): Promise<{ program: string | null; moduleVersion: string }> {
  const moduleVersion = await readFile(join(root, "proc/driver/nvidia/version"), "utf8").catch(() => "");
  return { program: Bun.which("nvidia-smi", { PATH: toolPath }), moduleVersion };
}

export interface Gpu {
  index: number | null;
  uuid: string | null;
  name: string | null;
  pci_bus_id: string | null;
  memory_total_mb: number | null;
  driver_version: string | null;
}

/** Rows of `--format=csv,noheader,nounits`; what the driver does not know is null, rows of another shape are left out. */
export function parseGpus(csv: string): Gpu[] {
  return csv.split("\n").flatMap((line) => {
    const cells = line.split(",").map((cell) => cell.trim());
    if (cells.length !== columns.length) return [];
    const [index, uuid, name, bus, memory, driver] = cells.map((cell) =>
      /^\[?(?:N\/A|Not Supported|Unknown Error|GPU is lost|GPU requires reset|Insufficient Permissions)\]?$/i.test(
        cell,
      ) || cell === ""
        ? null
        : cell,
    );
    const number = (cell: string | null | undefined) => (cell && Number.isFinite(Number(cell)) ? Number(cell) : null);
    return [
      {
        index: number(index),
        uuid: uuid ?? null,
        name: name ?? null,
        pci_bus_id: bus ?? null,
        memory_total_mb: number(memory),
        driver_version: driver ?? null,
      },
    ];
  });
}

async function question(program: string, args: string[], { toolPath, signal }: ProbeContext): Promise<Answer> {
  const home = process.env.HOME ?? "/";
  const answer = await ask([program, ...args], {
    env: { PATH: toolPath, HOME: home, LC_ALL: "C" },
    timeoutMs: patienceMs,
    signal,
  });
  if (answer.kind === "hung") {
    stuck.add(program);
    void answer.gone.finally(() => stuck.delete(program));
  }
  return answer;
}

async function queryGpus(program: string, context: ProbeContext): Promise<Gpu[] | null> {
  if (stuck.has(program)) {
    context.miss("an earlier nvidia-smi hangs in the driver; GPUs are unknown");
    return null;
  }
  const answer = await question(
    program,
    [`--query-gpu=${columns.join(",")}`, "--format=csv,noheader,nounits"],
    context,
  );
  if (answer.kind !== "exited") {
    context.miss(`it ${answer.reason}; GPUs are unknown`);
    return null;
  }
  if (answer.exitCode === 18) {
    context.miss(`driver and library versions differ (exit 18); reload the driver or reboot: ${lastWords(answer)}`);
    return null;
  }
  if (answer.exitCode !== 0) {
    context.miss(`it exited with ${answer.exitCode}: ${lastWords(answer)}`);
    return null;
  }
  return parseGpus(answer.stdout);
}

/** The newest CUDA that the driver supports, from the head of plain `nvidia-smi`; null where it does not say. */
async function supportedCuda(program: string, context: ProbeContext): Promise<string | null> {
  const answer = await question(program, [], context);
  if (answer.kind !== "exited") context.miss(`it ${answer.reason}; the CUDA version is unknown`);
  return answer.kind === "exited" ? (/CUDA Version\s*:\s*([\d.]+)/.exec(answer.stdout)?.[1] ?? null) : null;
}
