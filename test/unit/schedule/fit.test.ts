/** Fit: cards whole and in parts, what lacks, and that giving back undoes taking. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Requested, requestedSchema } from "../../../src/run/manifest.ts";
import { capacityOf, cardFacts, freeOf, resourceFacts } from "../../../src/schedule/facts.ts";
import {
  type Capacity,
  cannotEver,
  emptyCard,
  type Free,
  isPlacement,
  minus,
  place,
  plainCards,
  plus,
  without,
} from "../../../src/schedule/fit.ts";

const ask = (given: Partial<Requested> = {}) => requestedSchema.parse(given);

/** Cards of these sizes in GB, a tenth of each kept as headroom. */
function machine(...sizes: (number | null)[]): Capacity {
  const cards = sizes.map((memoryGb, index) => emptyCard({ id: `GPU-${index}`, index, memoryGb }, 0.1));
  return { slots: 8, cpuCores: 16, ramGb: 64, diskGb: 100, cards };
}

function hold(free: Free, runId: string, given: Partial<Requested>): Free {
  const requested = ask(given);
  const placement = place(requested, free);
  if (!isPlacement(placement)) throw new Error(`${runId} lacks ${placement.lacks}`);
  return minus(free, { runId, requested, placement });
}

describe("whole cards", () => {
  test("a request without memory gets whole cards, the lowest first", () => {
    const found = place(ask({ gpus: 2 }), machine(24, 24, 24));
    expect(found).toEqual({
      cards: [
        { id: "GPU-0", index: 0, memoryGb: null },
        { id: "GPU-1", index: 1, memoryGb: null },
      ],
    });
  });

  test("a card held whole serves nobody else, not even with a sliver", () => {
    const free = hold(machine(24), "a", { gpus: 1 });
    expect(place(ask({ gpus: 1, gpu_memory_gb: 0.1 }), free)).toMatchObject({ lacks: "gpu_memory", heldBy: ["a"] });
    expect(place(ask({ gpus: 1 }), free)).toEqual({ lacks: "gpus", wanted: 1, free: 0, heldBy: ["a"], blocked: [] });
  });

  test("[G4] a blocked card is not free, and the lack says why", () => {
    const { cards, ...rest } = machine(24, 24);
    const blocked = "process 4711 (python3) of user bob uses it";
    const free = { ...rest, cards: cards.map((card) => (card.index === 0 ? { ...card, blocked } : card)) };
    expect(place(ask({ gpus: 1 }), free)).toEqual({ cards: [{ id: "GPU-1", index: 1, memoryGb: null }] });
    expect(place(ask({ gpus: 2 }), free)).toMatchObject({ lacks: "gpus", wanted: 2, free: 1, blocked: [blocked] });
  });

  test("cards of unknown memory are held whole, whatever part is asked for", () => {
    const free = hold({ ...machine(), cards: plainCards(1) }, "a", { gpus: 1, gpu_memory_gb: 4 });
    expect(isPlacement(place(ask({ gpus: 1, gpu_memory_gb: 4 }), free))).toBe(false);
  });
});

describe("parts of a card", () => {
  test("parts are packed onto a card that is shared already, so that whole cards stay whole", () => {
    const free = hold(machine(24, 24), "a", { gpus: 1, gpu_memory_gb: 8 });
    const found = place(ask({ gpus: 1, gpu_memory_gb: 8 }), free);
    expect(found).toEqual({ cards: [{ id: "GPU-0", index: 0, memoryGb: 8 }] });
    expect(place(ask({ gpus: 1 }), free)).toEqual({ cards: [{ id: "GPU-1", index: 1, memoryGb: null }] });
  });

  test("the headroom is nobody's part", () => {
    const free = hold(machine(20), "a", { gpus: 1, gpu_memory_gb: 10 });
    expect(isPlacement(place(ask({ gpus: 1, gpu_memory_gb: 8 }), free))).toBe(true);
    expect(place(ask({ gpus: 1, gpu_memory_gb: 9 }), free)).toMatchObject({ lacks: "gpu_memory", wanted: 9, free: 8 });
  });

  test("one that needs the headroom too has the card for itself", () => {
    const free = hold(machine(20), "a", { gpus: 1, gpu_memory_gb: 19.5 });
    expect(isPlacement(place(ask({ gpus: 1, gpu_memory_gb: 0.1 }), free))).toBe(false);
  });

  test("with several cards each gives the part", () => {
    const found = place(ask({ gpus: 2, gpu_memory_gb: 40 }), machine(24, 80, 80));
    expect(found).toMatchObject({
      cards: [
        { index: 1, memoryGb: 40 },
        { index: 2, memoryGb: 40 },
      ],
    });
  });
});

