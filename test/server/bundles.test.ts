import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Imported } from "../../src/protocol/bundle.ts";
import { basePaths } from "../../src/run/paths.ts";
import { listRunIds, requireManifest } from "../../src/run/store.ts";
import { bomb, bundleOf, gz, hostileArchives, tarEntry } from "../support/bundles.ts";
import { museum } from "../support/museum.ts";
import { tempFolder, until } from "../support/temp.ts";
import { serve, type TestServer } from "./harness.ts";

async function take(server: TestServer, bytes: Uint8Array | Blob): Promise<Imported> {
  const response = await server.fetch("/bundles", { method: "PUT", body: bytes as Blob });
  const { reply, error } = (await response.json()) as { reply: Imported; error?: { code: string; message: string } };
  if (error !== undefined) throw new Error(`${error.code}: ${error.message}`);
  return reply;
}

async function give(server: TestServer, runs: readonly string[]): Promise<Uint8Array> {
  const body = JSON.stringify({ runs, packing: "zstd" });
  const response = await server.fetch("/bundles", { method: "POST", body });
  expect(response.status).toBe(200);
  return new Uint8Array(await response.arrayBuffer());
}

/** Every file of a base but what a server keeps for itself. */
function contents(base: string): string[] {
  const isOurs = (path: string) => /^(index\.db|queue\.db|server|audit|workers|lib|state|intake)/.test(path);
  return (readdirSync(base, { recursive: true }) as string[]).filter((path) => !isOurs(path)).sort();
}

