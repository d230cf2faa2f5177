/** P7: what server and worker cost when nothing happens: share of a core, and memory; with 10,000 runs known. */
import { growthExponent, spread, waitUntil } from "./measure.ts";
import { cpuMs, memoryMb, startOurs } from "./ours.ts";
import { fillBase } from "./p6-many-runs.ts";
import { compileNoop } from "./peers.ts";
import type { Row } from "./table.ts";

const emptyServer = 'Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("ok") });';

/** Percent of a core over a window in which nothing is asked. */
async function idleShare(pid: number, seconds: number): Promise<number> {
  const before = cpuMs(pid);
  await Bun.sleep(seconds * 1000);
  return ((cpuMs(pid) - before) / (seconds * 1000)) * 100;
}

export const row: Row = {
  id: "P7",
  title: "idle",
  async run(context) {
    const seconds = context.long ? 120 : 30;
    const sizes = [100, 1000, 10_000];
    const empty = Bun.spawn([compileNoop(context.folder, "empty-server", emptyServer)], { stdout: "ignore" });
    context.after(() => empty.kill());
    const cpu: number[] = [];
    const memory: number[] = [];
    for (const n of sizes) {
      const ours = await startOurs(context, { name: `idle-${n}`, prepare: (base) => fillBase(base, n) });
      await quiet(ours.pid);
      cpu.push(n === sizes.at(-1) ? await idleShare(ours.pid, seconds) : NaN);
      memory.push(memoryMb(ours.pid).now);
      await ours.stop();
    }
    const last = (values: number[]) => spread(values.slice(-1));
    return [
      {
        ...{ what: "processor, 10,000 known", unit: "%", ours: last(cpu), goal: "<= 0.1 %" },
        limit: { name: "empty server", value: spread([await idleShare(empty.pid, seconds / 3)]) },
        met: (cpu.at(-1) ?? Infinity) <= 0.1,
        note: `over ${seconds} s, once it had been quiet for 15; one step of the kernel's clock is ${(1 / seconds).toFixed(2)} %`,
      },
      {
        ...{ what: "memory, 10,000 known", unit: "MB", ours: last(memory), goal: "<= 70 MB" },
        limit: { name: "empty server", value: spread([memoryMb(empty.pid).now]) },
        met: (memory.at(-1) ?? Infinity) <= 70,
        growth: { sizes, exponent: growthExponent(sizes.map((n, at) => ({ n, cost: memory[at] ?? NaN }))) },
        note: `at ${sizes.join(", ")}: ${memory.map((mb) => `${mb.toFixed(0)} MB`).join(", ")}`,
      },
    ];
  },
};

/** Waits until the process has used at most 10 ms a second for 15 seconds: what it does at its start is over (a process of its own makes the index for some seconds). */
async function quiet(pid: number): Promise<void> {
  let [before, calmSeconds] = [Number.NEGATIVE_INFINITY, 0];
  const calm = () => {
    const now = cpuMs(pid);
    calmSeconds = now - before <= 10 ? calmSeconds + 1 : 0;
    before = now;
    return calmSeconds >= 15;
  };
  await waitUntil("the server to be idle", calm, 120_000, 1000);
}
