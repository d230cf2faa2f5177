/** The ledger of use is a cache, the audit a log: both survive what happens to files. */
import { expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { type AuditLine, noteDeed, readAudit } from "../../../src/run/audit-log.ts";
import { makeRunFolder } from "../../../src/run/intake.ts";
import { newManifest } from "../../../src/run/manifest.ts";
import { basePaths } from "../../../src/run/paths.ts";
import { changeManifest, prepareBase } from "../../../src/run/store.ts";
import { noteUse, rebuildUse, UseReader, useOf } from "../../../src/run/use-ledger.ts";
import { tempFolder } from "../../support/temp.ts";

const nowMs = Date.UTC(2026, 10, 23, 12);

function setUp() {
  const base = basePaths(tempFolder("ml-use-"));
  prepareBase(base);
  const ended = (runId: string) => {
    const given = {
      run_id: runId,
      name: runId,
      user: "ana",
      command: "x",
      argv: ["x"],
      queued_at: "2026-11-23T08:00:00Z",
    };
    makeRunFolder(base, newManifest(given));
    changeManifest(base.run(runId), (now) => {
      now.status = "starting";
    });
    return changeManifest(base.run(runId), (now) => {
      now.status = "completed";
      now.started_at = "2026-11-23T09:00:00Z";
      now.ended_at = "2026-11-23T10:00:00Z";
    });
  };
  return { base, ended };
}

test("what ended runs held is read once, from every worker's file, a torn last line later", () => {
  const { base, ended } = setUp();
  const [one, two] = [ended("2026-11-23_aaaaaa"), ended("2026-11-23_bbbbbb")];
  noteUse(base, "w1", one);
  noteUse(base, "w2", one);
  const reader = new UseReader(base);
  expect(reader.read().map((record) => record.run_id)).toEqual(["2026-11-23_aaaaaa"]);
  expect(reader.read()).toEqual([]);
  const line = JSON.stringify(useOf(two));
  fs.appendFileSync(join(base.use, "w2.jsonl"), `not json\n${line.slice(0, 30)}`);
  expect(reader.read()).toEqual([]);
  fs.appendFileSync(join(base.use, "w2.jsonl"), `${line.slice(30)}\n`);
  expect(reader.read()).toEqual([
    {
      run_id: "2026-11-23_bbbbbb",
      user: "ana",
      gpus: 0,
      cpu_cores: 1,
      started_at: two.started_at,
      ended_at: two.ended_at,
    },
  ] as never);
});

test("a deleted ledger comes back from the run folders", async () => {
  const { base, ended } = setUp();
  noteUse(base, "w1", ended("2026-11-23_aaaaaa"));
  ended("2026-11-23_bbbbbb");
  const waiting = { name: "w", user: "ana", command: "x", argv: ["x"], queued_at: "2026-11-23T08:00:00Z" };
  makeRunFolder(base, newManifest({ run_id: "2026-11-23_cccccc", ...waiting }));
  fs.rmSync(base.use, { recursive: true });
  await rebuildUse(base, nowMs);
  const found = new UseReader(base).read().map((record) => record.run_id);
  expect(found.sort()).toEqual(["2026-11-23_aaaaaa", "2026-11-23_bbbbbb"]);
});

test("the audit is read from its end, over any number of pieces, torn lines passed over", () => {
  const path = join(tempFolder("ml-audit-"), "audit.jsonl");
  expect(readAudit(path, 5, () => true)).toEqual([]);
  const deed = (at: number): AuditLine => ({
    ...{ at: new Date(nowMs + at).toISOString(), by: at % 2 === 0 ? "ana" : "bob", role: "user", from: "here" },
    ...{ action: "cancel", result: "done", runs: [`2026-11-23_${at}`], detail: "x".repeat(500) },
  });
  for (let at = 0; at < 2000; at += 1) fs.appendFileSync(path, `${JSON.stringify(deed(at))}\n`);
  fs.appendFileSync(path, '{"at": "torn');
  noteDeed(path, deed(2000));
  const all = readAudit(path, 10_000, () => true);
  expect(all).toHaveLength(2001);
  expect(all.map((line) => line.at)).toEqual([...all.map((line) => line.at)].sort().reverse());
  const bobs = readAudit(path, 3, (line) => line.by === "bob");
  expect(bobs.map((line) => line.runs[0])).toEqual(["2026-11-23_1999", "2026-11-23_1997", "2026-11-23_1995"]);
});