describe("what can never be", () => {
  const cases: [Partial<Requested>, string | null][] = [
    [{ gpus: 2 }, null],
    [{ gpus: 8 }, "it asks for 8 GPUs and the machine has 2"],
    [{ gpus: 1, gpu_memory_gb: 90 }, "it asks for 90 GB of GPU memory and the largest GPU has 80 GB"],
    [{ gpus: 2, gpu_memory_gb: 40 }, "it asks for 2 GPUs with 40 GB each and only 1 GPU has as much"],
    [{ ram_gb: 1000 }, "it asks for 1000 GB of RAM and the machine has 64 GB"],
    [{ disk_gb: 101 }, "it asks for 101 GB of disk and the machine has 100 GB"],
    [{ cpu_cores: 17 }, "it asks for 17 CPU cores and the machine has 16"],
  ];
  test.each(cases)("[Q9] %j is refused with the most there is", (given, sentence) => {
    expect(cannotEver(ask(given), machine(24, 80))).toBe(sentence);
  });

  test("what is unknown refuses nothing", () => {
    const unknown = { ...machine(null), ramGb: null, diskGb: null };
    expect(cannotEver(ask({ gpus: 1, gpu_memory_gb: 500, ram_gb: 1e6, disk_gb: 1e6 }), unknown)).toBeNull();
  });
});

const anyRequest = fc.record({
  gpus: fc.integer({ min: 0, max: 4 }),
  gpu_memory_gb: fc.option(fc.integer({ min: 1, max: 30 })),
  cpu_cores: fc.integer({ min: 0, max: 6 }),
  ram_gb: fc.option(fc.integer({ min: 1, max: 40 })),
  disk_gb: fc.option(fc.integer({ min: 1, max: 60 })),
});

test("whatever is asked for, no card is given twice, none beyond its memory, and giving back undoes taking", () => {
  fc.assert(
    fc.property(fc.array(anyRequest, { maxLength: 20 }), (requests) => {
      const whole = machine(10, 24, 24, null);
      let free: Free = whole;
      const held = [];
      for (const [number, given] of requests.entries()) {
        const requested = ask(given);
        const placement = place(requested, free);
        if (!isPlacement(placement)) continue;
        const holding = { runId: `r${number}`, requested, placement };
        free = minus(free, holding);
        held.push(holding);
        for (const card of free.cards) {
          const parts = held.flatMap((one) => one.placement.cards.filter((part) => part.id === card.id));
          if (parts.some((part) => part.memoryGb === null)) expect(parts.length).toBe(1);
          const sum = parts.reduce((all, part) => all + (part.memoryGb ?? 0), 0);
          expect(sum).toBeLessThanOrEqual(card.memoryGb ?? Infinity);
          if (parts.length > 1) expect(sum).toBeLessThanOrEqual((card.shareableGb ?? 0) + 1e-9);
        }
        expect(free.cpuCores).toBeGreaterThanOrEqual(0);
      }
      for (const holding of held) free = plus(free, holding);
      expect(free.slots).toBe(whole.slots);
      expect(free.cards.map((card) => card.sharers)).toEqual([[], [], [], []]);
      for (const [index, card] of free.cards.entries())
        expect(card.freeMemoryGb ?? -1).toBeCloseTo(whole.cards[index]?.freeMemoryGb ?? -1);
    }),
    { numRuns: 200 },
  );
});

test("what can never be placed is never placed, and what can ever be is placed on the empty machine", () => {
  fc.assert(
    fc.property(anyRequest, (given) => {
      const requested = ask(given);
      const whole = machine(10, 24);
      expect(isPlacement(place(requested, whole))).toBe(cannotEver(requested, whole) === null);
    }),
  );
});

test("those behind a head that does not fit get only what it does not need", () => {
  const free = hold(machine(24, 24), "a", { gpus: 1 });
  expect(isPlacement(place(ask({ gpus: 2 }), free))).toBe(false);
  const left = without(free, ask({ gpus: 2 }));
  expect(isPlacement(place(ask({ gpus: 1 }), left))).toBe(false);
  expect(isPlacement(place(ask({}), left))).toBe(true);
});

test("a worker's facts say what fits there, for a server that was told nothing else", () => {
  const capacity = machine(24, 80);
  const free = hold(hold(capacity, "a", { gpus: 1, gpu_memory_gb: 8 }), "b", { gpus: 1, ram_gb: 16 });
  const facts = {
    worker: "w",
    host: "h",
    pid: 1,
    version: "0",
    seen_at: "",
    draining: false,
    capacity: resourceFacts(capacity),
    free: resourceFacts(free),
    running: ["a", "b"],
    holding: [],
    door: [],
    gpus: free.cards.map((card) => cardFacts(card)),
    gpus_seen_at: null,
    gpu_problem: null,
    uses: [],
    data: null,
    venvs: null,
    images: null,
    mounts: [],
    silent_data: [],
    problems: [],
  };
  expect(capacityOf(facts)).toEqual(capacity);
  expect(place(ask({ gpus: 1, gpu_memory_gb: 8 }), freeOf(facts))).toMatchObject({ cards: [{ index: 0 }] });
  expect(place(ask({ gpus: 1, ram_gb: 16 }), freeOf(facts))).toMatchObject({ lacks: "gpus" });
});