describe("carrying runs between servers", () => {
  test("[F92] there and back, twice: the same runs, no second ones, valid, their words and origin kept", async () => {
    const first = await serve({ base: museum("format-1").base });
    const second = await serve();
    const ids = listRunIds(basePaths(first.base));
    const there = await take(second, await give(first, ids));
    expect(there.runs.map(({ run_id, state }) => [run_id, state])).toEqual(
      ids.toSorted().map((id) => [id, "imported"]),
    );
    expect((await take(second, await give(first, ids))).runs.map(({ state }) => state)).toEqual(
      ids.map(() => "here_already"),
    );
    const [runId = ""] = ids;
    await second.ask("run.annotate", { run: runId, note: "looked at here" });
    for (let journey = 0; journey < 2; journey += 1) {
      const back = await take(first, await give(second, ids));
      expect(back.runs.map(({ state }) => state)).toEqual(ids.map(() => "here_already"));
    }
    expect(listRunIds(basePaths(first.base)).toSorted()).toEqual(ids.toSorted());
    expect(listRunIds(basePaths(second.base)).toSorted()).toEqual(ids.toSorted());
    for (const id of ids) {
      const { manifest } = await second.ask("run.get", { run: id });
      const original = requireManifest(basePaths(first.base).run(id));
      expect(manifest.lineage).toMatchObject({ kind: "import", origin: { run_id: id, user: original.user } });
      expect(manifest.narrative).toEqual(original.narrative);
      expect(manifest.ended_at).toBe(original.ended_at);
      expect(await second.ask("run.validate", { run: id })).toMatchObject({ valid: true });
    }
  });

  test("[S5] an id that another run has here is not taken from it, and importing again finds the new one", async () => {
    const first = await serve({ base: museum("format-1").base });
    const other = museum("format-1");
    const [runId = ""] = listRunIds(other);
    const { manifest: path } = other.run(runId);
    writeFileSync(
      path,
      readFileSync(path, "utf8")
        .replace(/"user": ".*"/, '"user": "mallory"')
        .replace(/"queued_at": "2026/, '"queued_at": "2025'),
    );
    const before = readFileSync(join(first.base, "runs", runId, "run_manifest.json"), "utf8");
    const bytes = await bundleOf(other, [runId]);
    const [imported] = (await take(first, bytes)).runs;
    expect(imported?.run_id).not.toBe(runId);
    expect(imported).toMatchObject({ bundled_as: runId, state: "imported" });
    expect((await take(first, bytes)).runs).toMatchObject([{ run_id: imported?.run_id, state: "here_already" }]);
    expect(readFileSync(join(first.base, "runs", runId, "run_manifest.json"), "utf8")).toBe(before);
    const { summary } = await first.ask("run.get", { run: imported?.run_id ?? "" });
    expect(summary.user).not.toBe("mallory");
    expect(summary.imported_from).toBe("mallory");
  });

  test("[S5] a run that comes after its parent, or before it, names it by the id that the parent has here", async () => {
    const other = museum("format-1");
    const [parent = "", child = ""] = listRunIds(other);
    const { manifest: path } = other.run(parent);
    writeFileSync(path, readFileSync(path, "utf8").replace(/"queued_at": "2026/, '"queued_at": "2025'));
    const { manifest: childPath } = other.run(child);
    const { narrative } = requireManifest(other.run(child));
    const text = JSON.parse(readFileSync(childPath, "utf8"));
    writeFileSync(childPath, JSON.stringify({ ...text, narrative: { ...narrative, parent_run: parent } }));
    const [older, younger] = [await bundleOf(other, [parent]), await bundleOf(other, [child])];
    for (const order of [
      [older, younger],
      [younger, older],
    ]) {
      // Another run has the id of the parent, and nobody that of the child.
      const base = museum("format-1");
      rmSync(base.run(child).folder, { recursive: true });
      const server = await serve({ base: base.base });
      const arrived: Record<string, string> = {};
      for (const bundle of order)
        for (const { bundled_as, run_id } of (await take(server, bundle)).runs) arrived[bundled_as] = run_id;
      expect(arrived[parent]).not.toBe(parent);
      const { manifest } = await server.ask("run.get", { run: arrived[child] ?? "" });
      expect(manifest.narrative.parent_run).toBe(arrived[parent] ?? "");
      const { manifest: above } = await server.ask("run.get", { run: arrived[parent] ?? "" });
      expect(above.lineage.origin).toMatchObject({ run_id: parent });
    }
  });

  test("[S5] a manifest with unknown keys keeps them; one of a newer format is refused as a whole", async () => {
    const base = museum("format-1");
    const [runId = ""] = listRunIds(base);
    const { manifest: path } = base.run(runId);
    writeFileSync(
      path,
      readFileSync(path, "utf8").replace('"schema_version": 1,', '"schema_version": 1,\n  "from_tomorrow": 7,'),
    );
    const server = await serve();
    await take(server, await bundleOf(base, [runId]));
    expect((await server.ask("run.get", { run: runId })).manifest).toMatchObject({ from_tomorrow: 7 });
    writeFileSync(path, readFileSync(path, "utf8").replace('"schema_version": 1,', '"schema_version": 99,'));
    const another = await serve();
    await expect(take(another, await bundleOf(base, [runId]))).rejects.toThrow(/refused: .* newer version/);
  });

  test("[F93] what was left out is counted by validate and not called damage", async () => {
    const base = museum("format-1");
    const runId = listRunIds(base).find((id) => requireManifest(base.run(id)).status === "completed") ?? "";
    const server = await serve();
    await take(server, await bundleOf(base, [runId], { level: "metadata" }));
    const { checks } = await server.ask("run.validate", { run: runId });
    expect(checks.find(({ name }) => name === "sums")).toMatchObject({ state: "ok" });
    expect(checks.find(({ name }) => name === "sums")?.actual).toContain("pruned");
  });
});

describe("bundles from strangers", () => {
  test("[S4] every hostile archive is refused as a whole: nothing is added, nothing stays in staging", async () => {
    const server = await serve();
    const before = contents(server.base);
    for (const [what, bytes] of Object.entries(hostileArchives())) {
      const response = await server.fetch("/bundles", { method: "PUT", body: bytes as never });
      expect([what, ((await response.json()) as { error?: { code: string } }).error?.code]).toEqual([
        what,
        bytes.length === 0 ? "usage" : "refused",
      ]);
      expect([what, contents(server.base)]).toEqual([what, before]);
    }
  });

  test("[S4] 200 MB from 195 kB are refused, and what had been unpacked is gone", async () => {
    const server = await serve();
    const before = contents(server.base);
    await expect(take(server, bomb())).rejects.toThrow(/^too_large: /);
    expect(contents(server.base)).toEqual(before);
  });

  test("[S4] a refusal reaches a sender who is still sending", async () => {
    const server = await serve();
    const { key } = await server.ask("key.add", { user: "ada", role: "user" });
    const hostile = tarEntry({ name: "/tmp/evil", body: "x" });
    const noise = crypto.getRandomValues(new Uint8Array(65_536));
    const entries = [hostile, tarEntry({ name: "top/big", size: 512 * noise.length })];
    const body = new Blob([gz(Buffer.concat(entries)), ...Array.from({ length: 512 }, () => noise)]);
    const url = `${server.url.replace("ws", "http")}/bundles`;
    const over = (where: string, init: object) => fetch(where, { method: "PUT", body, ...init });
    for (const asking of [
      () => server.fetch("/bundles", { method: "PUT", body }),
      () => over(url, { headers: { authorization: `Bearer ${key}` } }),
    ]) {
      const response = await asking();
      expect([response.status, ((await response.json()) as { error: { code: string } }).error.code]).toEqual([
        422,
        "refused",
      ]);
    }
  });

  test("what a server that was killed had unpacked is gone once the next one serves", async () => {
    const base = join(tempFolder(), "data");
    for (const name of ["import-1", "data-2", "carried-3"]) mkdirSync(join(base, "staging", name), { recursive: true });
    await serve({ base });
    await until("what was left", () => readdirSync(join(base, "staging")).join() === "carried-3");
  });

  test("[S4] one bad run spoils the bundle: the good one is not kept either", async () => {
    const base = museum("format-1");
    const ids = listRunIds(base);
    const sealed = ids.find((id) => requireManifest(base.run(id)).status === "completed") ?? "";
    const log = base.run(sealed).outputLog;
    writeFileSync(log, `${readFileSync(log, "utf8")}added later\n`);
    const server = await serve();
    await expect(take(server, await bundleOf(base, ids))).rejects.toThrow(/the check `seals` failed/);
    expect(listRunIds(basePaths(server.base))).toEqual([]);
  });

  test("[S12] a viewer exports and may not import; a stranger may do neither", async () => {
    const server = await serve({ base: museum("format-1").base });
    const { key } = await server.ask("key.add", { user: "vera", role: "viewer" });
    const http = `${server.url.replace("ws", "http")}/bundles`;
    const [runId = ""] = listRunIds(basePaths(server.base));
    const ask = (init: RequestInit, headers: Record<string, string>) => fetch(http, { ...init, headers });
    const wish = JSON.stringify({ runs: [runId] });
    const bearer = { authorization: `Bearer ${key}` };
    expect((await ask({ method: "POST", body: wish }, bearer)).status).toBe(200);
    expect((await ask({ method: "PUT", body: "x" }, bearer)).status).toBe(403);
    expect((await ask({ method: "POST", body: wish }, {})).status).toBe(401);
    expect((await ask({ method: "PUT", body: "x" }, {})).status).toBe(401);
  });
});
