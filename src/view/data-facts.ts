/** Datasets, environment and image of a run for its page: which, how they came to it, when they were looked at, and whether they had changed. */
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

const inWords = (seconds: number) => formatDuration(Math.max(1, seconds * 1000));

/** `, waited 3 s, saved 9 s`: what a copy made ahead was worth to the run; nothing where no copy could have been. */
export function worthText(use: {
  waited_seconds: number | null;
  time_saved_seconds: number | null;
  /** It was there, or under way, before the turn came. */
  ahead: boolean;
}): string {
  const { waited_seconds: waited, time_saved_seconds: saved, ahead } = use;
  const stood = waited === null || waited === 0 ? "" : `, the run waited ${inWords(waited)} for it`;
  if (saved !== null && saved > 0) return `${stood}, saved ${inWords(saved)}`;
  return ahead && saved === null ? `${stood}, time saved unknown` : stood;
}

function wayText(use: Use): string {
  const { fetched_via: via, fetch_time_seconds: seconds, fetched_why: why } = use;
  if (via === null) return "not given to it yet";
  const took = seconds === null ? "" : `, copied in ${inWords(seconds)}`;
  const worth = via === "direct" ? "" : worthText({ ...use, ahead: via === "prewarm" });
  return `${ways[via]}${took}${worth}${why === null || why === "hit" || why === ways[via] ? "" : ` (${safeText(why)})`}`;
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
    files === null ? null : `${files.toLocaleString("en-US")} ${files === 1 ? "file" : "files"}`,
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

const venvWays = { prewarm: "there at its turn", on_demand: "built before the start", failed: "not to be had" };

/** `uv.lock with uv 0.5.1, 1.2 GB, there at its turn, built in 41 s, saved 41 s`; null where it was queued with none. */
export function venvText({ environment: { venv } }: Manifest): string | null {
  if (venv == null) return null;
  const { lock, tool, size_gb: size, built_via: via, build_seconds: seconds } = venv;
  const made = [
    `from ${safeText(lock)}${tool === null ? "" : ` by ${safeText(tool)}`}`,
    size === null ? null : formatSize(size * 1e9),
    via === null ? "not given to it yet" : venvWays[via],
    seconds === null ? null : `built in ${inWords(seconds)}`,
  ].filter((part) => part !== null);
  return `${made.join(", ")}${worthText({ ...venv, ahead: via === "prewarm" })}`;
}

const imageWays = { prewarm: "pulled ahead", there: "there at its turn", command: "left to the command to pull" };

/** `by podman, 6.1 GB, pulled ahead in 41 s, saved 41 s`; null where its command starts no container that we know of. */
export function imageText({ environment: { image } }: Manifest): string | null {
  if (image == null) return null;
  const { engine, size_gb: size, pulled_via: via, pull_seconds: seconds, pulled_why: why } = image;
  const way =
    via === null
      ? `unknown (${safeText(why ?? "")})`
      : `${imageWays[via]}${via === "prewarm" && seconds !== null ? ` in ${inWords(seconds)}` : ""}`;
  const miss = via === "command" && why !== null ? ` (${safeText(why)})` : "";
  const parts = [`by ${safeText(engine)}`, size === null ? null : formatSize(size * 1e9), `${way}${miss}`];
  return `${parts.filter((part) => part !== null).join(", ")}${worthText({ ...image, ahead: via === "prewarm" })}`;
}

/** What it was seen to read, and how sure that is. */
function readsFacts({ reads, launch }: Manifest): Fact[] {
  if (reads == null) return launch.trace_reads === true ? [{ label: "read", value: "told when it has ended" }] : [];
  const { how, looks, files, cut, datasets } = reads;
  const basis =
    how === "strace"
      ? "every file that it opened, by strace"
      : `what was open at ${looks} looks; what was open only between them is not seen`;
  const texts = datasets.map(({ name, version, files: count, looks: at, named }) => {
    const open = at === null ? "" : `, open at ${at} of ${looks} looks`;
    const unnamed = named ? "" : ", without --data";
    return `${safeText(name)}${version === null ? "" : ` version ${safeText(version)}`}: ${count === 1 ? "1 file" : `${count} files`}${open}${unnamed}`;
  });
  const all = `${files}${cut ? " or more" : ""} ${files === 1 ? "file" : "files"} in all (env/reads.tsv; ${basis})`;
  return [{ label: "read", value: [...(texts.length === 0 ? ["no registered dataset"] : texts), all] }];
}

export function dataFacts(manifest: Manifest, face: Face): Fact[] {
  return [
    ...manifest.datasets.map((use) => ({ label: safeText(use.name), value: useTexts(use, face) })),
    ...readsFacts(manifest),
  ];
}
