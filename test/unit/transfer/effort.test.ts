/** Compression yields to a fast line, comes back on a slow one, and never yields where the line's speed cannot be told. */
import { expect, test } from "bun:test";
import { Effort } from "../../../src/transfer/effort.ts";

/** Blocks that cost 10 and 4 ms at the two levels, taken every `everyMs`; the levels that they were made at. */
function levels(effort: Effort, blocks: readonly { everyMs: number; waitedMs: number }[]): (number | null)[] {
  let now = 0;
  return blocks.map(({ everyMs, waitedMs }) => {
    const { level, step } = effort;
    if (level !== null) effort.made(step, level === 3 ? 10 : 4);
    now += everyMs;
    effort.taken(now, waitedMs);
    return level;
  });
}

const starved = { everyMs: 5, waitedMs: 4 };
const slow = { everyMs: 200, waitedMs: 0 };
const steady = { everyMs: 5, waitedMs: 0 };

test("a connection that waits for blocks gets them lighter, in the end as they are", () => {
  expect(levels(new Effort(true), Array(5).fill(starved))).toEqual([3, 3, 1, null, null]);
});

test("blocks that wait for the connection become harder again, a step at a time", () => {
  const effort = new Effort(true);
  levels(effort, Array(5).fill(starved));
  expect(levels(effort, [slow, slow, slow, slow])).toEqual([null, 1, 3, 3]);
});

test("a line that is just faster than the next step would allow keeps its step", () => {
  const effort = new Effort(true);
  levels(effort, Array(5).fill(starved));
  expect(levels(effort, Array(4).fill(steady))).toEqual([null, null, null, null]);
});

test("where it may not ease, every block is compressed hard, however long the connection waits", () => {
  expect(levels(new Effort(false), Array(6).fill(starved))).toEqual([3, 3, 3, 3, 3, 3]);
});
