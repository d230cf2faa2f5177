/** The datasets of a run for its page: which, how they came to it, when they were looked at, and whether they had changed. */
import { formatDuration } from "../core/duration.ts";
import { formatSize } from "../core/size.ts";
import { driftText, shortSum } from "./dataset-page.ts";
import type { Face } from "./face.ts";
import type { Fact } from "./facts.ts";
import { safeText } from "./safe-text.ts";
import { clockTime } from "./time.ts";
import type { RunDetail } from "./verdict-block.ts";

type Manifest = RunDetail["manifest"];
type Use = Manifest["datasets"][number];

const ways = { prewarm: "from the local copy, warm", on_demand: "copied before the start", direct: "read where it is" };

function wayText({ fetched_via: via, fetch_time_seconds: seconds, fetched_why: why }: Use): string {
  if (via === null) return "not given to it yet";
  const took = seconds === null ? "" : `, copied in ${formatDuration(Math.max(1, seconds * 1000))}`;
  return `${ways[via]}${took}${why === null || why === "hit" || why === ways[via] ? "" : ` (${safeText(why)})`}`;
}

function checkText(use: Use, face: Face): string {
  const moments = [
    ["queued", use.queued_check],
    ["start", use.start_check],
    ["end", use.end_check],
  ] as const;
  const parts = moments.flatMap(([name, check]) => {
    if (check === null) return [];
    const same = check.checksum === use.checksum ? "the same" : "other data";
    return [`${name} ${clockTime(check.at, face.nowMs) ?? ""} ${check.problem === null ? same : "not readable"}`];
  });
  return parts.length === 0 ? "not looked at yet" : parts.join(", ");
}

function useTexts(use: Use, face: Face): string[] {
  const { version, size_gb: size, num_files: files, checksum, drift } = use;
  const what = [
    version === null ? null : `version ${safeText(version)}`,
    size === null ? null : formatSize(size * 1e9),
    files === null ? null : `${files.toLocaleString("en-US")} files`,
    checksum === null ? null : shortSum(checksum),
  ].filter((part) => part !== null);
  return [
    what.join(", "),
    `${wayText(use)}: ${safeText(use.local_path ?? use.nas_path ?? "")}`,
    `checked: ${checkText(use, face)}`,
    ...(drift === null
      ? []
      : [
          `changed (seen ${drift.seen === "queued" ? "when it was queued" : `at the ${drift.seen}`}): ${driftText(drift)}: ${drift.files.slice(0, 3).map(safeText).join(", ")}`,
        ]),
  ];
}

export function dataFacts(manifest: Manifest, face: Face): Fact[] {
  return manifest.datasets.map((use) => ({ label: safeText(use.name), value: useTexts(use, face) }));
}
