/**
 * AMD cards, by what the amdgpu driver tells in sysfs: files that are read in a moment and need no program. Which processes
 * use a card is told by amd-smi or rocm-smi as JSON whose shape changes from release to release; what cannot be understood
 * is unknown. A card that is busy or full without a known process counts by its memory (worker/gpus.ts).
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { ask } from "../capture/child.ts";
import type { GpuLook, GpuMeter, GpuReading, GpuUse } from "./gpu.ts";

const everyMs = 1000;
/** A program is started for the processes, which is dear. */
const processesEveryMs = 5000;
const patienceMs = 5000;

function text(path: string): string | null {
  try {
    return fs.readFileSync(path, "utf8").trim();
  } catch {
    return null;
  }
}

function number(path: string): number | null {
  const found = text(path);
  return found !== null && /^-?\d+$/.test(found) ? Number(found) : null;
}

const scaled = (value: number | null, by: number) => (value === null ? null : value / by);

function readCard(folder: string, index: number): GpuReading {
  const device = join(folder, "device");
  const hwmons = list(join(device, "hwmon"));
  const sensor = (name: string) =>
    hwmons.map((one) => number(join(device, "hwmon", one, name))).find((one) => one !== null) ?? null;
  const unique = text(join(device, "unique_id"));
  // ROCR names a card by `GPU-` and its unique id (rocminfo).
  const id =
    unique === null || unique === "" || /^0+$/.test(unique)
      ? String(index)
      : `GPU-${unique.toLowerCase().replace(/^0x/, "")}`;
  const busy = number(join(device, "gpu_busy_percent"));
  return {
    id,
    index,
    cardId: id,
    model: text(join(device, "product_name")) ?? "AMD GPU",
    busId: /PCI_SLOT_NAME=(\S+)/.exec(text(join(device, "uevent")) ?? "")?.[1] ?? null,
    memoryGb: scaled(number(join(device, "mem_info_vram_total")), 1e9),
    usedGb: scaled(number(join(device, "mem_info_vram_used")), 1e9),
    utilization: scaled(busy, 100),
    temperatureC: scaled(sensor("temp1_input"), 1000),
    powerW: scaled(sensor("power1_average") ?? sensor("power1_input"), 1e6),
    powerLimitW: scaled(sensor("power1_cap"), 1e6),
    throttled: [],
    energyJ: scaled(sensor("energy1_input"), 1e6),
    fault: null,
  };
}

function list(folder: string): string[] {
  try {
    return fs.readdirSync(folder).sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  } catch {
    return [];
  }
}

/** Folders of the cards that the amdgpu driver has, by number. */
function cardFolders(root: string): string[] {
  const drm = join(root, "sys/class/drm");
  return list(drm)
    .filter((name) => /^card\d+$/.test(name))
    .map((name) => join(drm, name))
    .filter(
      (folder) =>
        text(join(folder, "device/vendor")) === "0x1002" && fs.existsSync(join(folder, "device/mem_info_vram_total")),
    );
}

type Json = unknown;
const isObject = (value: Json): value is Record<string, Json> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function bytes(value: Json): number | null {
  if (typeof value === "number") return value;
  if (!isObject(value) || typeof value.value !== "number") return null;
  const factor: Record<string, number> = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9 };
  return value.value * (factor[String(value.unit).toUpperCase()] ?? 1);
}

/** `amd-smi process --json`: a list of cards, each with `gpu` and `process_list` of `process_info`. Null where it is not understood. */
export function parseAmdSmi(output: string, ids: readonly string[]): GpuUse[] | null {
  try {
    const cards: Json = JSON.parse(output);
    if (!Array.isArray(cards)) return null;
    return cards.flatMap((card: Json) => {
      if (!isObject(card) || typeof card.gpu !== "number" || !Array.isArray(card.process_list)) return [];
      const cardId = ids[card.gpu];
      return card.process_list.flatMap((entry: Json) => {
        const info = isObject(entry) && isObject(entry.process_info) ? entry.process_info : entry;
        if (cardId === undefined || !isObject(info) || typeof info.pid !== "number") return [];
        const usage = isObject(info.memory_usage) ? info.memory_usage : {};
        return [{ pid: info.pid, cardId, usedGb: scaled(bytes(usage.vram_mem ?? info.mem_usage), 1e9) }];
      });
    });
  } catch {
    return null;
  }
}

/** `rocm-smi --showpids --json`: `system` with `PID4711: "python3, 1, 2147483648, 0, 0"` (name, cards, VRAM …); cards are only counted. */
export function parseRocmSmi(output: string, ids: readonly string[]): GpuUse[] | null {
  try {
    const found: Json = JSON.parse(output);
    if (!isObject(found) || !isObject(found.system)) return null;
    const [only] = ids;
    // Which card it is, is not told; with one card there is no doubt.
    if (ids.length !== 1 || only === undefined) return null;
    return Object.entries(found.system).flatMap(([key, value]) => {
      const pid = /^PID(\d+)$/.exec(key)?.[1];
      if (pid === undefined) return [];
      const used = Number(String(value).split(",")[2]);
      return [{ pid: Number(pid), cardId: only, usedGb: Number.isFinite(used) ? used / 1e9 : null }];
    });
  } catch {
    return null;
  }
}

export class AmdMeter implements GpuMeter {
  readonly vendor = "amd";
  #look: GpuLook | null = null;
  #timer: ReturnType<typeof setInterval> | null = null;
  #uses: GpuUse[] | null = null;
  #askedMs = Number.NEGATIVE_INFINITY;
  readonly #listeners: (() => void)[] = [];

  constructor(
    private readonly root: string,
    private readonly env: Readonly<Record<string, string | undefined>>,
    private readonly now: () => number = () => performance.now(),
  ) {}

  last = () => this.#look;
  trouble = () => null;

  onLook(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async begin(): Promise<void> {
    if (this.#timer !== null) return;
    this.#timer = setInterval(() => void this.#step(), everyMs);
    await this.#step();
  }

  end(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  async #step(): Promise<void> {
    const readings = cardFolders(this.root).map(readCard);
    if (this.now() - this.#askedMs > processesEveryMs) {
      this.#askedMs = this.now();
      this.#uses = await this.#queryUses(readings.map((one) => one.id));
    }
    this.#look = { atMs: this.now(), readings, uses: this.#uses };
    for (const listener of this.#listeners) listener();
  }

  async #queryUses(ids: readonly string[]): Promise<GpuUse[] | null> {
    for (const [name, args, parse] of [
      ["amd-smi", ["process", "--json"], parseAmdSmi],
      ["rocm-smi", ["--showpids", "--json"], parseRocmSmi],
    ] as const) {
      const program = Bun.which(name, { PATH: this.env.PATH ?? "" });
      if (program === null) continue;
      const answer = await ask([program, ...args], {
        env: { PATH: this.env.PATH, LC_ALL: "C" },
        timeoutMs: patienceMs,
      });
      const uses = answer.kind === "exited" && answer.exitCode === 0 ? parse(answer.stdout, ids) : null;
      if (uses !== null) return uses;
    }
    return null;
  }
}

/** The meter of this machine's AMD cards, or null where the driver lists none. */
export function openAmd(root: string, env: Readonly<Record<string, string | undefined>>): AmdMeter | null {
  return cardFolders(root).length === 0 ? null : new AmdMeter(root, env);
}
