/**
 * Whether runs that name the same dataset did read the same data: it may have changed between them, or under one of them. From what
 * each run's own looks found, so an old run knows as much as it knew then. Pure.
 */
import type { Manifest } from "../run/manifest.ts";

/** A dataset as one run had it. */
export interface DataSeen {
  name: string;
  version: string | null;
  registered: string | null;
  /** What it was when the run looked; as it was registered, where no look could tell. */
  seen: string | null;
  /** The first files that differed from what was registered: `+`, `-` or `~`, and the path. */
  files: string[];
}

export function dataSeen({ datasets }: Pick<Manifest, "datasets">): DataSeen[] {
  return datasets.map((use) => {
    const { name, version, checksum, drift } = use;
    const looked = [use.start_check, use.end_check, drift === null ? null : use.queued_check];
    const seen = looked.find((look) => typeof look?.checksum === "string")?.checksum ?? checksum;
    return { name, version, registered: checksum, seen, files: drift?.files ?? [] };
  });
}

export interface RunData {
  /** What the run is called in a sentence. */
  title: string;
  data: readonly DataSeen[];
}

const named = 3;
const listed = (words: readonly string[]) =>
  `${words.slice(0, named).join(", ")}${words.length > named ? " and more" : ""}`;

/** A sentence for each dataset that was not the same in all runs that used it; `changes` may know which files two versions differ in. */
export function dataWarnings(
  runs: readonly RunData[],
  changes: (name: string, from: string, to: string) => string[] = () => [],
): string[] {
  const names = [...new Set(runs.flatMap(({ data }) => data.map(({ name }) => name)))];
  return names.flatMap((name) => {
    const users = runs.flatMap(({ title, data }) =>
      data.filter((one) => one.name === name).map((one) => ({ title, ...one })),
    );
    if (new Set(users.map(({ seen }) => seen)).size < 2) return [];
    const drifted = users.filter(({ seen, registered }) => seen !== registered);
    const files = [...new Set(drifted.flatMap((one) => one.files))];
    const changed =
      drifted.length === 0
        ? []
        : [
            `dataset ${name} was not as registered when ${listed(drifted.map(({ title }) => title))} read it${files.length === 0 ? "" : `: ${listed(files)}`}; the other${users.length - drifted.length === 1 ? "" : "s"} read other data`,
          ];
    const versions = [...new Set(users.flatMap(({ version }) => version ?? []))];
    if (versions.length < 2) return changed;
    const [from = "", to = ""] = versions;
    const between = versions.length === 2 ? changes(name, from, to) : [];
    return [
      ...changed,
      `they read other versions of dataset ${name}: ${listed(versions)}${between.length === 0 ? "" : ` (${listed(between)})`}`,
    ];
  });
}
