/** Random sequences of queue commands, and running one against a backend and the model side by side. */
import { expect } from "bun:test";
import fc from "fast-check";
import type { Claim, QueueBackend } from "../../src/queue/port.ts";
import type { QueueBench } from "./bench.ts";
import { entry } from "./entry.ts";
import { type ModelClaim, QueueModel } from "./model.ts";

const run = fc.integer({ min: 0, max: 5 }).map((n) => `run-${n}`);
const priority = fc.integer({ min: 1, max: 10 });
const leaseMs = fc.constantFrom(10, 100, 1000);
const nth = fc.nat(30);

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      act: fc.constant("add" as const),
      runs: fc.array(run, { minLength: 1, maxLength: 3 }),
      priority,
      held: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      act: fc.constant("claim" as const),
      run,
      leaseMs,
      worker: fc.constantFrom("w1", "w.2", "w 3"),
    }),
  },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("renew" as const), nth, leaseMs }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("giveBack" as const), nth }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("settle" as const), nth }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("remove" as const), run }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("hold" as const), run, held: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("prioritise" as const), run, priority }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant("advance" as const), ms: fc.constantFrom(1, 10, 99, 1000) }) },
  {
    weight: 1,
    arbitrary: fc.record({ act: fc.constant("jump" as const), ms: fc.constantFrom(-3_600_000, 3_600_000) }),
  },
);
export const sequences = fc.array(step, { minLength: 1, maxLength: 50 });
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Pair {
  real: Claim;
  model: ModelClaim;
}

/** Runs `steps` on both and expects equal answers after each, equal lists, and tokens that only grow. */
export async function runSequence(bench: QueueBench, queue: QueueBackend, steps: readonly Step[]): Promise<void> {
  const model = new QueueModel();
  const claims: Pair[] = [];
  const lastToken = new Map<string, number>();
  for (const each of steps) {
    await oneStep(each, { bench, queue, model, claims, lastToken });
    const nowMs = bench.clock.monotonicMs();
    for (const [limit, includeHeld] of [
      [100, true],
      [100, false],
      [2, false],
    ] as const) {
      const real = (await queue.waiting(limit, includeHeld)).map(({ runId, claim }) => [runId, claim?.worker ?? null]);
      expect(real).toEqual(model.waiting(limit, includeHeld, nowMs));
    }
    expect(await queue.count()).toBe(model.entries.size);
  }
}

interface Both {
  bench: QueueBench;
  queue: QueueBackend;
  model: QueueModel;
  claims: Pair[];
  lastToken: Map<string, number>;
}

async function oneStep(step: Step, { bench, queue, model, claims, lastToken }: Both): Promise<void> {
  const nowMs = bench.clock.monotonicMs();
  const pair = "nth" in step ? claims[step.nth % Math.max(1, claims.length)] : undefined;
  switch (step.act) {
    case "add": {
      const entries = step.runs.map((runId) => entry(runId, { priority: step.priority, held: step.held }));
      expect(await queue.add(entries)).toBe(model.add(entries));
      return;
    }
    case "claim": {
      const real = await queue.claim(step.run, step.worker, step.leaseMs);
      const expected = model.claim(step.run, step.worker, { leaseMs: step.leaseMs, nowMs });
      expect(real === null).toBe(expected === null);
      if (real === null || expected === null) return;
      expect(real.token).toBeGreaterThan(lastToken.get(real.runId) ?? 0);
      lastToken.set(real.runId, real.token);
      claims.push({ real, model: expected });
      return;
    }
    case "renew":
      if (pair) expect(await queue.renew(pair.real, step.leaseMs)).toBe(model.renew(pair.model, step.leaseMs, nowMs));
      return;
    case "giveBack":
      if (pair) await queue.giveBack(pair.real);
      if (pair) model.giveBack(pair.model);
      return;
    case "settle":
      if (pair) expect(await queue.settle(pair.real)).toBe(model.settle(pair.model));
      return;
    case "remove":
      expect((await queue.remove([step.run])).length > 0).toBe(model.remove(step.run, nowMs));
      return;
    case "hold":
      expect((await queue.update([step.run], { held: step.held })).length > 0).toBe(
        model.update(step.run, { held: step.held }, nowMs),
      );
      return;
    case "prioritise": {
      const change = { priority: step.priority };
      expect((await queue.update([step.run], change)).length > 0).toBe(model.update(step.run, change, nowMs));
      return;
    }
    case "advance":
      bench.clock.advance(step.ms);
      return;
    case "jump":
      bench.clock.jump(step.ms);
      return;
  }
}
