/** `ml info`: the whole story of one run, in sections: why, what, result, environment, resources, files. */
import { formatDuration } from "../core/duration.ts";
import { isForeign, unknownUser } from "../core/foreign-origin.ts";
import { formatSize } from "../core/size.ts";
import { expectedText, usedParts } from "./asked-used.ts";
import { dataFacts, imageText, venvText } from "./data-facts.ts";
import { expectationLines } from "./expectation-lines.ts";
import type { Face, Line, Span } from "./face.ts";
import { span } from "./face.ts";
import { type Fact, type FactSection, factPage } from "./facts.ts";
import { machineFacts } from "./machine-facts.ts";
import { markOf, verdictSpan, wordOf } from "./mark.ts";
import { type Curve, formatMetric } from "./metric.ts";
import { metricTable } from "./metric-page.ts";
import { safeLines, safeText } from "./safe-text.ts";
import { ago, clockTime, durationText, elapsedMs, fullTime, roughDuration, timeMs } from "./time.ts";
import { cancelledText, type RunDetail } from "./verdict-block.ts";

type Manifest = RunDetail["manifest"];

/** A fact, or none where the value is unknown or empty. */
function fact(label: string, value: string | number | null | undefined): Fact[] {
  if (value === null || value === undefined || value === "") return [];
  const lines = safeLines(String(value));
  return [{ label, value: lines.length === 1 ? (lines[0] ?? "") : lines }];
}

function listFact(label: string, values: readonly string[], separator?: string): Fact[] {
  if (values.length === 0) return [];
  const safe = values.map(safeText);
  return [{ label, value: separator === undefined ? safe : safe.join(separator) }];
}

function when(iso: string | null, face: Face): string | null {
  const full = fullTime(iso);
  return full === null ? null : `${full}  (${ago(iso, face.nowMs)})`;
}

function whyFacts({ manifest, expectation }: RunDetail, face: Face): Fact[] {
  const { narrative, metadata } = manifest;
  const checked = expectation == null ? [] : expectationLines(expectation, manifest, face);
  return [
    ...fact("hypothesis", narrative.hypothesis),
    ...fact("context", narrative.context),
    ...fact("intent", narrative.intent),
    ...fact("expected", narrative.expected_outcome),
    ...checked.map((value, index): Fact => ({ label: index === 0 ? "checked" : "", value })),
    ...fact("note", metadata.note),
    ...Object.entries(metadata).flatMap(([key, value]) =>
      key === "note" || typeof value === "object" ? [] : fact(safeText(key), String(value)),
    ),
    ...fact("group", narrative.experiment_group),
    ...listFact("tags", narrative.tags, ", "),
    ...fact("parent", narrative.parent_run),
    ...fact("outcome", narrative.outcome),
    ...(narrative.validation_status === null
      ? []
      : [{ label: "verdict", value: [verdictSpan(narrative.validation_status, face)] }]),
    ...listFact("learnings", narrative.learnings),
    ...listFact("next steps", narrative.next_steps),
    ...manifest.annotations.flatMap((one) =>
      fact("annotation", `${fullTime(one.timestamp) ?? "?"} ${one.author}: ${one.note}`),
    ),
  ];
}

function codeText(manifest: Manifest): string | null {
  const { git_commit: commit, git_branch: branch, git_dirty: dirty, git_remote: remote } = manifest.environment;
  if (commit === null) return null;
  const state = dirty === true ? ", with uncommitted changes" : dirty === false ? ", clean" : "";
  return `${commit.slice(0, 12)}${branch === null ? "" : ` on ${branch}`}${state}${remote === null ? "" : `  ${remote}`}`;
}

function whatFacts(manifest: Manifest, face: Face): Fact[] {
  const took = durationText(elapsedMs(manifest.started_at, manifest.ended_at, face.nowMs), manifest.ended_at === null);
  const waited = durationText(elapsedMs(manifest.queued_at, manifest.started_at, face.nowMs));
  return [
    ...fact("command", manifest.command),
    ...fact("folder inside", manifest.cwd === "." ? null : manifest.cwd),
    ...fact("user", manifest.user),
    ...fact("priority", manifest.priority),
    ...fact("code", codeText(manifest)),
    ...fact("snapshot", manifest.environment.snapshot?.slice(0, 16)),
    ...(isForeign(manifest) ? [] : fact("queued", when(manifest.queued_at, face))),
    ...fact(
      "started",
      manifest.started_at === null
        ? null
        : `${when(manifest.started_at, face)}${isForeign(manifest) ? "" : `, after ${waited} in line`}`,
    ),
    ...fact("ended", when(manifest.ended_at, face)),
    ...fact(manifest.ended_at === null ? "running for" : "took", manifest.started_at === null ? null : took),
    ...fact("from", lineageText(manifest)),
    ...fact("parameters", pairsText(manifest.lineage.origin?.parameters)),
    ...fact("tags there", pairsText(manifest.lineage.origin?.tags)),
    ...fact("attempt", attemptText(manifest)),
    ...fact("tried again as", manifest.lineage.retried_as),
  ];
}

