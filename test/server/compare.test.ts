/** Runs beside each other through the server: code line by line from the snapshots, groups as tables, gaps explained. */
import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { storeBlob, storeSnapshot } from "../../src/run/objects.ts";
import { type BasePaths, basePaths } from "../../src/run/paths.ts";
import { linkHash } from "../../src/run/snapshot.ts";
import { setStatus } from "../../src/run/store.ts";
import { makeQueuedRun } from "../support/queued-run.ts";
import { tempFolder } from "../support/temp.ts";
import { queued, serve, type TestServer } from "./harness.ts";

async function snapshotOf(server: TestServer, files: Record<string, string>): Promise<string> {
  const { base } = server.services;
  for (const text of Object.values(files)) await storeBlob(base, Buffer.from(text), linkHash(text));
  return storeSnapshot(base, {
    version: 1,
    files: Object.entries(files).map(([path, text]) => ({
      path,
      kind: "file",
      size: Buffer.byteLength(text),
      hash: linkHash(text),
    })),
  });
}

test("changed code is shown by its lines; moved, added, large and binary files by name", async () => {
  const server = await serve();
  const before = await snapshotOf(server, {
    "train.py": "a = 1\nb = 2\n",
    "old.py": "same\n",
    "data.bin": "\0x",
    "gone.txt": "bye\n",
  });
  const after = await snapshotOf(server, {
    "train.py": "a = 1\nb = 3\n",
    "new.py": "same\n",
    "data.bin": "\0y",
    "big.py": "x\n".repeat(300_000),
  });
  const a = await queued(server, { argv: ["python3", "train.py", "--lr", "0.1"], snapshot: before });
  const b = await queued(server, { argv: ["python3", "train.py", "--lr", "0.2"], snapshot: after });
  const { facets, code } = await server.ask("run.diff", { a, b });
  expect(facets.map(({ facet }) => facet)).toEqual(["code", "arguments"]);
  expect(code.files[0]).toMatchObject({ path: "train.py", lines_added: 1, lines_removed: 1, why: null });
  expect(code.files[0]?.hunks?.[0]).toContain("-b = 2\n+b = 3");
  const by = Object.fromEntries(code.files.map((file) => [file.path, file]));
  expect(by["new.py"]).toMatchObject({ kind: "renamed", was: "old.py" });
  expect(by["data.bin"]).toMatchObject({ kind: "changed", hunks: null });
  expect(by["big.py"]).toMatchObject({ kind: "added", hunks: null, why: "it is too large" });
  expect(by["gone.txt"]).toMatchObject({ kind: "removed", lines_removed: 1 });
});

test("a run without code, and code that is gone, are said to be so", async () => {
  const server = await serve();
  const snapshot = await snapshotOf(server, { "train.py": "a\n" });
  const a = await queued(server, { argv: ["python3", "train.py"], snapshot });
  const b = await queued(server, { argv: ["python3", "train.py"] });
  expect((await server.ask("run.diff", { a, b })).code).toEqual({ known: false, files: [], more: 0 });
  expect((await server.try("run.explain", { a, b })).error?.code).toBe("not_found");
});

test("a group as a table of what varies, with the parameters of config files", async () => {
  const server = await serve();
  const small = await snapshotOf(server, { "train.py": "", "c.toml": "[optim]\nlr = 0.1\n" });
  const large = await snapshotOf(server, { "train.py": "", "c.toml": "[optim]\nlr = 0.2\n" });
  const argv = ["python3", "train.py", "--config", "c.toml", "--epochs", "5"];
  for (const snapshot of [small, large]) await queued(server, { argv, snapshot, group: "bs" });
  const { columns, same, runs, more } = await server.ask("runs.compare", { group: "bs" });
  expect(runs).toHaveLength(2);
  expect(more).toBe(false);
  expect(columns.find(({ name }) => name === "optim.lr")?.values).toEqual([0.2, 0.1]);
  expect(same).toContainEqual({ name: "epochs", value: 5 });
  expect((await server.try("runs.compare", { group: "none" })).error?.code).toBe("not_found");
  expect((await server.try("runs.compare", { since: "soon" })).error?.code).toBe("usage");
  expect((await server.ask("runs.compare", { group: "bs", since: "2020-01-01T00:00:00Z" })).runs).toHaveLength(2);
});

/** A run that has ended, in a base that no server has opened yet. */
async function ended(
  base: BasePaths,
  options: { script: string; lr: number; project: string; valAcc: number; text?: string },
): Promise<string> {
  const { script, lr, project, valAcc, text = "import torch\nfit()\nsave()\n" } = options;
  const { run_id } = await makeQueuedRun(base, {
    argv: ["python3", script, "--lr", String(lr)],
    files: { [script]: text },
  });
  for (const status of ["starting", "running"] as const) setStatus(base.run(run_id), status);
  setStatus(base.run(run_id), "completed", (manifest) => {
    manifest.environment.project = project;
    manifest.metrics = { val_acc: valAcc };
  });
  return run_id;
}

test("witnesses of a gap are runs of the same script in the same project, under its old name too", async () => {
  const folder = tempFolder();
  const base = basePaths(folder);
  await ended(base, { script: "fit.py", lr: 0.1, project: "vision", valAcc: 0.8 });
  await ended(base, { script: "train.py", lr: 0.1, project: "speech", valAcc: 0.3 });
  await ended(base, { script: "train.py", lr: 0.2, project: "speech", valAcc: 0.2 });
  const a = await ended(base, { script: "train.py", lr: 0.1, project: "vision", valAcc: 0.81 });
  const b = await ended(base, { script: "train.py", lr: 0.2, project: "vision", valAcc: 0.9 });
  const server = await serve({ base: folder });
  expect((await server.ask("run.explain", { a, b })).pool).toBe(3);
});

test("a run whose folder went away in between is named: as not there where it was asked for, as left out of its group", async () => {
  const server = await serve();
  const here = await queued(server, { group: "g" });
  const gone = await queued(server, { group: "g" });
  rmSync(server.services.base.run(gone).folder, { recursive: true });
  expect((await server.try("runs.compare", { runs: [here, gone] })).error?.code).toBe("not_found");
  expect((await server.try("memory.lineage", { run: gone })).error?.code).toBe("not_found");
  expect((await server.try("run.explain", { a: here, b: here })).error?.code).toBe("usage");
  expect((await server.try("memory.insights", { group: "g", metric: "nosuch" })).error?.code).toBe("not_found");
  const { runs, warnings } = await server.ask("runs.compare", { group: "g" });
  expect(runs.map(({ run_id }) => run_id)).toEqual([here]);
  expect(warnings).toEqual([`\`${gone}\` is left out: its manifest is gone or damaged`]);
});
