import { expect, test } from "bun:test";
import { MountHealth } from "../../../src/data/mount-health.ts";
import { mountSentence } from "../../../src/run/mount-facts.ts";

const open = () => new MountHealth({ mountId: 7, point: "/nas", type: "nfs4", source: "nas:/export" });
const at = (second: number) => Date.UTC(2026, 10, 23, 10, 0, second);

test("a mount is slow where it answers far later than usual, or after more than a second", () => {
  const health = open();
  expect(mountSentence(health.facts(["set"]))).toBeNull();
  for (let n = 0; n < 9; n += 1) health.answered(2, at(n));
  health.answered(90, at(9));
  expect(health.state).toBe("ok");
  health.answered(150, at(10));
  expect(mountSentence(health.facts(["set"]))).toBe(
    "`/nas` (nas:/export) is slow since 2026-11-23T10:00:10.000Z: it answers in 150 ms, usually in 2 ms",
  );
  health.answered(3, at(11));
  expect(health.facts([])).toMatchObject({ state: "ok", since: null, answer_ms: 3, usual_ms: 2, longest_ms: 150 });
  const always = open();
  always.answered(400, at(0));
  expect(always.state).toBe("ok");
  always.answered(1400, at(1));
  expect(always.state).toBe("slow");
});

test("[D8] its silences are remembered with their ends, and found by the time that they touch", () => {
  const health = open();
  health.answered(2, at(0));
  health.silent(at(10));
  expect(mountSentence(health.facts(["a", "b", "c", "d"]))).toBe(
    "`/nas` (nas:/export) gives no answer since 2026-11-23T10:00:10.000Z: runs that need a, b, c and 1 more wait or fail",
  );
  expect(health.facts([]).answer_ms).toBeNull();
  health.silent(at(12));
  health.answered(2, at(20));
  health.gone(at(30));
  const silent = {
    point: "/nas",
    state: "silent",
    from: "2026-11-23T10:00:10.000Z",
    until: "2026-11-23T10:00:20.000Z",
  };
  const gone = { point: "/nas", state: "gone", from: "2026-11-23T10:00:30.000Z", until: null };
  expect(health.silencesIn(at(0), at(15))).toMatchObject([silent]);
  expect(health.silencesIn(at(15), at(40))).toMatchObject([silent, gone]);
  expect(health.silencesIn(at(21), at(29))).toEqual([]);
});
