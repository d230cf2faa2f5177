/**
 * A lower power limit for the GPUs while the worker lives, where the config asks for one and the driver allows it (root):
 * `nvidia-smi -i UUID -pl W`. What was set before is kept in a file until it has been restored, so that a worker that was
 * killed leaves a limit that the next one takes back. A limit that somebody else changes meanwhile is left alone.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { ask, lastWords } from "../capture/child.ts";
import { writeDurable } from "../core/durable.ts";
import { readJsonFile } from "../core/json-lines.ts";
import type { GpuReading } from "../measure/gpu.ts";

const patienceMs = 5000;

interface Kept {
  /** Watts before ours, by UUID. */
  before: Record<string, number>;
  watts: number;
}

export interface PowerCapOptions {
  program: string;
  env: Readonly<Record<string, string | undefined>>;
  stateDir: string;
  worker: string;
}

export class PowerCap {
  constructor(private readonly options: PowerCapOptions) {}

  get #file(): string {
    return join(this.options.stateDir, `power-cap-${this.options.worker}.json`);
  }

  async #set(id: string, watts: number): Promise<string | null> {
    const { program, env } = this.options;
    const answer = await ask([program, "-i", id, "-pl", String(watts)], { env, timeoutMs: patienceMs });
    if (answer.kind !== "exited") return `nvidia-smi ${answer.reason}`;
    return answer.exitCode === 0 ? null : lastWords(answer);
  }

  #kept(): Kept | null {
    const found = readJsonFile(this.#file) as Partial<Kept> | null;
    return typeof found?.watts === "number" && typeof found.before === "object" ? (found as Kept) : null;
  }

  /** Sets the cap on these cards and keeps what was there. One sentence where that is not possible. */
  async apply(readings: readonly GpuReading[], watts: number): Promise<string | null> {
    await this.restore(readings);
    const cards = readings.filter(
      (one) => one.cardId === one.id && one.powerLimitW !== null && one.powerLimitW > watts,
    );
    const before = Object.fromEntries(cards.map((one) => [one.id, one.powerLimitW ?? 0]));
    if (cards.length === 0) return null;
    writeDurable(this.#file, `${JSON.stringify({ before, watts })}\n`);
    for (const card of cards) {
      const refusal = await this.#set(card.id, watts);
      if (refusal !== null) {
        await this.restore(null);
        return `the GPUs' power limit cannot be set to ${watts} W (\`gpu_power_cap_watts\`): ${refusal}`;
      }
    }
    return null;
  }

  /** Takes the cap back where, by these readings, it is still ours; what cannot be restored now is kept for the next time. */
  async restore(readings: readonly GpuReading[] | null): Promise<void> {
    const kept = this.#kept();
    if (kept === null) return;
    let all = true;
    for (const [id, watts] of Object.entries(kept.before)) {
      const now = readings?.find((one) => one.id === id)?.powerLimitW ?? null;
      if (now !== null && Math.abs(now - kept.watts) > 1) continue;
      all = (await this.#set(id, watts)) === null && all;
    }
    if (all) fs.rmSync(this.#file, { force: true });
  }
}
