/** Beats fall on common moments, and stop when told to. */
import { expect, test } from "bun:test";
import { onBeat, untilBeatMs } from "../../../src/core/beat.ts";
import { until } from "../../support/temp.ts";

test("beats of several periods fall on the same moments", () => {
  expect(untilBeatMs(5000, 12_000)).toBe(3000);
  expect(untilBeatMs(1000, 12_400)).toBe(600);
  expect(untilBeatMs(15_000, 12_000)).toBe(3000);
});

test("a timer that came a little early is not called twice for one beat", () => {
  expect(untilBeatMs(5000, 9999)).toBe(5001);
  expect(untilBeatMs(5000, 10_000)).toBe(5000);
  expect(untilBeatMs(20, 19)).toBe(21);
});

test("it beats until it is stopped", async () => {
  let beats = 0;
  const stop = onBeat(5, () => {
    beats += 1;
    if (beats === 3) stop();
  });
  await until("three beats", () => beats === 3);
  await Bun.sleep(25);
  expect(beats).toBe(3);
});
