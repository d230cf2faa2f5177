/** People's words through the server: history before record, old values kept, groups beside runs, own runs only. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { queued, serve, spec } from "./harness.ts";

const lines = (path: string) =>
  readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

test("[K9] every change stands in the history, with what it replaced, before it is in the manifest", async () => {
  const server = await serve();
  const run = await queued(server, { hypothesis: "first", tags: ["a"] });
  const change = { set: { hypothesis: "second", validation_status: "refutes" as const }, add: { tags: ["b"] } };
  const preview = await server.ask("narrative.change", { targets: [run], change, dry_run: true });
  expect(preview.changed[0]?.changes.map(({ key }) => key)).toEqual(["hypothesis", "tags", "validation_status"]);
  const paths = server.services.base.run(run);
  expect(existsSync(paths.history)).toBe(false);
  await server.ask("narrative.change", { targets: [run], change });
  expect(lines(paths.history)).toEqual([
    expect.objectContaining({ field: "narrative.hypothesis", was: "first", value: "second" }),
    expect.objectContaining({ field: "narrative.tags", was: ["a"], value: ["a", "b"] }),
    expect.objectContaining({ field: "narrative.validation_status", was: null, value: "refutes" }),
  ]);
  const { manifest, summary } = await server.ask("run.get", { run });
  expect(manifest.narrative).toMatchObject({ hypothesis: "second", tags: ["a", "b"], validation_status: "refutes" });
  expect(summary.tags).toEqual(["a", "b"]);
  expect((await server.ask("runs.list", { tag: "b" })).runs.map((row) => row.run_id)).toEqual([run]);
  const again = await server.ask("narrative.change", { targets: [run], change });
  expect(again.changed[0]?.changes).toEqual([]);
  expect(lines(paths.history)).toHaveLength(3);
});

test("a group has a story of its own, in a file whose name is harmless", async () => {
  const server = await serve();
  await queued(server, { group: "../bs: scaling" });
  const targets = ["group:../bs: scaling"];
  await server.ask("narrative.change", { targets, change: { set: { hypothesis: "linear scaling" } } });
  await server.ask("narrative.change", { targets, change: { add: { learnings: ["holds to 96"] } } });
  const told = await server.ask("narrative.get", { target: targets[0] ?? "" });
  expect(told).toMatchObject({ kind: "group", runs: { total: 1, verdicts: { none: 1 } } });
  expect(told.narrative).toMatchObject({ hypothesis: "linear scaling", learnings: ["holds to 96"] });
  expect(told.history).toHaveLength(2);
  expect(readdirSync(join(server.base, "groups")).every((name) => /^bs-scaling~[0-9a-f]{10}\./.test(name))).toBe(true);
  const unknown = await server.try("narrative.get", { target: "group:none" });
  expect(unknown.error?.code).toBe("not_found");
  const parent = await server.try("narrative.change", { targets, change: { set: { parent_run: null } } });
  expect(parent.error?.code).toBe("usage");
});

test("a parent is stored as an id, and nothing follows from itself", async () => {
  const server = await serve();
  const first = await queued(server, { name: "first" });
  const second = await queued(server, { name: "second", parent: "first" });
  const loop = await server.try("narrative.change", { targets: [first], change: { set: { parent_run: "second" } } });
  expect(loop.error?.code).toBe("usage");
  await server.ask("narrative.change", { targets: [second], change: { set: { parent_run: null } } });
  await server.ask("narrative.change", { targets: [first], change: { set: { parent_run: "second" } } });
  expect((await server.ask("run.get", { run: first })).manifest.narrative.parent_run).toBe(second);
});

test("nothing is changed where one of several targets may not be, or nothing is said", async () => {
  const server = await serve();
  const run = await queued(server);
  const change = { set: { outcome: "x" } };
  expect((await server.try("narrative.change", { targets: [run, "nobody"], change })).error?.code).toBe("not_found");
  expect((await server.try("narrative.change", { targets: [run], change: {} })).error?.code).toBe("usage");
  const long = { set: { outcome: "é".repeat(40_000) } };
  expect((await server.try("narrative.change", { targets: [run], change: long })).error?.code).toBe("too_large");
  expect((await server.ask("run.get", { run })).manifest.narrative.outcome).toBeNull();
});

test("a search names the runs to change: one's own, the others counted and left alone", async () => {
  const server = await serve();
  const ana = (await server.ask("key.add", { user: "ana" })).key;
  const mine = await queued(server, { group: "bs" });
  const other = await queued(server, { group: "other" });
  const submitted = await server.as(ana, "submit", { runs: [spec({ group: "bs" })] });
  const hers = submitted.reply?.runs[0]?.run_id ?? "";
  const change = { add: { tags: ["ablation"] } };
  const where = "group:bs";
  const { reply } = await server.as(ana, "narrative.change", { where, change });
  expect(reply).toMatchObject({ query: "group:bs", left_alone: 1, changed: [{ id: hers }] });
  const preview = await server.ask("narrative.change", { where, change, dry_run: true });
  expect(preview.changed.map(({ id, changes }) => [id, changes.length]).sort()).toEqual(
    [
      [mine, 1],
      [hers, 0],
    ].sort(),
  );
  expect((await server.ask("run.get", { run: mine })).manifest.narrative.tags).toEqual([]);
  expect((await server.ask("run.get", { run: other })).manifest.narrative.tags).toEqual([]);
  expect((await server.try("narrative.change", { where: "grup:bs", change })).error?.code).toBe("usage");
  expect((await server.try("narrative.change", { change })).error?.code).toBe("usage");
  const told = await server.ask("memory.lessons", { where: "tag:ablation" });
  expect(told).toMatchObject({ looked_at: 1, query: "tag:ablation" });
});

test("lessons are told from the index as from the folders, by group, user, tag and time", async () => {
  const server = await serve();
  const run = await queued(server, { group: "bs" });
  await queued(server, { group: "bs" });
  const add = { learnings: ["Warmup helps", "Batches of 96 do not fit"], next_steps: ["Try 64"], tags: ["paper"] };
  await server.ask("narrative.change", { targets: [run], change: { add, set: { validation_status: "validates" } } });
  for (const scope of [{}, { group: "bs" }, { tag: "paper" }, { since: "2020-01-01T00:00:00Z" }]) {
    const byIndex = await server.ask("memory.lessons", scope);
    const { lessons } = await server.ask("memory.lessons", { ...scope, where: "has:learned" });
    expect(byIndex.lessons).toEqual(lessons);
    expect(lessons.map(({ text, sources }) => [text, sources[0]?.verdict])).toEqual([
      ["Warmup helps", "validates"],
      ["Batches of 96 do not fit", "validates"],
    ]);
    expect(byIndex).toMatchObject({ looked_at: 1, query: null });
  }
  expect((await server.ask("memory.lessons", { kind: "next_steps" })).lessons.map(({ text }) => text)).toEqual([
    "Try 64",
  ]);
  for (const scope of [{ group: "other" }, { tag: "none" }, { until: "2020-01-01T00:00:00Z" }, { user: "nobody" }])
    expect((await server.ask("memory.lessons", scope)).lessons).toEqual([]);
});
