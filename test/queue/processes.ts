/** The part of the suite in which separate processes work on one queue, and are killed in the middle of it. */
import { expect } from "bun:test";
import { join } from "node:path";
import { until } from "../support/temp.ts";
import type { QueueBench } from "./bench.ts";
import type { Check } from "./conformance.ts";
import { entry } from "./entry.ts";

const childScript = join(import.meta.dir, "child.ts");

class Child {
  readonly lines: string[] = [];
  readonly #process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #read: Promise<void>;

  constructor(bench: QueueBench, mode: string, name: string) {
    const cmd = [process.execPath, childScript, JSON.stringify(bench.spec), mode, name];
    this.#process = Bun.spawn(cmd, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    this.#read = this.#readLines();
  }

  /** What it said after `word`, one item a line. */
  said(word: string): string[] {
    return this.lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
  }

  async end(): Promise<void> {
    const code = await this.#process.exited;
    await this.#read;
    if (code !== 0) throw new Error(`a child ended with ${code}: ${await new Response(this.#process.stderr).text()}`);
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
    await this.#read;
  }

  /** Whole lines only: a killed writer may leave half of one, but writes each with one call. */
  async #readLines(): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of this.#process.stdout) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      this.lines.push(...parts);
    }
  }
}

export function processesTests(check: Check): void {
  check(
    "[Q1] workers in separate processes compete for every entry: each is claimed exactly once",
    async (bench) => {
      const queue = bench.openReal();
      const names = Array.from({ length: 400 }, (_, at) => `r${at}`);
      const workers = ["w1", "w2", "w3", "w4"].map((name) => new Child(bench, "work", name));
      await until(
        "all workers to stand at the line",
        () => workers.every((each) => each.lines.includes("ready")),
        120_000,
      );
      await queue.add(names.map((runId) => entry(runId)));
      await Promise.all(workers.map((worker) => worker.end()));
      const claimed = workers.flatMap((worker) => worker.said("claimed").map((said) => said.split(" ")[0] ?? ""));
      expect(claimed.sort()).toEqual(names.sort());
      expect(workers.flatMap((worker) => worker.said("unsettled"))).toEqual([]);
      expect(await queue.count()).toBe(0);
    },
    120_000,
  );
}

export function killedProcessesTests(check: Check): void {
  check(
    "processes killed in the middle of adding and claiming: every acknowledged entry is there exactly once",
    async (bench) => {
      const added: string[] = [];
      const settling: string[] = [];
      const settled: string[] = [];
      for (let round = 0; round < 3; round += 1) {
        const adders = [1, 2].map((n) => new Child(bench, "add", `a${n}r${round}`));
        const worker = new Child(bench, "churn", `w${round}`);
        await until("children to get going", () => adders.every((adder) => adder.lines.length > 8 + round * 5));
        await Promise.all([...adders, worker].map((child) => child.kill()));
        added.push(...adders.flatMap((adder) => adder.said("added").flatMap((line) => line.split(" "))));
        settling.push(...worker.said("settling"));
        settled.push(...worker.said("settled"));
      }
      const present = (await bench.openReal().waiting(100_000, true)).map((each) => each.runId);
      expect(new Set(present).size).toBe(present.length);
      const there = new Set(present);
      const missing = added.filter((runId) => !there.has(runId) && !settling.includes(runId));
      expect(missing).toEqual([]);
      expect(settled.filter((runId) => there.has(runId))).toEqual([]);
      expect(added.length).toBeGreaterThan(20);
    },
    120_000,
  );
}
