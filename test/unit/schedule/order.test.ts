import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { effectivePriority, inOrder, type LineEntry, ruleBetween } from "../../../src/schedule/order.ts";
import { Shares } from "../../../src/schedule/share.ts";
import { entry, hourMs, ids, noon, order, policy } from "./world.ts";

const hour = { max_runtime_hours: 1 };

describe("the order of the line", () => {
  test("equal users take turns, however their runs came", () => {
    const line = [
      ...["a1", "a2", "a3"].map((runId) => entry(runId, { user: "ana", asks: hour })),
      ...["b1", "b2"].map((runId) => entry(runId, { user: "bob", asks: hour })),
      ...["c1", "c2"].map((runId) => entry(runId, { user: "cem", asks: hour })),
    ];
    expect(ids(inOrder(line, order()))).toEqual(["a1", "b1", "c1", "a2", "b2", "c2", "a3"]);
  });

  test("who has used less goes first, until both have used alike", () => {
    const line = ["a1", "b1", "b2", "b3"].map((runId) =>
      entry(runId, { user: runId.startsWith("a") ? "ana" : "bob", asks: hour }),
    );
    // An hour of one core is 3600. After two runs bob has as much as ana had, who then came first.
    expect(ids(inOrder(line, order({ ana: 7200 })))).toEqual(["b1", "b2", "a1", "b3"]);
  });

  test("priority goes before use, and waiting raises it by a step in each twelve hours", () => {
    const line = [
      entry("plain", { user: "ana" }),
      entry("urgent", { user: "bob", priority: 6 }),
      entry("old", { user: "cem", priority: 4, age: 25 }),
      entry("aged", { user: "dan", age: 11.9 }),
    ];
    expect(line.map((each) => effectivePriority(each, order()))).toEqual([5, 6, 6, 5]);
    expect(ids(inOrder(line, order({ bob: 10_000 })))).toEqual(["old", "urgent", "plain", "aged"]);
  });

  test("a GPU weighs as the config says, and a card asked for makes cores free of charge", () => {
    const gpu = { ...hour, gpus: 1, cpu_cores: 8 };
    const line = [
      entry("a1", { user: "ana", asks: gpu }),
      entry("a2", { user: "ana", asks: gpu }),
      ...Array.from({ length: 11 }, (_, at) => entry(`b${at + 1}`, { user: "bob", asks: hour })),
    ];
    const found = ids(inOrder(line, order()));
    // One GPU hour counts as ten core hours.
    expect(found.indexOf("a2")).toBe(11);
    expect(found.slice(0, 3)).toEqual(["a1", "b1", "b2"]);
  });

  test("runs for an idle machine stand behind all others", () => {
    const line = [
      entry("idle", { priority: 10, terms: { when: "idle" } }),
      entry("other", { priority: 1, user: "bob" }),
    ];
    expect(ids(inOrder(line, order()))).toEqual(["other", "idle"]);
  });

  test("each rule is named as the reason why one stands before the other", () => {
    const [a, b] = [entry("a", { user: "ana" }), entry("b", { user: "bob" })];
    expect(ruleBetween(a, b, order())).toBe("came_first");
    expect(ruleBetween(b, a, order({ ana: 5 }))).toBe("less_use");
    expect(ruleBetween(entry("x", { priority: 6 }), a, order())).toBe("priority");
    expect(ruleBetween(entry("old", { priority: 4, age: 30 }), a, order())).toBe("waiting_longer");
  });
});

describe("use", () => {
  test("is forgotten by half in a half-life, wherever it is summed from", () => {
    for (const epoch of [noon, noon - 100 * hourMs, noon + 7 * hourMs]) {
      const shares = new Shares(policy.rules, epoch);
      shares.add("ana", 10, { fromMs: noon - hourMs, toMs: noon });
      const now = shares.usage(noon).get("ana") ?? 0;
      expect(now / 36_000).toBeCloseTo(0.9857, 3);
      expect((shares.usage(noon + 24 * hourMs).get("ana") ?? 0) / now).toBeCloseTo(0.5, 6);
    }
  });

  test("[T1] is never negative where the clock went back during a run", () => {
    const shares = new Shares(policy.rules, noon);
    shares.add("ana", 1, { fromMs: noon, toMs: noon - hourMs });
    expect(shares.usage(noon).get("ana") ?? 0).toBe(0);
  });
});

const anyEntries = fc
  .array(
    fc.record({
      user: fc.constantFrom("ana", "bob", "cem", "dan"),
      priority: fc.integer({ min: 1, max: 10 }),
      age: fc.integer({ min: -5, max: 200 }),
      gpus: fc.integer({ min: 0, max: 2 }),
      hours: fc.option(fc.integer({ min: 1, max: 30 }), { nil: null }),
    }),
    { maxLength: 40 },
  )
  .map((all) =>
    all.map(({ user, priority, age, gpus, hours }, at) =>
      entry(`r${at}`, { user, priority, age, asks: { gpus, max_runtime_hours: hours } }),
    ),
  );

describe("for any line", () => {
  const use = fc.dictionary(fc.constantFrom("ana", "bob", "cem"), fc.nat(100_000));

  test("the order holds every entry once, by effective priority, and each user's own by arrival", () => {
    fc.assert(
      fc.property(anyEntries, use, (line, usage) => {
        const state = order(usage);
        const found = inOrder(line, state);
        expect(ids(found).sort()).toEqual(ids(line).sort());
        const rank = (each: LineEntry) => effectivePriority(each, state);
        for (const [at, each] of found.entries()) {
          const next = found[at + 1];
          if (next === undefined) continue;
          expect(rank(each)).toBeGreaterThanOrEqual(rank(next));
          const own = found.slice(at + 1).find((later) => later.user === each.user && rank(later) === rank(each));
          if (own !== undefined) expect(each.sequence).toBeLessThan(own.sequence);
        }
      }),
    );
  });

  test("[T1] waiting never lowers a priority, whatever the clock says", () => {
    fc.assert(
      fc.property(anyEntries, fc.integer({ min: -1e12, max: 1e12 }), (line, jump) => {
        const state = order({}, noon + jump);
        for (const each of line) expect(effectivePriority(each, state)).toBeGreaterThanOrEqual(each.priority);
      }),
    );
  });

  test("[Q10] nothing starves: after ten steps of waiting no newcomer of any priority goes before", () => {
    fc.assert(
      fc.property(anyEntries, use, (newcomers, usage) => {
        const old = entry("old", { user: "zoe", priority: 1, age: 10 * 12 + 1 });
        const fresh = newcomers.map((each) => ({ ...each, queuedAt: new Date(noon).toISOString() }));
        expect(inOrder([...fresh, old], order({ ...usage, zoe: 1e9 }))[0]?.runId).toBe("old");
      }),
    );
  });

  test("[Q8] a flood of one user delays another's run by one turn, not by the flood", () => {
    const flood = Array.from({ length: 10_000 }, (_, at) => entry(`f${at}`, { user: "eve", asks: hour }));
    const found = ids(inOrder([...flood, entry("mine", { user: "ana", asks: hour })], order()));
    expect(found.indexOf("mine")).toBe(1);
  });
});
