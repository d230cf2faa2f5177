/**
 * `workers/<name>.json`: what a worker has, holds and lacks, for servers in any process. Rewritten without fsync on every
 * change (at most every 100 ms, every 250 ms where a server in this process is told of changes) and every 5 s, removed by
 * a clean end. The keys are those of WorkerState (protocol/requests.ts) but `alive`, and
 *
 *     boot, start    with pid the identity of the process
 *     at             the same as seen_at
 *     changes        the last 256 changes of runs: [{"n": 17, "run_id": "…"}], numbered upwards without gaps from the
 *                    worker's start on. Who has seen n knows what is new; who finds a gap looks at all live runs
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { untilBeatMs } from "../core/beat.ts";
import { isoTime } from "../core/clock.ts";
import { writeEvenIfFull } from "../core/durable.ts";
import { version } from "../core/version.ts";
import type { WorkerFacts } from "../run/worker-facts.ts";
import { cardFacts, resourceFacts } from "../schedule/facts.ts";
import { ownIdentity } from "./claim-record.ts";
import { holdingFacts } from "./planning.ts";
import { freeCapacity, type Shop } from "./shop.ts";
import { silentFacts } from "./silent-data.ts";

const ringSize = 256;
const everyMs = 5000;
const restMs = { alone: 100, inServer: 250 };

export interface WorkerBeat extends WorkerFacts {
  start: string;
  boot: string;
  at: string;
  /** The last changes of runs, counted, for a server in another process. */
  changes: { n: number; run_id: string }[];
}

export class Heartbeat {
  readonly #shop: Shop;
  readonly #path: string;
  readonly #changes: { n: number; run_id: string }[] = [];
  #count = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #lastMs = 0;
  #closed = false;
  readonly #restMs: number;

  constructor(shop: Shop, { inServer = false } = {}) {
    this.#shop = shop;
    this.#restMs = inServer ? restMs.inServer : restMs.alone;
    this.#path = join(shop.base.workers, `${shop.name}.json`);
  }

  /** Notes a change of a run and writes soon. */
  changed(runId: string): void {
    this.#count += 1;
    this.#changes.push({ n: this.#count, run_id: runId });
    if (this.#changes.length > ringSize) this.#changes.shift();
    this.soon();
  }

  /** Writes soon: something else than a run has changed. */
  soon(): void {
    this.#writeIn(Math.max(0, this.#restMs - (performance.now() - this.#lastMs)));
  }

  state(): WorkerBeat {
    const { name, host, capacity, live, problems, door, draining, clock, gpus } = this.#shop;
    const seenAtMs = gpus.last()?.atMs ?? null;
    const now = isoTime(clock.nowMs());
    const free = freeCapacity(this.#shop);
    return {
      worker: name,
      host,
      ...ownIdentity,
      version,
      at: now,
      seen_at: now,
      draining,
      capacity: resourceFacts(capacity),
      free: resourceFacts(free),
      running: [...live.values()].filter((run) => run.holding).map((run) => run.runId),
      holding: holdingFacts(this.#shop),
      door: [...door.values()].map(({ why, untilMs }) => ({
        why,
        until: untilMs === null ? null : isoTime(untilMs),
      })),
      gpus: free.cards.map((card) => cardFacts(card, gpus.readingOf(card.id))),
      gpus_seen_at: seenAtMs === null ? null : isoTime(clock.nowMs() - (clock.monotonicMs() - seenAtMs)),
      gpu_problem: gpus.trouble(),
      uses: [...live.values()].flatMap((run) => (run.meter === null ? [] : run.meter.facts())),
      data: this.#shop.prewarmer?.facts() ?? null,
      venvs: this.#shop.venvs?.facts() ?? null,
      images: this.#shop.images?.facts() ?? null,
      mounts: this.#shop.mounts?.facts() ?? [],
      silent_data: silentFacts(this.#shop),
      problems: [...problems.values()],
      changes: [...this.#changes],
    };
  }

  /** Writes now, and from then on by itself. A disk that takes nothing is a problem of its own, not of the heartbeat. */
  beat(): void {
    if (this.#closed) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#lastMs = performance.now();
    try {
      writeEvenIfFull(this.#path, `${JSON.stringify(this.state())}\n`, { sync: false });
    } catch {
      // Silence is the message: readers see an old heartbeat.
    }
    this.#writeIn(untilBeatMs(everyMs));
  }

  #dueMs = 0;

  #writeIn(delayMs: number): void {
    if (this.#closed) return;
    const dueMs = performance.now() + delayMs;
    if (this.#timer !== null && this.#dueMs <= dueMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#dueMs = dueMs;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.beat();
    }, delayMs);
  }

  /** A clean end: the worker is not missed, it is gone. */
  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    fs.rmSync(this.#path, { force: true });
  }
}