/** `lr=0.1 bs=32`; null where there is none. */
function pairsText(pairs: Readonly<Record<string, string>> | undefined): string | null {
  const texts = Object.entries(pairs ?? {}).map(([name, value]) => `${name}=${value}`);
  if (texts.length === 0) return null;
  const shown = texts.slice(0, 40).map((text) => (text.length > 120 ? `${text.slice(0, 119)}…` : text));
  return texts.length > shown.length
    ? `${shown.join("  ")}  and ${texts.length - shown.length} more`
    : shown.join("  ");
}

/** `requeue of 2026-11-23_k3f9ab`; of an imported run, whose it was. Null for a run that was simply queued. */
function lineageText({ lineage, run_id }: Manifest): string | null {
  const { kind, source_run: source, origin } = lineage;
  if (kind === "queue") return null;
  if (kind === "sweep") return lineage.sweep_id === null ? kind : `sweep ${lineage.sweep_id}`;
  if (kind !== "import" || origin == null) return `${kind} of ${source}`;
  const name = origin.run_id === run_id ? "" : `, there ${origin.run_id}`;
  const brought =
    origin.imported_at == null ? "" : `, brought ${fullTime(origin.imported_at)} by ${origin.imported_by}`;
  const updated = origin.updated_at == null ? "" : `, updated ${fullTime(origin.updated_at)} by ${origin.updated_by}`;
  if (isForeign({ lineage })) {
    const experiment = origin.experiment == null ? "" : `, experiment ${origin.experiment}`;
    const user = origin.user === unknownUser ? "" : ` of ${origin.user}`;
    return `imported from ${origin.from}: run ${origin.run_id}${user}${experiment}${brought}${updated}`;
  }
  return `imported (${origin.from}): a run of ${origin.user}${origin.host === null ? "" : ` on ${origin.host}`}${name}${brought}`;
}

/** `2 of 4, on oom`; null where it is not to be tried again. */
function attemptText({ launch: { retry } }: Manifest): string | null {
  if (retry === null) return null;
  return `${retry.attempt} of ${retry.limit + 1}${retry.on.length === 0 ? "" : `, tried again on ${retry.on.join(", ")}`}`;
}

const shownArtifacts = 10;

function artifactFacts(manifest: Manifest): Fact[] {
  const { artifacts } = manifest;
  if (artifacts === null) return [];
  const count = artifacts.files.length + artifacts.not_listed;
  const lines = artifacts.files
    .slice(0, shownArtifacts)
    .map((file) => `${formatSize(file.size_bytes).padStart(7)}  ${safeText(file.path)}`);
  if (count > shownArtifacts) lines.push(`and ${count - shownArtifacts} more: \`ml ls ${manifest.run_id} work -R\``);
  return [
    ...fact(
      "artifacts",
      count === 0 ? "none" : `${count} ${count === 1 ? "file" : "files"}, ${formatSize(artifacts.total_size_bytes)}`,
    ),
    ...(lines.length === 0 ? [] : [{ label: "", value: lines }]),
  ];
}

/** `val_acc 0.81 (best 0.87)`, a line each; what was derived from a metric stands with it. */
function metricTexts(metrics: Manifest["metrics"]): string[] {
  const names = Object.keys(metrics).filter((name) => name !== "training_time_hours");
  const isDerived = (name: string) => /^(best|final)_/.test(name) && name.replace(/^(best|final)_/, "") in metrics;
  return names
    .filter((name) => !isDerived(name))
    .map((name) => {
      const last = formatMetric(metrics[name] ?? "NaN");
      const best = metrics[`best_${name}`];
      const known = best !== undefined && formatMetric(best) !== last;
      return `${name} ${last}${known ? ` (best ${formatMetric(best)})` : ""}`;
    });
}

/** `in 3m to 5m (about 14:30), 8 times of 10, by its progress and 7 runs like it`; null where unknown. */
function endsText({ eta, eta_range: range }: RunDetail["summary"], face: Face): string | null {
  const [low, high] = [timeMs(range?.low), timeMs(range?.high)];
  if (range === null || low === null || high === null) return null;
  const [from, to] = [low, high].map((at) => roughDuration(Math.max(0, at - face.nowMs)));
  const runs = `${range.runs} ${range.runs === 1 ? "run" : "runs"} like it`;
  const basis = { history: runs, progress: "its progress", both: `its progress and ${runs}`, line: "the line" }[
    range.basis
  ];
  return `in ${from} to ${to} (about ${clockTime(eta, face.nowMs)}), 8 times of 10, by ${basis}`;
}

function resultFacts(detail: RunDetail, face: Face): Fact[] {
  const { manifest, summary } = detail;
  const { failure } = manifest;
  return [
    ...fact("progress", manifest.ended_at === null ? summary.progress?.text : null),
    ...fact("ends", endsText(summary, face)),
    ...fact("exit code", manifest.exit_code),
    ...fact("cancelled", cancelledText(manifest)),
    ...fact("signal", manifest.signal),
    ...fact("failure", failure?.kind),
    ...fact("why", failure?.message),
    ...fact("try", failure?.hint),
    ...listFact("proof", failure === null ? [] : (failure.evidence ?? [])),
    ...fact("traceback", failure?.traceback),
    ...listFact("remarks", manifest.remarks),
    ...listFact("metrics", metricTexts(manifest.metrics)),
    ...artifactFacts(manifest),
    ...fact("problem", summary.problem),
  ];
}

