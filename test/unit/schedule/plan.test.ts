import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Free, isPlacement, minus, place, plus } from "../../../src/schedule/fit.ts";
import { endOf, plan, type Start } from "../../../src/schedule/plan.ts";
import type { PlanState, RunningRun } from "../../../src/schedule/state.ts";
import { capacity, entry, hourMs, ids, machine, noon, running, world } from "./world.ts";

const starts = (state: PlanState) => ids(plan(state).starts.map((start) => start.entry));
const gpus = (count: number, hours: number | null = null) => ({ asks: { gpus: count, max_runtime_hours: hours } });

describe("who starts", () => {
  test("as many as fit, in order", () => {
    const line = [entry("a", gpus(1)), entry("b", gpus(1)), entry("c", gpus(1))];
    expect(starts(world(line, [machine(capacity({ gpus: 2 }))]))).toEqual(["a", "b"]);
  });

  test("a short run goes before a big one that waits, if it is over by then", () => {
    const busy = machine(capacity({ gpus: 2 }), [running("r", { cards: [0], endsIn: 4 })]);
    const line = [entry("big", gpus(2)), entry("long", gpus(1, 5)), entry("short", gpus(1, 4))];
    const planned = plan(world(line, [busy]), { startsOnly: false });
    expect(ids(planned.starts.map((start) => start.entry))).toEqual(["short"]);
    expect(planned.seats[0]?.head).toMatchObject({ entry: { runId: "big" }, shadowMs: noon + 4 * hourMs });
  });

  test("a long one may go beside the head where that leaves it room", () => {
    const busy = machine(capacity({ gpus: 4 }), [running("r", { cards: [0, 1], endsIn: 4 })]);
    expect(starts(world([entry("big", gpus(3)), entry("long", gpus(1)), entry("more", gpus(1))], [busy]))).toEqual([
      "long",
    ]);
  });

  test("where nobody knows an end, only what the head does not need is used", () => {
    const busy = machine(capacity({ gpus: 4 }), [running("r", { cards: [0, 1, 2] })]);
    const line = [entry("big", gpus(2)), entry("other", gpus(1, 0.1)), entry("cpu", gpus(0))];
    expect(starts(world(line, [busy]))).toEqual(["cpu"]);
  });

  test("what is held, asks for a later hour or waits for a parent is passed over, and keeps nothing", () => {
    const line = [
      entry("held", { held: true, ...gpus(1) }),
      entry("later", { terms: { not_before: new Date(noon + hourMs).toISOString() }, ...gpus(1) }),
      entry("night", { terms: { when: "night" }, ...gpus(1) }),
      entry("child", { terms: { after: ["p"] }, ...gpus(1) }),
      entry("heir", { terms: { after_ok: ["q"] }, ...gpus(1) }),
      entry("free", gpus(1)),
    ];
    const one = machine(capacity({ gpus: 1 }));
    const parents = { p: "running", q: "running" } as const;
    const state = world(line, [one], { parentOf: (runId) => parents[runId as "p" | "q"] });
    expect(starts(state)).toEqual(["free"]);
    const over = { ...state, line: line.slice(3, 5), machines: [machine(capacity({ gpus: 2 }))] };
    expect(starts({ ...over, parentOf: () => "failed" })).toEqual(["child"]);
    expect(starts({ ...over, parentOf: () => "completed" })).toEqual(["child", "heir"]);
  });

  test("limits of users and groups hold over all machines", () => {
    const m = machine(capacity(), [running("r", { user: "ana", group: "g" })]);
    const line = [
      entry("a", { group: "g", terms: { group_limit: 2 } }),
      entry("b", { group: "g", terms: { group_limit: 2 } }),
    ];
    expect(starts(world(line, [m]))).toEqual(["a"]);
    const elsewhere = [running("far", { user: "bob", group: "g" })];
    expect(starts(world(line, [m], { elsewhere }))).toEqual([]);
    const two = { userRuns: 2, userGpus: null };
    expect(starts(world([entry("a"), entry("b"), entry("c", { user: "bob" })], [m], { limits: two }))).toEqual([
      "a",
      "c",
    ]);
    const cards = machine(capacity({ gpus: 4 }));
    const most = { userRuns: null, userGpus: 2 };
    const wants = [entry("a", gpus(1)), entry("b", gpus(2)), entry("c", gpus(1)), entry("d", gpus(0))];
    expect(starts(world(wants, [cards], { limits: most }))).toEqual(["a", "c", "d"]);
  });

  test("nothing starts behind a closed door, and an idle machine is waited for", () => {
    const closed = { ...machine(capacity()), closed: [{ why: "these are quiet hours", untilMs: null }] };
    expect(starts(world([entry("a")], [closed]))).toEqual([]);
    const idle = [entry("i", { terms: { when: "idle" } }), entry("j", { terms: { when: "idle" } })];
    expect(starts(world(idle, [machine(capacity(), [running("r")])]))).toEqual([]);
    expect(starts(world(idle, [machine(capacity())]))).toEqual(["i"]);
  });

  test("reserved cards are for those users, and for whoever is gone in time", () => {
    const reservations = [
      {
        reservationId: "x",
        worker: null,
        cardIds: ["1"],
        users: ["zoe"],
        fromMs: noon + hourMs,
        toMs: noon + 9 * hourMs,
      },
    ];
    const state = (line: PlanState["line"]) => world(line, [machine(capacity({ gpus: 2 }))], { reservations });
    expect(starts(state([entry("a", gpus(2)), entry("b", gpus(1, 8))]))).toEqual(["b"]);
    expect(starts(state([entry("a", gpus(2)), entry("b", gpus(1, 10))]))).toEqual([]);
    expect(starts(state([entry("a", gpus(2, 1))]))).toEqual(["a"]);
    expect(starts(state([entry("z", { user: "zoe", ...gpus(2) })]))).toEqual(["z"]);
  });

  test("a run goes to the machine that has room, and what no machine of its size is there for keeps nothing", () => {
    const small = machine(capacity({ gpus: 1 }), [running("r", { cards: [0] })], "small");
    const large = machine(capacity({ gpus: 4 }), [], "large");
    const planned = plan(world([entry("a", gpus(2)), entry("never", gpus(8)), entry("b", gpus(2))], [small, large]));
    expect(planned.starts.map((start) => [start.entry.runId, start.worker])).toEqual([
      ["a", "large"],
      ["b", "large"],
    ]);
  });
});

