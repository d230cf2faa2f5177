import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { checkBundle } from "../../../src/bundle/check.ts";
import { contentId } from "../../../src/bundle/content-id.ts";
import { arrivedManifest, planImport } from "../../../src/bundle/plan-import.ts";
import { type ArchiveFacts, readArchive } from "../../../src/bundle/read-archive.ts";
import type { Redaction } from "../../../src/bundle/redact.ts";
import { type Manifest, newManifest } from "../../../src/run/manifest.ts";
import { listRunIds, requireManifest } from "../../../src/run/store.ts";
import { bundleOf } from "../../support/bundles.ts";
import { museum } from "../../support/museum.ts";

const facts = (bytes: Uint8Array) => readArchive(new Blob([bytes as Uint8Array<ArrayBuffer>]).stream() as never);
const failed = (read: ArchiveFacts) => checkBundle(read).filter(({ state }) => state === "failed");

function completed() {
  const base = museum("format-1");
  const runId = listRunIds(base).find((id) => requireManifest(base.run(id)).status === "completed") ?? "";
  return { base, runId, paths: base.run(runId) };
}

async function textsOf(bytes: Uint8Array): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  await readArchive(new Blob([bytes as Uint8Array<ArrayBuffer>]).stream() as never, {
    begin(path) {
      const chunks: Uint8Array[] = [];
      return {
        write: (chunk) => chunks.push(chunk.slice()),
        end: () => texts.set(path, Buffer.concat(chunks).toString()),
      };
    },
  });
  return texts;
}

