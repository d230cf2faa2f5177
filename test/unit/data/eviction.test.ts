import { describe, expect, test } from "bun:test";
import { type CachedCopy, makeRoom } from "../../../src/data/eviction.ts";

const copy = (checksum: string, more: Partial<CachedCopy> = {}): CachedCopy => ({
  ...{ checksum, sizeBytes: 10, lastUsedMs: 0, pinned: false, held: false, nextUse: null },
  ...more,
});
const names = (gone: CachedCopy[] | null) => gone?.map(({ checksum }) => checksum) ?? null;
const full = { usedBytes: 30, limitBytes: 30 };

describe("room for a copy", () => {
  test("is made of what nobody waits for, longest unused first, then of what is needed last", () => {
    const copies = [
      copy("soon", { nextUse: 1 }),
      copy("late", { nextUse: 9 }),
      copy("old"),
      copy("recent", { lastUsedMs: 5 }),
    ];
    const room = { usedBytes: 40, limitBytes: 40 };
    expect(names(makeRoom(copies, { sizeBytes: 10, nextUse: 0 }, room))).toEqual(["old"]);
    expect(names(makeRoom(copies, { sizeBytes: 30, nextUse: 0 }, room))).toEqual(["old", "recent", "late"]);
  });

  test("is never made of what a run reads, what is pinned, or what is needed sooner", () => {
    const copies = [copy("read", { held: true }), copy("pinned", { pinned: true }), copy("sooner", { nextUse: 0 })];
    expect(makeRoom(copies, { sizeBytes: 10, nextUse: 1 }, full)).toBeNull();
    expect(makeRoom(copies, { sizeBytes: 10, nextUse: null }, full)).toBeNull();
  });

  test("is not made where it would not do, and nothing goes where there is enough", () => {
    expect(makeRoom([copy("a")], { sizeBytes: 31, nextUse: 0 }, full)).toBeNull();
    expect(makeRoom([copy("a")], { sizeBytes: 10, nextUse: 0 }, { usedBytes: 10, limitBytes: 30 })).toEqual([]);
  });
});
