/** Manifests on disk: whole or reported, never guessed; unknown keys kept; statuses only along the table. */
import { describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { type Manifest, manifestSchema, manifestText, newManifest } from "../../../src/run/manifest.ts";
import { basePaths } from "../../../src/run/paths.ts";
import { canStep, isFinal, statuses } from "../../../src/run/status.ts";
import { changeManifest, listRunIds, prepareBase, readManifest, setStatus } from "../../../src/run/store.ts";
import { tempFolder } from "../../support/temp.ts";

const runId = "2026-11-23_k3f9ab";

function makeRun(change: (manifest: Manifest) => void = () => {}) {
  const base = basePaths(tempFolder());
  prepareBase(base);
  const paths = base.run(runId);
  fs.mkdirSync(paths.private, { recursive: true });
  const manifest = newManifest({
    run_id: runId,
    name: "train",
    user: "ana",
    command: "python train.py",
    argv: ["python", "train.py"],
    queued_at: "2026-11-23T18:00:00.000Z",
  });
  change(manifest);
  fs.writeFileSync(paths.manifest, manifestText(manifest));
  return { base, paths, manifest };
}

describe("a manifest", () => {
  test("has every key, in the order of the format", () => {
    const { paths } = makeRun();
    const written = JSON.parse(fs.readFileSync(paths.manifest, "utf8"));
    expect(Object.keys(written)).toEqual(Object.keys(manifestSchema.shape));
    expect(written.narrative.tags).toEqual([]);
    expect(written.exit_code).toBeNull();
  });

  test("[I5] keeps keys that it does not know, at every depth, when it is changed", () => {
    const { paths } = makeRun((manifest) => {
      Object.assign(manifest, { from_the_future: { a: 1 } });
      Object.assign(manifest.narrative, { mood: "hopeful" });
    });
    changeManifest(paths, (manifest) => {
      manifest.priority = 7;
    });
    const written = JSON.parse(fs.readFileSync(paths.manifest, "utf8"));
    expect(written.from_the_future).toEqual({ a: 1 });
    expect(written.narrative.mood).toBe("hopeful");
    expect(written.priority).toBe(7);
  });

  test("[I5] of a newer format is readable and not writable", () => {
    const { paths } = makeRun((manifest) => {
      manifest.schema_version = 99;
    });
    expect(readManifest(paths.manifest).kind).toBe("ok");
    expect(() => changeManifest(paths, () => true)).toThrow("newer version");
  });

  test("[K9] truncated at any byte is reported by name or still whole, never thrown", () => {
    const { paths } = makeRun();
    const text = fs.readFileSync(paths.manifest);
    for (let size = 0; size < text.length; size++) {
      fs.writeFileSync(paths.manifest, text.subarray(0, size));
      const read = readManifest(paths.manifest);
      if (size < text.length - 1) {
        expect(read.kind).toBe("damaged");
        expect(read.kind === "damaged" && read.reason).toContain("run_manifest.json");
      }
    }
  });

  test("[K9] with any byte flipped is read or reported, never thrown", () => {
    const { paths } = makeRun();
    const text = fs.readFileSync(paths.manifest);
    for (let at = 0; at < text.length; at += 7) {
      const flipped = Buffer.from(text);
      flipped[at] = (flipped[at] ?? 0) ^ 0x15;
      fs.writeFileSync(paths.manifest, flipped);
      expect(["ok", "damaged"]).toContain(readManifest(paths.manifest).kind);
    }
  });

  test("a damaged one does not hide the other runs", () => {
    const { base, paths } = makeRun();
    fs.writeFileSync(paths.manifest, "");
    fs.mkdirSync(join(base.runs, "2026-11-22_aaaaaa"));
    fs.mkdirSync(join(base.runs, "not-a-run"));
    expect(listRunIds(base)).toEqual([runId, "2026-11-22_aaaaaa"]);
  });
});

describe("statuses", () => {
  test("[Q11] a final status is never left, and an illegal step throws and changes nothing", () => {
    for (const from of statuses) {
      for (const to of statuses) {
        const { paths } = makeRun((manifest) => {
          manifest.status = from;
        });
        if (canStep(from, to)) expect(setStatus(paths, to).status).toBe(to);
        else {
          expect(() => setStatus(paths, to)).toThrow("cannot become");
          expect(readManifest(paths.manifest)).toMatchObject({ manifest: { status: from } });
        }
        if (isFinal(from)) expect(canStep(from, to)).toBe(false);
      }
    }
  });
});
