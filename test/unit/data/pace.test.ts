import { expect, test } from "bun:test";
import { Manners } from "../../../src/data/pace.ts";

const after = (manners: Manners, ...answers: number[]) => {
  for (const tookMs of answers) manners.answered(tookMs);
  return manners.rest;
};

test("a hand halves its speed while its source answers far later than at rest, and takes it back bit by bit", () => {
  const manners = new Manners({ calmMs: 2 });
  expect(after(manners, 2, 19)).toBe(0);
  expect([1, 2, 3, 4, 5].map(() => after(manners, 80))).toEqual([1, 3, 7, 15, 15]);
  expect(after(manners, 5)).toBe(10);
  for (let n = 0; n < 20; n += 1) manners.answered(5);
  expect(manners.rest).toBe(0);
});

test("what always takes long is not busy; where nobody knows the rest, the fastest answer counts", () => {
  expect(after(new Manners({ calmMs: 60 }), 90, 200)).toBe(0);
  expect(after(new Manners({ calmMs: 60 }), 300)).toBe(1);
  expect(after(new Manners({ calmMs: null }), 60, 90)).toBe(0);
  expect(after(new Manners({ calmMs: null }), 60, 250)).toBe(1);
});
