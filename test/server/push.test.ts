/** Runs from one server to another as `ml push --to` sends them: only what is lacking, checked there, whole or not at all. */

import { describe, expect, test } from "bun:test";
import { appendFileSync, chmodSync, copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { composeBundle } from "../../src/bundle/compose.ts";
import type { ThinFile } from "../../src/bundle/layout.ts";
import { packBundle } from "../../src/bundle/write-archive.ts";
import type { Output } from "../../src/cli/output.ts";
import { planRuns, pushRuns } from "../../src/cli/push-runs.ts";
import { connect } from "../../src/client/connect.ts";
import type { Connection } from "../../src/client/connection.ts";
import { parseTarget } from "../../src/client/target.ts";
import type { Imported } from "../../src/protocol/bundle.ts";
import { basePaths } from "../../src/run/paths.ts";
import { listRunIds, requireManifest } from "../../src/run/store.ts";
import { sumLine } from "../../src/run/sum-line.ts";
import type { CarriedRun } from "../../src/view/bundle-page.ts";
import { bundleOf } from "../support/bundles.ts";
import { museum, withArtifact } from "../support/museum.ts";
import { serve, type TestServer } from "./harness.ts";

const sha256 = (bytes: Uint8Array) => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

const linkTo = (server: TestServer): Promise<Connection> =>
  connect(async () => parseTarget(server.services.identity.socket ?? "", { key: null, ca: null }), {
    transport: "auto",
    warn: () => {},
  });

async function push(first: TestServer, second: TestServer, runIds: readonly string[]) {
  const [from, to] = await Promise.all([linkTo(first), linkTo(second)]);
  const settled: CarriedRun[] = [];
  const said: string[] = [];
  const output = { warn: (line: string) => said.push(line) } as unknown as Output;
  const wish = { runIds, level: "all" as const, artifacts: [], bytesPerSecond: null };
  const signal = new AbortController().signal;
  try {
    const runs = await planRuns(from, wish);
    const { sentBytes } = await pushRuns({ output } as never, {
      ...{ from, to, runs },
      wish: { ...wish, signal, onRun: (run) => settled.push(run), onProgress: () => {} },
    });
    return { sentBytes, settled, said };
  } finally {
    from.close();
    to.close();
  }
}

async function take(
  server: TestServer,
  bytes: Uint8Array,
  query = "",
): Promise<Imported | { code: string; message: string }> {
  const response = await server.fetch(`/bundles${query}`, { method: "PUT", body: bytes as unknown as Blob });
  const { reply, error } = (await response.json()) as { reply: Imported; error?: { code: string; message: string } };
  return error ?? reply;
}

const staged = (server: TestServer) => readdirSync(basePaths(server.base).staging);

describe("pushing runs to another server", () => {
  test("[F92] there, again, and back: no second ones, the same seals, and the second time nothing travels", async () => {
    const first = await serve({ base: museum("format-1").base });
    const second = await serve();
    const ids = listRunIds(basePaths(first.base)).sort();
    const there = await push(first, second, ids);
    expect(there.settled.map(({ state }) => state)).toEqual(ids.map(() => "pushed"));
    expect(there.sentBytes).toBeGreaterThan(0);
    for (const [one, other] of [
      [first, second],
      [second, first],
    ] as const) {
      const again = await push(one, other, ids);
      expect(again.settled.map(({ state }) => state)).toEqual(ids.map(() => "there_already"));
      expect(again.sentBytes).toBe(0);
    }
    for (const id of ids) {
      const [here, away] = [first, second].map((server) => basePaths(server.base).run(id));
      if (requireManifest(here!).started_at !== null)
        expect(readFileSync(away!.sums, "utf8")).toBe(readFileSync(here!.sums, "utf8"));
      expect(await second.ask("run.validate", { run: id })).toMatchObject({ valid: true });
    }
    expect(staged(second)).toEqual([]);
  });

  test("a content that is in a run twice travels once; where the run is damaged, what is damaged is said", async () => {
    const base = museum("format-1");
    const { runId, hash } = withArtifact(base, 600_000, "work/a.bin");
    const { folder, sums } = base.run(runId);
    copyFileSync(join(folder, "work/a.bin"), join(folder, "work/b.bin"));
    appendFileSync(sums, sumLine("work/b.bin", hash));
    const first = await serve({ base: base.base });
    const second = await serve();
    const { sentBytes, settled } = await push(first, second, [runId]);
    expect(settled).toMatchObject([{ state: "pushed" }]);
    expect(sentBytes).toBeLessThan(700_000);
    expect(await second.ask("run.validate", { run: runId })).toMatchObject({ valid: true });
    chmodSync(join(folder, "work/a.bin"), 0o644);
    appendFileSync(join(folder, "work/a.bin"), "damaged");
    const third = await serve();
    const [refused] = (await push(first, third, [runId])).settled;
    expect(refused?.why).toContain("work/a.bin: not as it was sealed");
    expect(listRunIds(basePaths(third.base))).toEqual([]);
  });

  test("a file that came whole before a cut is not sent again; a bundle that is cut and does not come again leaves nothing", async () => {
    const base = museum("format-1");
    const { runId } = withArtifact(base, 600_000, "work/zz.bin");
    const { hash } = withArtifact(base, 300_000);
    const first = await serve({ base: base.base });
    const second = await serve();
    const bytes = await bundleOf(base, [runId], { packing: "zstd" });
    const cut = bytes.subarray(0, bytes.length - 300_000);
    expect(await take(second, cut)).toMatchObject({ code: "refused" });
    expect(staged(second)).toEqual([]);
    expect(await take(second, cut, "?resumable=1")).toMatchObject({ code: "refused" });
    expect((await second.ask("bundle.known", { runs: [] })).kept).toContain(hash);
    const pushed = await push(first, second, [runId]);
    expect(pushed.settled).toMatchObject([{ run_id: runId, there_as: runId, state: "pushed" }]);
    expect(pushed.sentBytes).toBeLessThan(700_000);
    expect(await second.ask("run.validate", { run: runId })).toMatchObject({ valid: true });
    expect(sha256(readFileSync(join(second.base, "runs", runId, "work/big.bin")))).toBe(hash);
    expect(staged(second)).toEqual([]);
  });

  const resumedPush = async (spoil: (part: string) => void) => {
    const base = museum("format-1");
    const { runId, hash } = withArtifact(base, 6_000_000);
    const first = await serve({ base: base.base });
    const second = await serve();
    const { staging } = basePaths(second.base);
    const bytes = await bundleOf(base, [runId], { packing: "zstd" });
    await take(second, bytes.subarray(0, bytes.length - 2_000_000), "?resumable=1");
    const [part, ...others] = (await second.ask("bundle.known", { runs: [] })).parts ?? [];
    expect(others).toEqual([]);
    expect(part?.size_bytes).toBeGreaterThan(3_000_000);
    expect(listRunIds(basePaths(second.base))).toEqual([]);
    const kept = join(staging, readdirSync(staging).find((name) => name.startsWith("carried-part-")) ?? "");
    spoil(kept);
    const { sentBytes, settled } = await push(first, second, [runId]);
    expect(settled).toMatchObject([{ run_id: runId, there_as: runId, state: "pushed" }]);
    expect(await second.ask("run.validate", { run: runId })).toMatchObject({ valid: true });
    expect(sha256(readFileSync(join(second.base, "runs", runId, "work/big.bin")))).toBe(hash);
    expect(staged(second)).toEqual([]);
    return sentBytes;
  };

  test("[N5] a large file that was cut in the middle goes on where it stopped; what is kept of it and is not right is not built upon", async () => {
    expect(await resumedPush(() => {})).toBeLessThan(3_000_000);
    const flip = (path: string) => {
      const bytes = readFileSync(path);
      bytes[1000] = (bytes[1000] ?? 0) ^ 1;
      writeFileSync(path, bytes);
    };
    expect(await resumedPush(flip)).toBeGreaterThan(6_000_000);
  });

  test("[S4 S5] a bundle that names the beginning of a file that is not here is refused, and nothing is kept", async () => {
    const base = museum("format-1");
    const { runId } = withArtifact(base, 10_000);
    const second = await serve();
    const composed = composeBundle(base, {
      ...{ runIds: [runId], level: "all", artifacts: [], redact: new Set(), figures: new Map(), nowMs: Date.now() },
    });
    for (const [path, code] of [
      [`runs/${runId}/work/big.bin`, "try_later"],
      ["../../../etc/passwd", null],
    ] as const) {
      const record = { ...composed.record, resumed: [{ path, from_bytes: 5, sha256: "0".repeat(64) }] };
      const entries = composed.entries.map((entry) =>
        entry.path === "bundle.json" ? { ...entry, from: { text: JSON.stringify(record) } } : entry,
      );
      const packed = packBundle({ ...composed, entries }, "zstd");
      const answer = await take(second, new Uint8Array(await new Response(packed).arrayBuffer()), "?resumable=1");
      expect("code" in answer ? answer.code : null).toBe(code);
      expect(listRunIds(basePaths(second.base))).toEqual(code === null ? [runId] : []);
    }
  });

  test("a run that is damaged where it comes from is refused, and the others arrive", async () => {
    const base = museum("format-1");
    const { runId } = withArtifact(base, 10_000);
    const path = join(base.run(runId).folder, "work/big.bin");
    chmodSync(path, 0o644);
    writeFileSync(path, "no longer what was sealed");
    const first = await serve({ base: base.base });
    const second = await serve();
    const ids = listRunIds(base).sort();
    const { settled, said } = await push(first, second, ids);
    expect(settled.find((run) => run.run_id === runId)).toMatchObject({ state: "refused", there_as: null });
    expect(said).toEqual([expect.stringContaining("not as it was sealed")]);
    expect(settled.filter(({ state }) => state === "pushed").length).toBe(ids.length - 1);
    expect(listRunIds(basePaths(second.base))).not.toContain(runId);
  });

  const nowhere = "0".repeat(64);
  const evil: [string, (hash: string, runId: string) => Partial<ThinFile>][] = [
    ["climbs", (hash) => ({ path: "../../evil", sha256: hash })],
    ["is absolute", (hash) => ({ path: "/etc/evil", sha256: hash })],
    ["is no file of a run", (hash) => ({ path: "bundle.json", sha256: hash })],
    ["would be a stop request", (hash, runId) => ({ path: `runs/${runId}/.run/stop.json`, sha256: hash })],
    ["is there twice", (hash, runId) => ({ path: `runs/${runId}/run_manifest.json`, sha256: hash })],
    ["is in no seal", (hash, runId) => ({ path: `runs/${runId}/work/more.bin`, sha256: hash })],
    ["is not here", (_, runId) => ({ path: `runs/${runId}/work/more.bin`, sha256: nowhere })],
    ["names no hash", (_, runId) => ({ path: `runs/${runId}/work/more.bin`, sha256: "../../../../etc/passwd" })],
  ];
  test("[S4 S5] a content that is only named is judged like all else: where its path is bad, or it is not what it says, nothing is kept", async () => {
    const base = museum("format-1");
    const { runId, hash } = withArtifact(base, 10_000);
    const second = await serve();
    const known = basePaths(second.base);
    for (const [what, change] of evil) {
      writeFileSync(join(known.staging, `carried-${hash}`), readFileSync(join(base.run(runId).folder, "work/big.bin")));
      const composed = composeBundle(base, {
        ...{ runIds: [runId], level: "all", artifacts: [], redact: new Set(), figures: new Map(), nowMs: Date.now() },
        have: new Set([hash]),
      });
      const thin = [
        ...composed.thin,
        { path: "", size_bytes: 1, sha256: "", executable: false, ...change(hash, runId) },
      ];
      const record = { ...composed.record, thin };
      const entries = composed.entries.map((entry) =>
        entry.path === "bundle.json" ? { ...entry, from: { text: JSON.stringify(record) } } : entry,
      );
      const packed = packBundle({ ...composed, entries, thin: what === "names no hash" ? [] : thin }, "zstd");
      const answer = await take(second, new Uint8Array(await new Response(packed).arrayBuffer()), "?resumable=1");
      const code = what === "is not here" ? "try_later" : "refused";
      expect([what, answer]).toEqual([what, expect.objectContaining({ code })]);
      expect(listRunIds(known)).toEqual([]);
    }
    // What is kept, but has not the hash that its name says, is found out as well.
    writeFileSync(join(known.staging, `carried-${hash}`), "something else");
    const lying = await bundleOf(base, [runId], { packing: "zstd", have: new Set([hash]) });
    expect(await take(second, lying)).toMatchObject({ code: "refused" });
    expect(listRunIds(known)).toEqual([]);
  });
});
