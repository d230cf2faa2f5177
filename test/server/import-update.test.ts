/** Runs of other trackers that take over what is new there: whatever a bundle claims, no other file than theirs is touched. */
import { expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import type { Composed } from "../../src/bundle/compose.ts";
import { packBundle } from "../../src/bundle/write-archive.ts";
import type { ErrorValue } from "../../src/core/error.ts";
import type { ForeignRun } from "../../src/foreign/foreign-run.ts";
import { layOutAll } from "../../src/foreign/lay-out.ts";
import type { Imported } from "../../src/protocol/bundle.ts";
import { basePaths } from "../../src/run/paths.ts";
import { sumLine } from "../../src/run/sum-line.ts";
import { put } from "../support/queued-run.ts";
import { tempFolder } from "../support/temp.ts";
import { serve, type TestServer } from "./harness.ts";

/** A run that has these files. */
function foreign(files: Record<string, string>): ForeignRun {
  const root = tempFolder();
  for (const [path, text] of Object.entries(files)) put(join(root, path), text);
  return {
    ...{ system: "mlflow", originId: "abc", name: "r", experiment: "study", user: "ana", status: "completed" },
    ...{ remarks: [], startedMs: 1_700_000_000_000, endedMs: 1_700_000_100_000, madeMs: 1_700_000_000_000 },
    ...{ script: null, parameters: {}, tags: {}, note: null, parentId: null, gitCommit: null },
    files: Object.entries(files).map(([as, text]) => ({
      ...{ root, inside: as, as, sizeBytes: text.length, modifiedMs: 1_700_000_000_000 },
    })),
    points: async () => {},
  };
}

const composedOf = (run: ForeignRun) => layOutAll([run], { folder: tempFolder(), nowMs: 1_700_000_200_000 });

async function bring(
  server: TestServer,
  composed: Composed,
  query = "",
): Promise<{ reply?: Imported; error?: ErrorValue }> {
  const body = await new Response(packBundle(composed, "gzip")).blob();
  const response = await server.fetch(`/bundles${query}`, { method: "PUT", body });
  return (await response.json()) as { reply?: Imported; error?: ErrorValue };
}

/** The same bundle with other texts where `change` gives some. */
const forged = (composed: Composed, change: (path: string, text: string) => string): Composed => ({
  ...composed,
  entries: composed.entries.map((entry) =>
    "text" in entry.from ? { ...entry, from: { text: change(entry.path, entry.from.text) } } : entry,
  ),
});

test("[S4] sums that name files outside of the run, or its record, bring none of them", async () => {
  const server = await serve();
  const base = basePaths(server.base);
  const first = await bring(server, await composedOf(foreign({ "a.txt": "a" })));
  const runId = first.reply?.runs[0]?.run_id ?? "";
  const paths = base.run(runId);
  await server.ask("run.annotate", { run: runId, note: "mine" });
  const history = fs.readFileSync(paths.history, "utf8");
  const evil = join(base.staging, "evil");
  put(evil, "evil");
  const composed = await composedOf(foreign({ "a.txt": "ab" }));
  const became = {
    "../../../evil": "updated",
    "work/../../../../evil": "refused",
    "history.jsonl": "here_already",
    "work/gone.txt": "refused",
  };
  for (const [path, what] of Object.entries(became)) {
    const left_out = [{ path, size_bytes: 4, sha256: null }];
    const bundle = forged(composed, (name, text) => {
      if (name.endsWith("SHA256SUMS")) return `${text}${sumLine(path, "0".repeat(64))}`;
      const record = name.endsWith(".json") ? JSON.parse(text) : null;
      if (record?.format === undefined || record.runs === undefined) return text;
      return JSON.stringify({ ...record, runs: record.runs.map((run: object) => ({ ...run, left_out })) });
    });
    const { reply, error } = await bring(server, bundle, "?update=refuse");
    expect([path, reply?.runs[0]?.state ?? error?.code]).toEqual([path, what]);
  }
  expect(fs.readFileSync(evil, "utf8")).toBe("evil");
  expect(fs.readFileSync(paths.history, "utf8")).toStartWith(history);
  expect((await server.ask("run.validate", { run: runId })).valid).toBeTrue();
});

test("a file in the place of a folder contradicts what was imported, and nothing of the run changes", async () => {
  const server = await serve();
  const first = await bring(server, await composedOf(foreign({ "a/b.txt": "b", c: "c" })));
  const { folder } = basePaths(server.base).run(first.reply?.runs[0]?.run_id ?? "");
  const manifest = () => fs.readFileSync(join(folder, "run_manifest.json"), "utf8");
  const before = manifest();
  for (const files of [{ a: "a" }, { "c/d.txt": "d" }]) {
    const { error } = await bring(server, await composedOf(foreign(files)), "?update=refuse");
    expect([Object.keys(files), error?.message, error?.code]).toContain("conflict");
    expect(error?.message).toContain("was imported with other content");
  }
  expect(manifest()).toBe(before);
  expect(fs.existsSync(join(folder, "history.jsonl"))).toBeFalse();
  const updated = await bring(server, await composedOf(foreign({ "a/b.txt": "b", "a/c/d": "new" })), "?update=refuse");
  expect(updated.reply?.runs).toMatchObject([{ state: "updated", changes: ["1 new file"] }]);
  expect(fs.readFileSync(join(folder, "work/a/c/d"), "utf8")).toBe("new");
});
