/** Expectations as people type them: what is understood, what stays text, and what follows when the run has ended. */
import { expect, test } from "bun:test";
import { parseExpectation } from "../../../src/think/expectation.ts";
import { type CurveFacts, checkExpectation, clauseText, type Happened } from "../../../src/think/expectation-check.ts";

const curve = (last: number, given: Partial<CurveFacts> = {}): CurveFacts => ({
  last,
  min: last,
  max: last,
  mean: last,
  direction: null,
  ...given,
});
const happened = (given: Partial<Happened> = {}): Happened => ({
  ended: true,
  status: "completed",
  failure: null,
  seconds: 3600,
  curves: { val_acc: curve(0.87, { max: 0.9, direction: "max" }), loss: curve(0.3) },
  ...given,
});
const check = (text: string, given: Partial<Happened> = {}) =>
  checkExpectation(parseExpectation(text), happened(given));

test.each([
  ["val_acc>=0.85 in <4h", "last val_acc ≥ 0.85 | time < 4h00m"],
  ["val_acc ≥ 85%, in 4h", "last val_acc ≥ 0.85 | time ≤ 4h00m"],
  ["best(val_acc) > .9 and loss about 0.3", "best val_acc > 0.9 | last loss = 0.3 ± 0.015"],
  ["max:grad_norm<10; val_acc = 0.85 ± 0.01", "max grad_norm < 10 | last val_acc = 0.85 ± 0.01"],
  ["val_acc between 0.8 and 0.9 within 90 min", "last val_acc = 0.85 ± 0.05 | time ≤ 1h30m"],
  ["runtime<3h30m", "time < 3h30m"],
  ["in about 4 hours", "time 4h00m ± 24m00s"],
  ["fails with gpu_oom", "it fails with gpu_oom"],
  ["val/acc@1 != 0", "last val/acc@1 ≠ 0"],
])("%s", (text, understood) => {
  const { clauses, unread } = parseExpectation(text);
  expect(clauses.map(clauseText).join(" | ")).toBe(understood);
  expect(unread).toEqual([]);
});

test("prose stays text, whole or in part, and is never half understood", () => {
  const prose = "Similar final accuracy (~0.85) but ~4 hour training time instead of 8";
  expect(parseExpectation(prose)).toMatchObject({ clauses: [], unread: [prose] });
  expect(parseExpectation("loss < 0.3 and a smoother curve")).toMatchObject({ unread: ["a smoother curve"] });
  expect(parseExpectation("")).toMatchObject({ clauses: [], unread: [] });
});

test("the verdict that is proposed follows from the clauses", () => {
  expect(check("val_acc>=0.85 in <4h").proposed).toBe("validates");
  expect(check("val_acc>=0.95 in <4h").proposed).toBe("partial");
  expect(check("val_acc>=0.95").proposed).toBe("refutes");
  expect(check("best val_acc>=0.9").checks[0]).toMatchObject({ actual: 0.9, met: true });
  expect(check("words alone").proposed).toBeNull();
  expect(check("val_acc>=0.85", { ended: false, status: "running" })).toMatchObject({ proposed: null, final: false });
});

test("a run that broke off proves nothing, unless that was foreseen", () => {
  const failed = { status: "failed", failure: "gpu_oom", seconds: 60 };
  expect(check("val_acc>=0.99 in <4h", failed)).toMatchObject({ proposed: "inconclusive" });
  expect(check("in <4h", failed).checks[0]?.met).toBeNull();
  expect(check("fails with gpu_oom", failed).proposed).toBe("validates");
  expect(check("fails with timeout", failed).proposed).toBe("inconclusive");
});

test("what was not logged cannot be told, and says what was", () => {
  const { checks, proposed } = check("val_ac > 0.5");
  expect(checks[0]).toMatchObject({ met: null, actual: null });
  expect(checks[0]?.why).toContain("`val_acc`");
  expect(proposed).toBe("inconclusive");
  expect(check("loss < 1", { curves: { loss: curve(Number.NaN) } }).checks[0]).toMatchObject({ met: false });
});
