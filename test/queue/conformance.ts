/**
 * What every queue must do, written once and run for each backend. A backend may leave out a test only by its name and
 * with a reason. A change to a backend changes this suite, never a private test of it.
 */
import { afterEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Claim, QueueBackend } from "../../src/queue/port.ts";
import { until } from "../support/temp.ts";
import { closeOpened, type QueueBench } from "./bench.ts";
import { entry } from "./entry.ts";
import { killedProcessesTests, processesTests } from "./processes.ts";
import { runSequence, sequences } from "./sequences.ts";

export interface SuiteOptions {
  makeBench: () => QueueBench | Promise<QueueBench>;
  /** `test`, or `needs(…)` where the backend wants a program. */
  test?: typeof test;
  /** Name of a test → why this backend leaves it out. */
  without?: Record<string, string>;
}

export type Check = (
  name: string,
  act: (bench: QueueBench, queue: QueueBackend) => Promise<void>,
  timeoutMs?: number,
) => void;

export function queueConformance(backend: string, options: SuiteOptions): void {
  const run = options.test ?? test;
  const check: Check = (name, act, timeoutMs = 120_000) => {
    const reason = options.without?.[name];
    if (reason !== undefined) {
      console.log(`SKIPPED ${backend}: ${name}: ${reason}`);
      test.skip(name, () => {});
      return;
    }
    const whole = async () => {
      const bench = await options.makeBench();
      await act(bench, bench.open());
    };
    run(name, whole, timeoutMs);
  };
  describe(`the ${backend} queue`, () => {
    afterEach(closeOpened);
    lineTests(check);
    changeTests(check);
    claimTests(check);
    leaseTests(check);
    wakeTests(check);
    processesTests(check);
    killedProcessesTests(check);
    const runs = Number(process.env.ML_QUEUE_RUNS ?? 40);
    check(
      "[Q1 Q2] random sequences of commands, with a turned clock, do what the model does",
      async () => {
        const property = fc.asyncProperty(sequences, async (steps) => {
          const bench = await options.makeBench();
          const queue = bench.open();
          try {
            await runSequence(bench, queue, steps);
          } finally {
            await queue.close();
          }
        });
        await fc.assert(property, { numRuns: runs });
      },
      120_000,
    );
  });
}

const ids = async (queue: QueueBackend, includeHeld = false, limit = 100) =>
  (await queue.waiting(limit, includeHeld)).map((each) => each.runId);

