/** Frames at the pace of the terminal, against a terminal that is played. */
import { expect, test } from "bun:test";
import { Pace } from "../../../src/tui/pace.ts";
import { until } from "../../support/temp.ts";

function played(patienceMs = 60_000) {
  const seen = { asked: 0, free: 0 };
  const pace = new Pace({
    patienceMs,
    ask: (question) => question === "\x1b[5n" && ++seen.asked > 0,
    onFree: () => seen.free++,
  });
  return { pace, seen, answer: () => pace.reads("\x1b[0n") === "" };
}

test("news waits until the terminal has read the frame before; a key waits for all frames but one", () => {
  const { pace, seen, answer } = played();
  pace.painted();
  expect(answer()).toBe(true);
  pace.painted();
  expect([pace.free(false), pace.free(true)]).toEqual([false, true]);
  pace.painted();
  expect([pace.free(false), pace.free(true)]).toEqual([false, false]);
  answer();
  expect([pace.free(false), pace.free(true)]).toEqual([false, true]);
  answer();
  expect([pace.free(false), pace.free(true)]).toEqual([true, true]);
  expect(seen).toEqual({ asked: 3, free: 3 });
});

test("other sequences are left to others, a late answer to nobody, and an esc that came with an answer is told apart", () => {
  const { pace, seen, answer } = played();
  pace.painted();
  expect(pace.reads("\x1b[A")).toBeNull();
  expect(pace.reads("\x1b\x1b[0n")).toBe("\x1b");
  expect(pace.free(false)).toBe(true);
  expect(answer()).toBe(true);
  expect(seen.free).toBe(1);
});

test("nothing waits for a terminal that has never answered, and it is asked twice only", async () => {
  const { pace, seen } = played(10);
  for (let frame = 0; frame < 5; frame++) {
    pace.painted();
    expect([pace.free(false), pace.free(true)]).toEqual([true, true]);
    await until("patience to end", () => seen.free >= Math.min(frame + 1, 2));
  }
  expect(seen.asked).toBe(2);
});

test("a lost answer of a terminal that has answered before holds news up only for so long", async () => {
  const { pace, seen, answer } = played(10);
  pace.painted();
  answer();
  for (let round = 0; round < 4; round++) {
    pace.painted();
    await until("patience to end", () => pace.free(false));
  }
  expect(seen.asked).toBe(5);
});

test("before the terminal is given back, what it has yet to say is waited for", async () => {
  const { pace, answer } = played();
  pace.painted();
  let settled = false;
  const settling = pace.settle(60_000).then(() => {
    settled = true;
  });
  await Bun.sleep(5);
  expect(settled).toBe(false);
  answer();
  await settling;
  pace.painted();
  await pace.settle(5);
  expect(pace.free(false)).toBe(true);
});
