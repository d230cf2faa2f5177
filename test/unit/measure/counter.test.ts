/** Counters of energy, RAPL among them: what wraps, what begins again, and what nobody can tell. */
import { expect, test } from "bun:test";
import { Counter } from "../../../src/measure/counter.ts";
import { Rapl } from "../../../src/measure/rapl.ts";
import { put } from "../../support/queued-run.ts";
import { tempFolder } from "../../support/temp.ts";

test("a counter tells how much it grew, from the second look on", () => {
  const counter = new Counter();
  expect([counter.grown(100), counter.grown(160), counter.grown(160)]).toEqual([0, 60, 0]);
  expect(counter.partial).toBe(false);
});

test("[G7] a counter that begins again is never negative, and is remembered as partial", () => {
  const counter = new Counter();
  counter.grown(5000);
  expect([counter.grown(12), counter.grown(20)]).toEqual([0, 8]);
  expect(counter.partial).toBe(true);
});

test("[G7] a wrap at the end of the range is growth; a fall from the middle is a reset", () => {
  const wrapping = new Counter(1000);
  wrapping.grown(990);
  expect(wrapping.grown(15)).toBe(25);
  expect(wrapping.partial).toBe(false);
  const reset = new Counter(1000);
  reset.grown(500);
  expect(reset.grown(15)).toBe(0);
  expect(reset.partial).toBe(true);
});

test("the packages of RAPL are summed in joules; without them nothing is known", () => {
  const root = tempFolder("ml-rapl-");
  expect(new Rapl(root).known).toBe(false);
  const write = (index: number, text: string) => put(`${root}/sys/class/powercap/intel-rapl:${index}/energy_uj`, text);
  for (const index of [0, 1]) {
    write(index, "1000000\n");
    put(`${root}/sys/class/powercap/intel-rapl:${index}/max_energy_range_uj`, "262143328850\n");
  }
  const rapl = new Rapl(root);
  expect(rapl.grownJ()).toBe(0);
  write(0, "3000000\n");
  write(1, "1500000\n");
  expect(rapl.grownJ()).toBe(2.5);
});
