/**
 * The index of a corpus whose runs have no folders: rows drawn from manifests in memory, many times faster than files are
 * written and read. For tests of searching alone, and for trying it at sizes that no disk wants to hold as folders;
 * `bun test/support/corpus-index.ts INDEX [COUNT] [SEED]` makes one.
 */
import { BulkFill } from "../../src/catalog/bulk-fill.ts";
import { CodeFiles } from "../../src/catalog/code-files.ts";
import { RowDrawer } from "../../src/catalog/draw-rows.ts";
import { recordOf } from "../../src/catalog/record.ts";
import { searchFacts } from "../../src/catalog/search-facts.ts";
import type { Manifest } from "../../src/run/manifest.ts";
import { basePaths } from "../../src/run/paths.ts";
import { type CorpusOptions, corpus } from "./corpus.ts";

const runsAtOnce = 1000;

/** At `path`; each manifest is shown to `seen` as well. Open it with `Catalog.open`, and do not `sync`: there are no folders. */
export function indexCorpus(path: string, options: CorpusOptions, seen: (manifest: Manifest) => void = () => {}): void {
  const base = basePaths(`${path}.no-folders`);
  const code = new CodeFiles(base);
  const drawer = new RowDrawer(base);
  const fill = new BulkFill(base, path);
  const gathered = (manifest: Manifest) => ({
    ...{ keyed: recordOf(manifest), stamp: "from memory" },
    found: searchFacts(manifest, base.run(manifest.run_id), code),
  });
  const some: Manifest[] = [];
  const write = () => fill.add(drawer.rowsOf(some.splice(0).map(gathered)));
  for (const manifest of corpus(options)) {
    seen(manifest);
    if (some.push(manifest) === runsAtOnce) write();
  }
  write();
  fill.finish();
}

if (import.meta.main) {
  const [path, count = "10000", seed = "1"] = process.argv.slice(2);
  if (path === undefined) throw new Error("usage: bun test/support/corpus-index.ts INDEX [COUNT] [SEED]");
  indexCorpus(path, { count: Number(count), seed: Number(seed) });
}
