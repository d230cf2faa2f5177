/**
 * P16: a dataset of 10,000 files and 1 GB brought to a local disk, every byte compared with what was registered, against cp and
 * rsync that compare nothing; and confirmed unchanged, against rsync that copies nothing. All on one disk, source in memory's cache.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runJob } from "../src/data/child.ts";
import type { ScanJob } from "../src/data/scan.ts";
import { alternately, timed } from "./measure.ts";
import type { Line, Row } from "./table.ts";

const [files, bytes] = [10_000, 100_000];

function makeDataset(root: string): void {
  const content = Buffer.alloc(bytes);
  for (let at = 0; at < files; at += 1) {
    const folder = join(root, String(at % 100));
    mkdirSync(folder, { recursive: true });
    crypto.getRandomValues(content.subarray(0, 65_536));
    content.writeUInt32LE(at, 0);
    writeFileSync(join(folder, `${at}.bin`), content);
  }
}

export const row: Row = {
  id: "P16",
  title: "prewarm",
  withoutMl: true,
  async run(context) {
    const at = (name: string) => join(context.folder, name);
    const [root, target, listPath, cachePath] = [at("p16"), at("p16-copy"), at("p16.tsv"), at("p16.cache")];
    makeDataset(root);
    const look = (list: string | null): ScanJob => ({
      ...{ kind: "scan", root, mode: "cached", cachePath, listPath: list, compare: null, hands: 4 },
    });
    const scan = (list: string | null) => runJob(look(list), { stallMs: 60_000 });
    await scan(listPath);
    const emptied = () => {
      rmSync(target, { recursive: true, force: true });
      rmSync(`${target}.done`, { force: true });
      timed(["sync"]);
    };
    const taking = async (act: () => unknown) => {
      emptied();
      const started = performance.now();
      await act();
      return performance.now() - started;
    };
    const copy = {
      kind: "copy" as const,
      root,
      target,
      listPath,
      twins: [],
      hands: 4,
      bytesPerSecond: null,
      courtesy: null,
    };
    const times = context.long ? 7 : 3;
    const rsync = Bun.which("rsync") !== null;
    const copied = await alternately(
      {
        ml: () => taking(() => runJob(copy, { stallMs: 60_000 })),
        cp: () => taking(() => timed(["cp", "-r", root, target])),
        ...(rsync ? { rsync: () => taking(() => timed(["rsync", "-a", `${root}/`, target])) } : {}),
      } as Record<"ml" | "cp" | "rsync", () => Promise<number>>,
      times,
    );
    // The first looks settle what is remembered of the files.
    await Bun.sleep(2100);
    await scan(null);
    if (rsync) timed(["rsync", "-a", `${root}/`, target]);
    const unchanged = await alternately(
      {
        // As the executable does it: from the sources a third of the time is reading them.
        ml: async () => timed(["nice", "-n", "10", context.ml, "__data", JSON.stringify(look(null))]).ms,
        ...(rsync ? { rsync: async () => timed(["rsync", "-a", `${root}/`, target]).ms } : {}),
      } as Record<"ml" | "rsync", () => Promise<number>>,
      times * 2,
    );
    const fastest = Math.min(copied.cp.median, copied.rsync?.median ?? Infinity);
    const lines: Line[] = [
      {
        ...{ what: "10,000 files, 1 GB, copied and verified", unit: "ms", ours: copied.ml },
        ...{ peers: { "cp -r": copied.cp, "rsync -a": copied.rsync ?? null }, goal: "<= 1 x the fastest" },
        met: copied.ml.median <= fastest,
      },
      {
        ...{ what: "the same, confirmed unchanged", unit: "ms", ours: unchanged.ml },
        ...{ peers: { "rsync -a": unchanged.rsync ?? null }, goal: "<= 1 x rsync" },
        met: unchanged.rsync === undefined ? null : unchanged.ml.median <= unchanged.rsync.median,
      },
    ];
    return lines;
  },
};