describe("what is in a bundle", () => {
  test("[F92 F94] the run folder byte for byte, its code, and what a stranger needs", async () => {
    const { base, runId, paths } = completed();
    const texts = await textsOf(await bundleOf(base, [runId]));
    for (const name of ["run_manifest.json", "SHA256SUMS", "output.log"])
      expect(texts.get(`runs/${runId}/${name}`)).toBe(readFileSync(`${paths.folder}/${name}`, "utf8"));
    const { snapshot } = requireManifest(paths).environment;
    expect(texts.has(`snapshots/${snapshot}.json`)).toBeTrue();
    for (const name of ["README.md", "reproduce.sh", "ro-crate-metadata.json", "bundle.json", "SHA256SUMS"])
      expect(texts.get(name)).toBeString();
    const crate = JSON.parse(texts.get("ro-crate-metadata.json") ?? "");
    const entities = new Map(crate["@graph"].map((entity: { "@id": string }) => [entity["@id"], entity]));
    expect(entities.get("./")).toMatchObject({ conformsTo: { "@id": "https://w3id.org/ro/wfrun/process/0.5" } });
    expect(entities.get(`#run-${runId}`)).toMatchObject({ "@type": "CreateAction" });
    const named = JSON.stringify(crate).match(/"@id":"[^"]+"/g) ?? [];
    const known = named.filter((text) => !/"@id":"https?:/.test(text)).map((text) => text.slice(7, -1));
    expect(known.filter((id) => !entities.has(id))).toEqual([]);
  });

  test("[F93] metadata alone has no output, code or work; some has the artifacts that fit; both verify", async () => {
    const { base, runId } = completed();
    const bare = await facts(await bundleOf(base, [runId], { level: "metadata" }));
    expect(failed(bare)).toEqual([]);
    expect([...bare.files.keys()].filter((path) => /\/(work|code)\/|^code\/|\.log$|reproduce/.test(path))).toEqual([]);
    const some = await facts(await bundleOf(base, [runId], { level: "some", artifacts: ["*.json"] }));
    expect(failed(some)).toEqual([]);
    const work = [...some.files.keys()].filter((path) => path.includes("/work/"));
    expect(work.length).toBeGreaterThan(0);
    expect(work.filter((path) => !path.endsWith(".json"))).toEqual([]);
  });

  test("a link that leads out of the run is left out by name; one that stays goes along", async () => {
    const { base, runId, paths } = completed();
    mkdirSync(`${paths.work}/links`, { recursive: true });
    symlinkSync("/etc/passwd", `${paths.work}/links/out`);
    symlinkSync("../..", `${paths.work}/links/in`);
    const read = await facts(await bundleOf(base, [runId]));
    expect([...read.links.values()]).toEqual(["../.."]);
    expect(JSON.parse(read.texts.get("bundle.json") ?? "").runs[0].left_out).toMatchObject([
      { path: "work/links/out" },
    ]);
  });

  test("a run that has not ended is refused with what to type", async () => {
    const { base, runId, paths } = completed();
    writeFileSync(paths.manifest, readFileSync(paths.manifest, "utf8").replace('"completed"', '"running"'));
    await expect(bundleOf(base, [runId])).rejects.toMatchObject({
      code: "conflict",
      detail: { hint: `wait for it: \`ml wait ${runId}\`` },
    });
  });
});

describe("redaction", () => {
  test("[S6] takes paths, names and secrets out of the texts, says where, and what is left still verifies", async () => {
    const { base, runId, paths } = completed();
    const { user } = requireManifest(paths);
    const secret = "hf_abcdefghijklmnopqrstuvwx";
    writeFileSync(
      paths.manifest,
      readFileSync(paths.manifest, "utf8").replace(
        /"note": .*/,
        `"note": "by ${user} in /home/${user}/x and ${base.base}/y with ${secret}"`,
      ),
    );
    const redact: ReadonlySet<Redaction> = new Set(["paths", "names", "secrets"]);
    const bytes = await bundleOf(base, [runId], { redact });
    expect(failed(await facts(bytes))).toEqual([]);
    const texts = await textsOf(bytes);
    const manifest = JSON.parse(texts.get(`runs/${runId}/run_manifest.json`) ?? "") as Manifest;
    expect(manifest.metadata.note).toBe("by person-1 in /home/somebody/x and /base/y with [removed]");
    expect(manifest.user).toBe("person-1");
    for (const [path, text] of texts) {
      if (/^(code|snapshots)\/|\/work\//.test(path)) continue;
      expect(text).not.toContain(secret);
      expect(text).not.toContain(base.base);
    }
    expect(texts.get("REDACTED.txt")).toContain(`runs/${runId}/run_manifest.json: what looks like a secret, once`);
  });
});

describe("checks of a bundle", () => {
  test("each finds what it is there for", async () => {
    const { base, runId } = completed();
    const bytes = await bundleOf(base, [runId]);
    const broken = async (change: (read: ArchiveFacts) => void) => {
      const read = await facts(bytes);
      change(read);
      return failed(read).map(({ name }) => name);
    };
    const log = `runs/${runId}/output.log`;
    expect(await broken(() => {})).toEqual([]);
    expect(
      await broken((read) => read.files.set(log, { ...read.files.get(log), sha256: "0".repeat(64) } as never)),
    ).toEqual(["sums", "seals"]);
    expect(await broken((read) => read.files.delete(log))).toEqual(["sums", "seals"]);
    expect(await broken((read) => read.texts.set("bundle.json", '{"format":"ml-bundle","version":9}'))).toContain(
      "format",
    );
    const manifest = `runs/${runId}/run_manifest.json`;
    const lie = (from: string, to: string) => (read: ArchiveFacts) => {
      read.texts.set(manifest, (read.texts.get(manifest) ?? "").replace(from, to));
    };
    expect(await broken(lie(`"run_id": "${runId}"`, '"run_id": "2026-01-01_zzzzzz"'))).toEqual(["runs"]);
    expect(await broken(lie('"completed"', '"running"'))).toEqual(["runs"]);
    const isCode = (path: string) => path.startsWith("code/");
    const [code = ""] = [...(await facts(bytes)).files.keys()].filter(isCode);
    expect(
      await broken((read) => read.files.set(code, { sha256: "1".repeat(64), sizeBytes: 1, isExecutable: false })),
    ).toEqual(["sums", "code"]);
  });
});

describe("planning an import", () => {
  const run = (changes: Partial<Manifest> = {}) => {
    const manifest = newManifest({
      ...{ run_id: "2026-01-01_aaaaaa", name: "a", user: "eve", command: "true", argv: ["true"] },
      queued_at: "2026-01-01T00:00:00.000Z",
    });
    return { manifest: { ...manifest, status: "completed" as const, ...changes }, sums: "" };
  };
  const nowMs = Date.parse("2026-02-01T00:00:00.000Z");

  test("[S5] the id stays where it is free; taken by another content it becomes one that follows from the content", () => {
    const [free] = planImport([run()], { standing: () => null, nowMs });
    expect(free).toMatchObject({ runId: "2026-01-01_aaaaaa", isHere: false });
    const standing = (id: string) => (id === "2026-01-01_aaaaaa" ? "another" : null);
    const [moved] = planImport([run()], { standing, nowMs });
    expect(moved?.runId).not.toBe("2026-01-01_aaaaaa");
    const there = contentId(run().manifest, "");
    const [again] = planImport([run()], { standing: (id) => (id === moved?.runId ? there : standing(id)), nowMs });
    expect(again).toMatchObject({ runId: moved?.runId, isHere: true });
  });

  test("words, owner and pruning do not make another run; arguments, times and sums do", () => {
    const { manifest } = run();
    const same = contentId(manifest, "");
    expect(
      contentId({ ...manifest, user: "bob", priority: 9, annotations: [{ timestamp: "", author: "", note: "" }] }, ""),
    ).toBe(same);
    expect(contentId({ ...manifest, argv: ["false"] }, "")).not.toBe(same);
    expect(contentId({ ...manifest, ended_at: "2026-01-01T00:00:01.000Z" }, "")).not.toBe(same);
    expect(contentId(manifest, `${"0".repeat(64)}  output.log\n`)).not.toBe(same);
  });

  test("[S5] what arrives belongs to who brought it, asks nothing of this machine, and keeps its origin on every journey", () => {
    const { manifest } = run({ resources: { ...run().manifest.resources, host: "far" } });
    manifest.launch.submit_id = "taken";
    manifest.launch.notify = "ended";
    const arrival = { at: "2026-02-01T00:00:00.000Z", from: "bundle", sequence: 1, renamed: new Map<string, string>() };
    const [first] = planImport([{ manifest, sums: "" }], { standing: () => null, nowMs });
    const here = arrivedManifest(first as never, { ...arrival, user: "ana" });
    expect(here.user).toBe("ana");
    expect(here.lineage).toMatchObject({
      kind: "import",
      origin: { run_id: manifest.run_id, user: "eve", host: "far", imported_by: "ana" },
    });
    expect(here.launch).toMatchObject({ submit_id: null, notify: null, retry: null, held: false });
    const [second] = planImport([{ manifest: here, sums: "" }], {
      standing: (id) => (id === "2026-01-01_aaaaaa" ? "x" : null),
      nowMs,
    });
    const further = arrivedManifest(second as never, { ...arrival, user: "bob" });
    expect(further.lineage.origin).toMatchObject({ run_id: manifest.run_id, user: "eve", imported_by: "bob" });
  });
});