const anyLine = fc.array(
  fc.record({
    gpus: fc.integer({ min: 0, max: 4 }),
    cores: fc.integer({ min: 1, max: 8 }),
    hours: fc.option(fc.integer({ min: 1, max: 12 }), { nil: null }),
    user: fc.constantFrom("ana", "bob"),
  }),
  { minLength: 1, maxLength: 25 },
);
const anyRuns = fc.array(
  fc.record({
    gpus: fc.integer({ min: 0, max: 2 }),
    cores: fc.integer({ min: 1, max: 4 }),
    ends: fc.option(fc.integer({ min: 1, max: 12 }), { nil: null }),
  }),
  { maxLength: 5 },
);

/** A machine with whatever of `runs` fits on it, and a line. */
const anyWorld = fc.tuple(anyLine, anyRuns).map(([wants, runs]) => {
  const total = capacity({ gpus: 4, cpuCores: 8, slots: 6 });
  let free = total;
  const held: RunningRun[] = [];
  for (const [at, { gpus: count, cores, ends }] of runs.entries()) {
    const wanted = running(`run${at}`, { asks: { gpus: count, cpu_cores: cores }, endsIn: ends });
    const placement = place(wanted.requested, free);
    if (!isPlacement(placement)) continue;
    held.push({ ...wanted, placement });
    free = minus(free, { ...wanted, placement });
  }
  const line = wants.map(({ gpus: count, cores, hours, user }, at) =>
    entry(`e${at}`, { user, asks: { gpus: count, cpu_cores: cores, max_runtime_hours: hours } }),
  );
  return world(line, [machine(total, held)]);
});

