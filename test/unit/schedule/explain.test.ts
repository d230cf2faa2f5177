/** Why a run waits, from the plan that decides: everything that is lacking, the scarcest first, and until when. */
import { describe, expect, test } from "bun:test";
import { explain } from "../../../src/schedule/explain.ts";
import { inOrder, type LineEntry } from "../../../src/schedule/order.ts";
import { plan } from "../../../src/schedule/plan.ts";
import type { Machine } from "../../../src/schedule/state.ts";
import { capacity, entry, hourMs, machine, noon, order, running, world } from "./world.ts";

function reasons(entries: readonly LineEntry[], machines: readonly Machine[], runId: string) {
  const line = inOrder(entries, order());
  const state = world(line, machines);
  const found = line.find((one) => one.runId === runId);
  if (found === undefined) throw new Error(`${runId} is not in the line`);
  return explain(found, { state, planned: plan(state, { startsOnly: false }), order: order() });
}

const hour = (hours: number) => new Date(noon + hours * hourMs).toISOString();

describe("why a run waits", () => {
  test("all that is lacking is named, cards before slots, each until as much of it is free", () => {
    const total = capacity({ gpus: 1, slots: 2, cpuCores: 2 });
    const busy = machine(total, [running("card", { cards: [0], endsIn: 4 }), running("slot", { endsIn: 1 })]);
    expect(reasons([entry("a", { asks: { gpus: 1 } })], [busy], "a")).toMatchObject([
      { kind: "resource", lacks: "gpus", wanted: 1, free: 0, held_by: [{ run_id: "card" }], until: hour(4) },
      { kind: "resource", lacks: "slots", held_by: [{ run_id: "card" }, { run_id: "slot" }], until: hour(1) },
    ]);
  });

  test("cores are named beside a slot only where more than the slot's one are asked for", () => {
    const busy = machine(capacity({ slots: 1, cpuCores: 1 }), [running("r", { endsIn: 1 })]);
    const lacks = (cores: number) => {
      const asked = entry("a", { asks: { cpu_cores: cores } });
      return reasons([asked], [{ ...busy, total: capacity({ slots: 1, cpuCores: 8 }) }], "a").flatMap((one) =>
        one.kind === "resource" ? one.lacks : [],
      );
    };
    expect(lacks(1)).toEqual(["slots"]);
    expect(lacks(4)).toEqual(["cpu_cores", "slots"]);
  });

  test("what waits for an idle machine is told that it stands behind all others, whatever their priority", () => {
    const busy = machine(capacity({ slots: 1 }), [running("r")]);
    const line = [entry("idle", { priority: 9, terms: { when: "idle" } }), entry("low", { priority: 1 })];
    expect(reasons(line, [busy], "idle").at(-1)).toMatchObject({ kind: "turn", next: "low", rule: "idle_last" });
  });

  test("what starts now waits for nothing", () => {
    expect(reasons([entry("a")], [machine(capacity())], "a")).toEqual([{ kind: "starting", worker: "m1" }]);
  });
});
