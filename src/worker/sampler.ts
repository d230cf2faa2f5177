/**
 * Looks at what runs: once a second, twice while it is young so that a short run has a peak at all, five times where it
 * comes near a memory limit that nobody else keeps. Ends with the last run. Its own cost is measured in docs/resources.md.
 */
import * as fs from "node:fs";
import { busySeconds, treeUse } from "../measure/process-tree.ts";
import { Rapl } from "../measure/rapl.ts";
import { onIdleCards } from "./idle-gpu.ts";
import { DiskWatch, isNearRamLimit, logBreach, ramBreach } from "./limits.ts";
import { type MachineLook, RunMeter } from "./run-meter.ts";
import type { Breach, LiveRun, Shop } from "./shop.ts";

const everyMs = 1000;
const youngEveryMs = 500;
const closeEveryMs = 200;
const youngMs = 5000;
/** More are not remembered; a fork bomb has as many as it likes. */
const mostPids = 4096;

export class Sampler {
  #timer: ReturnType<typeof setTimeout> | null = null;
  readonly #rapl: Rapl;
  readonly #disks = new Map<string, DiskWatch>();
  #busy: number | null = null;
  #pauseMs = everyMs;

  constructor(
    private readonly shop: Shop,
    root = "/",
  ) {
    this.#rapl = new Rapl(root);
  }

  /** Begins, where there is something to look at and it has not begun. */
  wake(): void {
    if (this.#timer !== null || this.shop.live.size === 0 || this.shop.closing) return;
    // The first look is soon after the start: it is what the later ones are compared with.
    this.#busy = null;
    this.#timer = setTimeout(() => this.#step(), youngEveryMs);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const run of this.shop.live.values()) run.meter?.flush();
  }

  #step(): void {
    this.#timer = null;
    const { live, closing } = this.shop;
    for (const runId of this.#disks.keys()) if (!live.has(runId)) this.#disks.delete(runId);
    if (live.size === 0 || closing) return;
    this.#pauseMs = everyMs;
    const runs = [...live.values()].filter((run) => run.phase === "running" && run.script !== null);
    if (runs.some((run) => run.placement.cards.length > 0)) this.shop.gpus.need();
    const machine = this.#machine();
    for (const run of runs) this.#look(run, machine);
    this.#timer = setTimeout(() => this.#step(), this.#pauseMs);
  }

  #machine(): MachineLook {
    const { clock, gpus, live } = this.shop;
    const busy = this.#rapl.known ? busySeconds() : null;
    const before = this.#busy;
    this.#busy = busy;
    const holders = new Map<string, number>();
    for (const run of live.values())
      if (run.holding) for (const card of run.placement.cards) holders.set(card.id, (holders.get(card.id) ?? 0) + 1);
    return {
      atMs: clock.monotonicMs(),
      nowMs: clock.nowMs(),
      gpus: gpus.isFresh() ? gpus.last() : null,
      sharers: (cardId) => holders.get(cardId) ?? 0,
      runOf: (pid) => gpus.runOf(pid),
      busySeconds: busy === null || before === null ? null : busy - before,
      processorJ: this.#rapl.known ? this.#rapl.grownJ() : null,
    };
  }

  #look(run: LiveRun, machine: MachineLook): void {
    if (run.script === null) return;
    const use = treeUse(run.script.pid);
    run.meter ??= new RunMeter(run);
    run.meter.take(use, machine);
    if (use !== null) {
      if (run.memoryPeakGb === null || use.ramPeakGb > run.memoryPeakGb) run.memoryPeakGb = use.ramPeakGb;
      run.reads?.look(use.pids);
      for (const pid of use.pids) if (run.pidsSeen.size < mostPids) run.pidsSeen.add(pid);
      if (run.cgroup !== null && !isInside(run.script.pid, run.cgroup)) run.cgroup = null;
    }
    if (machine.atMs - run.sinceMs < youngMs) this.#pauseMs = Math.min(this.#pauseMs, youngEveryMs);
    if (isNearRamLimit(run, use)) this.#pauseMs = Math.min(this.#pauseMs, closeEveryMs);
    const stop = (breach: Breach | null) => {
      if (breach === null || run.breach !== null) return;
      run.breach = breach;
      run.bell.ring();
    };
    if (use !== null) stop(ramBreach(run, use));
    stop(logBreach(this.shop, run));
    stop(onIdleCards(this.shop, run, machine.atMs));
    this.#disk(run).step(machine.atMs, stop);
  }

  #disk(run: LiveRun): DiskWatch {
    const known = this.#disks.get(run.runId) ?? new DiskWatch(run);
    this.#disks.set(run.runId, known);
    return known;
  }
}

/** Whether the script did enter its group: it is asked to, and a kernel may refuse. */
function isInside(pid: number, folder: string): boolean {
  try {
    const path = /^0::(.*)$/m.exec(fs.readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1] ?? "";
    return path !== "" && folder.endsWith(path);
  } catch {
    return true;
  }
}