/** The image, and the digest where it is not named by that. */
function containerText({ environment: { container_image: image, container_digest: digest } }: Manifest): string | null {
  if (image === null || digest === null || image.includes(digest)) return image;
  return `${image} ${digest}`;
}

function environmentFacts(manifest: Manifest): Fact[] {
  const { environment } = manifest;
  const variables = Object.entries(environment.env_vars);
  const named = (masked: boolean) => variables.flatMap(([name, value]) => ((value === null) === masked ? name : []));
  const packages = environment.pip_freeze?.trim().split("\n").length ?? null;
  return [
    ...fact(
      "python",
      [environment.python_version, environment.python_executable].filter((part) => part !== null).join("  "),
    ),
    ...fact("environment", venvText(manifest)),
    ...fact("packages", packages === null ? null : `${packages} (env/pip_freeze.txt)`),
    ...fact("system", [environment.os, environment.kernel].filter((part) => part !== null).join(", ")),
    ...fact("cuda", environment.cuda_version),
    ...fact("gpu driver", environment.gpu_driver),
    ...fact("container", containerText(manifest)),
    ...fact("image", imageText(manifest)),
    ...listFact("not captured", environment.partial),
    ...listFact("variables", named(false).slice(0, 40), " "),
    ...listFact("masked", named(true).slice(0, 40), " "),
  ];
}

const gigabytes = (value: number | null) => (value === null ? null : formatSize(value * 1e9));

function requestedText(requested: Manifest["resources"]["requested"]): string {
  const memory = requested.gpu_memory_gb === null ? "" : ` with ${gigabytes(requested.gpu_memory_gb)} each`;
  const parts = [
    `${requested.cpu_cores} CPU`,
    requested.gpus > 0 ? `${requested.gpus} GPU${memory}` : null,
    requested.ram_gb === null ? null : `${gigabytes(requested.ram_gb)} RAM`,
    requested.disk_gb === null ? null : `${gigabytes(requested.disk_gb)} disk`,
    requested.max_runtime_hours === null ? null : `at most ${formatDuration(requested.max_runtime_hours * 3_600_000)}`,
  ];
  return parts.filter((part) => part !== null).join(", ");
}

function resourceFacts(detail: RunDetail): Fact[] {
  const { resources } = detail.manifest;
  const { actual, assigned } = resources;
  return [
    ...fact("requested", requestedText(resources.requested)),
    ...fact("expected", expectedText(detail.manifest)),
    ...listFact("used", usedParts(detail.manifest), ", "),
    ...listFact("gpus", assigned?.gpu_ids ?? [], " "),
    ...fact("gpu model", resources.gpu_model),
    ...fact("cpu model", resources.cpu_model),
    ...machineFacts(actual).flatMap(([label, words]) => fact(label, words)),
    ...fact("cpu time", durationText(actual?.cpu_time_seconds == null ? null : actual.cpu_time_seconds * 1000)),
    ...fact("host", resources.host),
    ...fact("worker", detail.worker),
  ];
}

function fileFacts(detail: RunDetail): Fact[] {
  return fact("folder", detail.folder);
}

function title(detail: RunDetail, face: Face): Line {
  const { summary, manifest } = detail;
  const state: Span[] = [markOf(summary, face), span(" "), span(safeText(manifest.name), "strong")];
  return [...state, span(`  ${manifest.run_id}`, "dim"), span("  "), wordOf(summary)];
}

export type InfoPart = "why" | "what" | "result" | "data" | "environment" | "resources" | "files";

/** The story of a run in its parts, in the order of the page; the terminal UI shows them on tabs of their own. */
export function infoSections(detail: RunDetail, face: Face): Record<InfoPart, FactSection> {
  const { manifest } = detail;
  return {
    why: { title: "Why", facts: whyFacts(detail, face) },
    what: { title: "What", facts: whatFacts(manifest, face) },
    result: { title: "Result", facts: resultFacts(detail, face) },
    data: { title: "Data", facts: dataFacts(manifest, face) },
    environment: { title: "Environment", facts: environmentFacts(manifest) },
    resources: { title: "Resources", facts: resourceFacts(detail) },
    files: { title: "Files", facts: fileFacts(detail) },
  };
}

/** `curves`: adds a table of metrics with their course; null leaves it out. */
export function infoPage(detail: RunDetail, curves: readonly Curve[] | null, face: Face): Line[] {
  const page = [title(detail, face), [], ...factPage(Object.values(infoSections(detail, face)), face)];
  if (curves === null || curves.length === 0) return page;
  return [...page, [], [span("Metrics", "strong")], ...metricTable(curves, face, 2)];
}