function lineTests(check: Check): void {
  check("an added entry comes back as it was given, in the order of arrival", async (bench, queue) => {
    const odd = entry("c", { user: 'Ö. O\'Brien "x"\n', queuedAt: "2026-11-23T18:00:00.123Z" });
    odd.requested.gpus = 2;
    odd.requested.ram_gb = 1.5;
    const terms = {
      after: ["2026-11-23_k3f9ab"],
      after_ok: ["2026-11-23_aaaaaa", "2026-11-23_bbbbbb"],
      not_before: "2026-11-23T19:00:00.000Z",
      when: "after 22:00",
      group_limit: 2,
    };
    odd.facts = { group: "sweep: Ä'", terms, seconds: { low: 10.5, likely: 60, high: 3600 } };
    expect(await queue.add([entry("b"), entry("a"), odd])).toBe(3);
    const listed = await bench.open().waiting(10, false);
    expect(listed.map((each) => each.runId)).toEqual(["b", "a", "c"]);
    const { sequence, claim, ...rest } = listed[2]!;
    expect(rest).toEqual(odd);
    expect(claim).toBeNull();
    expect(sequence).toBeGreaterThan(listed[1]!.sequence);
    expect(await queue.count()).toBe(3);
  });

  check("higher priority comes first, then who came first", async (_, queue) => {
    const priorities = [5, 1, 10, 5, 9, 10, 2];
    await queue.add(priorities.map((priority, at) => entry(`r${at}`, { priority })));
    expect(await ids(queue)).toEqual(["r2", "r5", "r4", "r0", "r3", "r6", "r1"]);
    expect(await ids(queue, false, 3)).toEqual(["r2", "r5", "r4"]);
    expect(await ids(queue, true, 0)).toEqual([]);
  });

  check("adding a run again leaves it as it is", async (bench, queue) => {
    await queue.add([entry("a"), entry("b")]);
    expect(await bench.open().add([entry("b", { priority: 9, user: "eve" }), entry("c"), entry("c")])).toBe(1);
    expect(await ids(queue)).toEqual(["a", "b", "c"]);
    expect((await queue.waiting(9, true))[1]?.user).toBe("ada");
    const claim = await queue.claim("a", "w", 1000);
    expect(await queue.add([entry("a")])).toBe(0);
    expect(await queue.settle(claim!)).toBe(true);
    expect(await queue.add([entry("a")])).toBe(1);
    expect(await ids(queue)).toEqual(["b", "c", "a"]);
    expect(await queue.add([])).toBe(0);
  });

  check("a thousand entries in one call keep their order", async (_, queue) => {
    const names = Array.from({ length: 1000 }, (_, at) => `r${at}`);
    expect(await queue.add(names.map((name) => entry(name)))).toBe(1000);
    expect(await ids(queue, true, 2000)).toEqual(names);
    expect(await ids(queue, false, 5)).toEqual(names.slice(0, 5));
  });

  check(
    "a line of ten thousand stays whole and paged",
    async (_, queue) => {
      for (let from = 0; from < 10_000; from += 1000) {
        await queue.add(Array.from({ length: 1000 }, (_, at) => entry(`r${from + at}`, { held: at % 2 === 0 })));
      }
      expect(await queue.count()).toBe(10_000);
      expect(await ids(queue, false, 3)).toEqual(["r1", "r3", "r5"]);
      expect((await queue.waiting(256, true)).length).toBe(256);
    },
    120_000,
  );

  check("a new queue asks to be filled from the folders, until it has been", async (bench, queue) => {
    expect(await queue.health()).toMatchObject({ ok: true, degraded: false, needsRebuild: true });
    await queue.rebuilt();
    expect(await bench.open().health()).toMatchObject({ ok: true, degraded: false, problem: null });
    expect((await queue.health()).needsRebuild ?? false).toBe(false);
  });

  check("a closed queue refuses with try_later", async (_, queue) => {
    await queue.close();
    await expect(queue.count()).rejects.toMatchObject({ code: "try_later" });
    await expect(queue.add([entry("a")])).rejects.toMatchObject({ code: "try_later" });
  });
}

function changeTests(check: Check): void {
  check("a held entry is shown but not claimable until it is released", async (bench, queue) => {
    await queue.add([entry("a", { held: true }), entry("b")]);
    expect(await ids(queue)).toEqual(["b"]);
    expect(await ids(queue, true)).toEqual(["a", "b"]);
    expect(await queue.claim("a", "w", 1000)).toBeNull();
    expect(await bench.open().update(["a"], { held: false })).toEqual(["a"]);
    expect(await ids(queue)).toEqual(["a", "b"]);
    expect(await queue.claim("a", "w", 1000)).not.toBeNull();
    expect(await queue.update(["b"], { held: true })).toEqual(["b"]);
    expect(await ids(queue)).toEqual([]);
    expect(await queue.count()).toBe(2);
  });

  check("a changed priority moves the entry and keeps its age", async (_, queue) => {
    await queue.add(["a", "b", "c"].map((name) => entry(name)));
    expect(await queue.update(["c"], { priority: 7 })).toEqual(["c"]);
    expect(await ids(queue)).toEqual(["c", "a", "b"]);
    await queue.update(["a"], { priority: 7 });
    expect(await ids(queue)).toEqual(["a", "c", "b"]);
    expect((await queue.waiting(1, true))[0]?.priority).toBe(7);
    expect(await queue.update(["gone"], { priority: 1 })).toEqual([]);
  });

  check("[Q11] update and remove refuse an entry that a worker has taken", async (_, queue) => {
    await queue.add([entry("a")]);
    const claim = await queue.claim("a", "w", 1000);
    expect(await queue.update(["a"], { priority: 9 })).toEqual([]);
    expect(await queue.update(["a"], { held: true })).toEqual([]);
    expect(await queue.remove(["a"])).toEqual([]);
    await queue.giveBack(claim!);
    expect((await queue.waiting(1, true))[0]).toMatchObject({ runId: "a", priority: 5, held: false, claim: null });
    expect(await queue.remove(["a"])).toEqual(["a"]);
    expect(await queue.remove(["a"])).toEqual([]);
    expect(await queue.count()).toBe(0);
  });

  check(
    "[Q11] many are changed or removed at once, but for those that a worker has or that are gone",
    async (_, queue) => {
      await queue.add(["a", "b", "c", "d"].map((name) => entry(name)));
      const claim = await queue.claim("b", "w", 1000);
      expect(await queue.update(["c", "b", "gone", "a"], { held: true, priority: 7 })).toEqual(["c", "a"]);
      expect(await ids(queue, true)).toEqual(["a", "c", "b", "d"]);
      expect(await ids(queue)).toEqual(["d"]);
      expect(await queue.remove(["a", "b", "gone", "d"])).toEqual(["a", "d"]);
      expect(await ids(queue, true)).toEqual(["c", "b"]);
      expect(await queue.settle(claim!)).toBe(true);
      expect(await queue.remove([])).toEqual([]);
      expect(await queue.count()).toBe(1);
    },
  );

  check("[Q11] remove and claim at once: exactly one succeeds", async (bench, queue) => {
    const other = bench.open();
    await queue.add(Array.from({ length: 40 }, (_, at) => entry(`r${at}`)));
    for (let at = 0; at < 40; at += 1) {
      const [claim, removed] = await Promise.all([queue.claim(`r${at}`, "w", 1000), other.remove([`r${at}`])]);
      expect([claim !== null, removed.length > 0].filter(Boolean).length).toBe(1);
    }
  });
}