describe("for any line and any machine", () => {
  test("the head is never delayed: at its moment it fits, whatever was started beside it", () => {
    fc.assert(
      fc.property(anyWorld, (state) => {
        const planned = plan(state, { startsOnly: false });
        const [seat] = planned.seats;
        if (seat?.head == null || seat.head.shadowMs === null) return;
        const { entry: head, shadowMs } = seat.head;
        // Only what was started behind it counts: those before it stood before it.
        let free = seat.free;
        for (const run of [...seat.machine.running, ...seat.started])
          if (run.endsMs !== null && run.endsMs <= shadowMs) free = plus(free, run);
        expect(isPlacement(place(head.requested, free))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("without known ends, whatever ends first lets the head in as early as if it had been alone", () => {
    fc.assert(
      fc.property(anyWorld, fc.nat(), (given, seed) => {
        const runs = (given.machines[0]?.running ?? []).map((run) => ({ ...run, endsMs: null }));
        const line = given.line.map((each) => ({ ...each, requested: { ...each.requested, max_runtime_hours: null } }));
        const state = { ...given, line, machines: [machine(capacity({ gpus: 4, cpuCores: 8, slots: 6 }), runs)] };
        const planned = plan(state, { startsOnly: false });
        const [seat] = planned.seats;
        const head = seat?.head?.entry;
        if (seat === undefined || head === undefined) return;
        const before = planned.starts.filter((start) => start.entry.sequence < head.sequence);
        const behind = planned.starts.filter((start) => start.entry.sequence > head.sequence);
        // Any order of ends of those that stood before the head.
        const hold = (free: Free, { entry: each, placement }: Start) => minus(free, { ...each, placement });
        let alone = before.reduce(hold, given.machines[0]?.free ?? capacity());
        let beside = behind.reduce(hold, alone);
        const others = [
          ...runs,
          ...seat.started.filter((run) => before.some((start) => start.entry.runId === run.runId)),
        ];
        for (let left = others.length, at = seed; left > 0; left -= 1, at = Math.floor(at / 3) + 1) {
          const [ended] = others.splice(at % left, 1);
          if (ended === undefined) break;
          alone = plus(alone, ended);
          beside = plus(beside, ended);
          expect(isPlacement(place(head.requested, beside))).toBe(isPlacement(place(head.requested, alone)));
        }
      }),
      { numRuns: 300 },
    );
  });

  test("it is work conserving: what did not start does not fit, or would be in the head's way", () => {
    fc.assert(
      fc.property(anyWorld, (state) => {
        const planned = plan(state, { startsOnly: false });
        const [seat] = planned.seats;
        if (seat === undefined) return;
        const started = new Set(ids(planned.starts.map((start) => start.entry)));
        for (const each of state.line) {
          if (started.has(each.runId) || !isPlacement(place(each.requested, seat.free))) continue;
          expect(seat.head).not.toBeNull();
          const shadowMs = seat.head?.shadowMs ?? null;
          if (shadowMs !== null) expect(endOf(each, state)).toBeGreaterThan(shadowMs);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("nothing is handed out twice, and starts come in the order of the line", () => {
    fc.assert(
      fc.property(anyWorld, (state) => {
        const { starts: found, seats } = plan(state);
        const order = found.map((start) => start.entry.sequence);
        expect(order).toEqual([...order].sort((a, b) => a - b));
        const free = seats[0]?.free;
        expect(Math.min(free?.cpuCores ?? 0, free?.slots ?? 0)).toBeGreaterThanOrEqual(0);
        for (const card of free?.cards ?? []) expect(card.sharers.length).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("equal runs of equal users start in the order in which they came", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 6 }), (count, slots) => {
        const line = Array.from({ length: count }, (_, at) => entry(`e${at}`));
        expect(starts(world(line, [machine(capacity({ slots }))]))).toEqual(ids(line).slice(0, slots));
      }),
    );
  });
});
