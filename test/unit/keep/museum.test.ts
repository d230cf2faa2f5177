import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Catalog } from "../../../src/catalog/catalog.ts";
import { validateRun } from "../../../src/keep/validate.ts";
import { summarizeMetrics } from "../../../src/run/metrics.ts";
import { checkoutSnapshot } from "../../../src/run/objects.ts";
import { listRunIds, requireManifest } from "../../../src/run/store.ts";
import { formats, museum } from "../../support/museum.ts";
import { tempFolder } from "../../support/temp.ts";

function bytesBelow(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    names.map((entry) => join(entry.parentPath, entry.name)).map((path) => [path, readFileSync(path, "base64")]),
  );
}

describe("run folders of every format are read, unchanged", () => {
  for (const format of formats) {
    test(`${format}: each run is listed, valid, and left as it was`, async () => {
      const base = museum(format);
      const before = bytesBelow(base.runs);
      const catalog = Catalog.open(base, join(tempFolder(), "index.db"));
      catalog.sync();
      expect(catalog.damaged()).toEqual([]);
      expect(
        catalog
          .list({ limit: 100 })
          .map((run) => run.run_id)
          .sort(),
      ).toEqual(listRunIds(base).sort());
      catalog.close();
      for (const runId of listRunIds(base)) {
        const paths = base.run(runId);
        const manifest = requireManifest(paths);
        const found = await validateRun(paths, manifest, { base, level: "basic", nowMs: Date.now() });
        expect(found.checks.filter((check) => check.state === "failed")).toEqual([]);
        expect(found.valid).toBeTrue();
      }
      expect(bytesBelow(base.runs)).toEqual(before);
    });
  }

  test("format-1: what the runs say is what they said", async () => {
    const base = museum("format-1");
    const runs = listRunIds(base).map((runId) => requireManifest(base.run(runId)));
    const of = (status: string) => runs.filter((run) => run.status === status);
    expect([of("completed").length, of("failed").length, of("cancelled").length]).toEqual([1, 2, 1]);
    const [done] = of("completed");
    expect(done).toMatchObject({
      metadata: { note: "the first" },
      narrative: { hypothesis: "it goes down", tags: ["museum"] },
    });
    expect(done?.annotations[0]?.note).toBe("a later note");
    expect(await summarizeMetrics(base.run(done?.run_id ?? "").metrics)).toMatchObject({
      loss: 2.68435456,
      weight: 1.6384,
    });
    const work = join(tempFolder(), "work");
    await checkoutSnapshot(base, done?.environment.snapshot ?? null, work);
    expect(readFileSync(join(work, "train.py"), "utf8")).toEndWith("# a change\n");
  });
});
