/** README.md of a bundle: one page for a reader who has never heard of us, as people wrote it and as it was measured. */
import { formatDuration } from "../core/duration.ts";
import type { Manifest } from "../run/manifest.ts";
import type { BundleRecord } from "./layout.ts";

/** On one line, without what would be markup or would draw on a terminal. */
function plain(text: string): string {
  return text.replaceAll(/[\0-\x1f\x7f-\x9f]+/g, " ").replaceAll(/[<>|`*_\\[\]]/g, (mark) => `\\${mark}`);
}

/** A command in a code span. */
const code = (text: string) => `\`${text.replaceAll(/[\0-\x1f\x7f-\x9f]+/g, " ").replaceAll("`", "'")}\``;

const item = (label: string, value: string | null | undefined) =>
  value == null || value === "" ? [] : [`- **${label}:** ${plain(value)}`];

function tookText({ started_at, ended_at }: Manifest): string | null {
  if (started_at === null || ended_at === null) return null;
  return formatDuration(Date.parse(ended_at) - Date.parse(started_at));
}

const shownMetrics = 20;

function metricTable({ metrics }: Manifest): string[] {
  const all = Object.entries(metrics);
  if (all.length === 0) return [];
  const rows = all.slice(0, shownMetrics).map(([name, value]) => `| ${plain(name)} | ${value} |`);
  const more = all.length > shownMetrics ? ["", `${all.length - shownMetrics} more are in its run_manifest.json.`] : [];
  return ["", "| metric | last value |", "|---|---|", ...rows, ...more];
}

function outcomeText(manifest: Manifest): string {
  const took = tookText(manifest);
  const kind = manifest.failure === null ? "" : ` (${manifest.failure.kind})`;
  return `${manifest.status}${kind}${took === null ? "" : ` after ${took}`}`;
}

export interface ReadmeParts {
  record: BundleRecord;
  manifests: readonly Manifest[];
  /** Runs that have a figure. */
  figures: ReadonlySet<string>;
}

function runSection(manifest: Manifest, { record, figures }: ReadmeParts): string[] {
  const { narrative, environment, resources, annotations, run_id: runId } = manifest;
  const left = record.runs.find((run) => run.run_id === runId)?.left_out ?? [];
  return [
    `## ${plain(manifest.name)} (${runId})`,
    "",
    code(manifest.command),
    "",
    ...item("result", outcomeText(manifest)),
    ...item("verdict", narrative.validation_status),
    ...item("hypothesis", narrative.hypothesis),
    ...item("context", narrative.context),
    ...item("intent", narrative.intent),
    ...item("expected", narrative.expected_outcome),
    ...item("note", manifest.metadata.note),
    ...item("outcome", narrative.outcome),
    ...narrative.learnings.flatMap((text) => item("learned", text)),
    ...narrative.next_steps.flatMap((text) => item("next", text)),
    ...annotations.flatMap((one) => item(`${one.author}, ${one.timestamp.slice(0, 10)}`, one.note)),
    ...item("ran", `queued ${manifest.queued_at} by ${manifest.user}, on ${resources.host ?? "an unknown machine"}`),
    ...item("machine", [resources.cpu_model, resources.gpu_model].filter((one) => one !== null).join("; ")),
    ...item("python", environment.python_version),
    ...item(
      "commit",
      environment.git_commit === null
        ? null
        : `${environment.git_commit}${environment.git_dirty ? ", with changes (env/git.diff)" : ""}`,
    ),
    ...(left.length === 0 ? [] : [`- **left out:** ${left.length} files, named in bundle.json`]),
    ...metricTable(manifest),
    ...(figures.has(runId) ? ["", `![curve of ${runId}](figures/${runId}.svg)`] : []),
    "",
  ];
}

const levelTexts = {
  all: "The run folders are whole.",
  some: "Of the artifacts only those that were asked for are in it.",
  metadata: "Records and measurements alone: no output, no code, no artifacts.",
};

export function readmeText(parts: ReadmeParts): string {
  const { record, manifests } = parts;
  const runs = `${manifests.length} ${manifests.length === 1 ? "run" : "runs"}`;
  const again =
    record.level === "metadata"
      ? []
      : [
          "To run it again: `sh reproduce.sh` (`sh reproduce.sh --help` says how; it needs nothing but a shell and the interpreter).",
        ];
  return [
    `# ${runs} of ${plain(
      manifests
        .map(({ name }) => name)
        .slice(0, 5)
        .join(", "),
    )}${manifests.length > 5 ? " …" : ""}`,
    "",
    `Made ${record.created_at} with ${record.made_with}. ${levelTexts[record.level]}`,
    ...(record.redacted.length === 0
      ? []
      : [`Taken out on request: ${record.redacted.join(", ")}; REDACTED.txt lists it.`]),
    "",
    "To check it: `sha256sum -c SHA256SUMS` in this folder.",
    ...again,
    "Each run is a folder under `runs/`: run_manifest.json is its record, output.log what it printed, metrics.jsonl what it measured, env/ what it ran with. The code is under `code/`.",
    "",
    ...manifests.flatMap((manifest) => runSection(manifest, parts)),
  ].join("\n");
}