function claimTests(check: Check): void {
  check("a claimed entry is invisible to a second worker", async (bench, queue) => {
    const other = bench.open();
    await queue.add([entry("a"), entry("b")]);
    const claim = await queue.claim("a", "first", 1000);
    expect(claim).toMatchObject({ runId: "a", worker: "first" });
    expect(await other.claim("a", "second", 1000)).toBeNull();
    expect(await ids(other)).toEqual(["b"]);
    const shown = (await other.waiting(9, true)).find((each) => each.runId === "a");
    expect(shown?.claim).toEqual({ worker: "first", token: claim!.token });
    expect(await other.claim("none", "second", 1000)).toBeNull();
  });

  check("giving back restores the old place", async (bench, queue) => {
    await queue.add(["a", "b", "c"].map((name) => entry(name)));
    const claim = await queue.claim("b", "w", 1000);
    expect(await ids(queue)).toEqual(["a", "c"]);
    await bench.open().giveBack(claim!);
    expect(await ids(queue)).toEqual(["a", "b", "c"]);
  });

  check("a settled entry is forgotten, once", async (bench, queue) => {
    await queue.add([entry("a"), entry("b")]);
    const claim = await queue.claim("a", "w", 1000);
    expect(await bench.open().settle(claim!)).toBe(true);
    expect(await queue.settle(claim!)).toBe(false);
    expect(await ids(queue, true)).toEqual(["b"]);
    expect(await queue.renew(claim!, 1000)).toBe(false);
  });

  check("[Q2] tokens grow, and a stale one changes nothing", async (_, queue) => {
    await queue.add([entry("a")]);
    const first = await queue.claim("a", "w", 1000);
    await queue.giveBack(first!);
    const second = await queue.claim("a", "w", 1000);
    expect(second!.token).toBeGreaterThan(first!.token);
    await queue.giveBack(first!);
    expect(await queue.settle(first!)).toBe(false);
    expect(await queue.renew(first!, 1000)).toBe(false);
    expect(await queue.renew({ ...second!, worker: "thief" }, 1000)).toBe(false);
    expect((await queue.waiting(9, true))[0]?.claim?.token).toBe(second!.token);
    expect(await queue.settle(second!)).toBe(true);
    await queue.add([entry("a")]);
    const third = await queue.claim("a", "w", 1000);
    expect(third!.token).toBeGreaterThan(second!.token);
    expect(await queue.settle(second!)).toBe(false);
  });

  check("[Q1] many workers in one process claim at once: each entry goes to one", async (bench, queue) => {
    await queue.add(Array.from({ length: 60 }, (_, at) => entry(`r${at}`)));
    const workers = Array.from({ length: 5 }, () => bench.open());
    const claims: Claim[] = [];
    await Promise.all(
      workers.map(async (worker, at) => {
        for (let n = 0; n < 60; n += 1) {
          const claim = await worker.claim(`r${(n * 7 + at * 3) % 60}`, `w${at}`, 60_000);
          if (claim !== null) claims.push(claim);
        }
      }),
    );
    expect(claims.map((claim) => claim.runId).sort()).toEqual(Array.from({ length: 60 }, (_, at) => `r${at}`).sort());
  });
}

function leaseTests(check: Check): void {
  check(
    "[Q2] a lease that is over makes the entry visible in its old place, and its holder's renewal is refused",
    async (bench, queue) => {
      const other = bench.open();
      await queue.add(["a", "b"].map((name) => entry(name)));
      const claim = await queue.claim("a", "sleeper", 1000);
      expect(await ids(other)).toEqual(["b"]);
      bench.clock.advance(999);
      expect(await ids(other)).toEqual(["b"]);
      bench.clock.advance(1);
      expect(await ids(other)).toEqual(["a", "b"]);
      expect((await other.waiting(9, true))[0]?.claim).toBeNull();
      expect(await queue.renew(claim!, 1000)).toBe(false);
      const taken = await other.claim("a", "awake", 1000);
      expect(taken!.token).toBeGreaterThan(claim!.token);
      await queue.giveBack(claim!);
      expect(await queue.settle(claim!)).toBe(false);
      expect(await ids(queue)).toEqual(["b"]);
      expect(await other.settle(taken!)).toBe(true);
    },
  );

  check("a renewed lease lives on", async (bench, queue) => {
    const other = bench.open();
    await queue.add([entry("a")]);
    const claim = await queue.claim("a", "w", 1000);
    for (let n = 0; n < 5; n += 1) {
      bench.clock.advance(700);
      expect(await queue.renew(claim!, 1000)).toBe(true);
      expect(await other.claim("a", "other", 1000)).toBeNull();
    }
    bench.clock.advance(1000);
    expect(await other.claim("a", "other", 1000)).not.toBeNull();
  });

  check(
    "a run that started may be settled after its lease was over, while nobody has taken it",
    async (bench, queue) => {
      await queue.add([entry("a")]);
      const claim = await queue.claim("a", "w", 1000);
      bench.clock.advance(5000);
      expect(await queue.settle(claim!)).toBe(true);
      expect(await queue.count()).toBe(0);
    },
  );

  check("an entry whose lease is over can be changed and removed", async (bench, queue) => {
    await queue.add([entry("a"), entry("b")]);
    const [a] = [await queue.claim("a", "w", 1000), await queue.claim("b", "w", 1000)];
    bench.clock.advance(1000);
    expect(await queue.update(["a"], { held: true })).toEqual(["a"]);
    expect(await queue.settle(a!)).toBe(false);
    expect(await queue.remove(["b"])).toEqual(["b"]);
    expect(await ids(queue, true)).toEqual(["a"]);
  });

  check("[T1] a jump of the wall clock neither ends a lease nor prolongs it", async (bench, queue) => {
    await queue.add([entry("a")]);
    const claim = await queue.claim("a", "w", 1000);
    bench.clock.jump(365 * 86_400_000);
    expect(await ids(queue)).toEqual([]);
    expect(await queue.renew(claim!, 1000)).toBe(true);
    bench.clock.jump(-2 * 365 * 86_400_000);
    expect(await ids(queue)).toEqual([]);
    bench.clock.advance(1000);
    expect(await ids(queue)).toEqual(["a"]);
    const again = await queue.claim("a", "w", 1000);
    expect(again!.token).toBeGreaterThan(claim!.token);
  });
}

function wakeTests(check: Check): void {
  check("adding, releasing and giving back wake those who listen, here and in another handle", async (bench, queue) => {
    const other = bench.open();
    let here = 0;
    let there = 0;
    const stops = [queue.onChange(() => (here += 1)), other.onChange(() => (there += 1))];
    const woken = async (what: string, act: () => Promise<unknown>) => {
      const before = [here, there] as const;
      await act();
      await until(`a wake after ${what}`, () => here > before[0] && there > before[1]);
    };
    await woken("add", () => queue.add([entry("a", { held: true })]));
    await woken("release", () => other.update(["a"], { held: false }));
    const claim = await queue.claim("a", "w", 60_000);
    await woken("give back", () => queue.giveBack(claim!));
    for (const stop of stops) stop();
    stops[0]!();
  });

  check("one listener that stops leaves the others listening", async (_, queue) => {
    let heard = 0;
    const stop = queue.onChange(() => {});
    const stopHeard = queue.onChange(() => (heard += 1));
    stop();
    await queue.add([entry("a")]);
    await until("the other listener", () => heard > 0);
    stopHeard();
  });
}
