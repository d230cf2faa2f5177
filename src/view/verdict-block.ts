/**
 * How a run ended, in a few lines: the mark and the word, how long, the last and best metrics, what it left behind
 * and where; for failures the kind, what was seen, what to try, and the end of the traceback. Works from the manifest
 * alone, so that it says the same in ten years.
 */
import { formatSize } from "../core/size.ts";
import type { Reply } from "../protocol/requests.ts";
import { usedLine } from "./asked-used.ts";
import { expectationLines } from "./expectation-lines.ts";
import { cutLine, type Face, type Line, type Span, span, wrapText } from "./face.ts";
import { dot, markOf, shortId, unknown, wordOf } from "./mark.ts";
import { type Curve, formatMetric } from "./metric.ts";
import { safeLines, safeText } from "./safe-text.ts";
import { durationText, elapsedMs } from "./time.ts";

export type RunDetail = Reply<"run.get">;

const tracebackLines = 8;
const shownMetrics = 6;
const shownArtifacts = 3;

/** `completed in 4h15m`, `failed after 3m12s: gpu_oom`, `cancelled before it started`. */
function headLine(detail: RunDetail, face: Face): Line {
  const { manifest, summary } = detail;
  const took = durationText(elapsedMs(manifest.started_at, manifest.ended_at, face.nowMs));
  const word = { ...wordOf(summary) };
  const time =
    manifest.started_at === null
      ? " before it started"
      : took === null
        ? ""
        : `${manifest.status === "completed" ? " in" : " after"} ${took}`;
  const kind = manifest.failure === null ? [] : [span(": "), span(manifest.failure.kind, "bad")];
  const who = [span(safeText(manifest.name), "strong"), span(` ${manifest.run_id}`, "dim")];
  return [markOf(summary, face), span(" "), word, span(time), ...kind, span("  "), ...who];
}

/** `loss 0.031 (best 0.029 at step 90)`. */
export function metricFact(curve: Curve): Span[] {
  const last = [span(`${safeText(curve.name)} `, "dim"), span(formatMetric(curve.last))];
  if (curve.best === null || curve.best === curve.last) return last;
  const at = curve.bestStep === null ? "" : ` at step ${curve.bestStep}`;
  return [...last, span(` (best ${formatMetric(curve.best)}${at})`, "dim")];
}

function metricsLine(curves: readonly Curve[], face: Face): Line {
  const shown = curves.slice(0, shownMetrics).map(metricFact);
  const more = curves.length > shownMetrics ? [span(`  and ${curves.length - shownMetrics} more`, "dim")] : [];
  return [...shown.flatMap((fact, index) => (index === 0 ? fact : [dot(face), ...fact])), ...more];
}

function artifactsLine(detail: RunDetail, face: Face): Line | null {
  const { artifacts } = detail.manifest;
  if (artifacts === null) return [unknown(face)];
  const count = artifacts.files.length + artifacts.not_listed;
  if (count === 0) return null;
  const total = span(`${count} ${count === 1 ? "file" : "files"}, ${formatSize(artifacts.total_size_bytes)}`);
  const largest = [...artifacts.files].sort((a, b) => b.size_bytes - a.size_bytes).slice(0, shownArtifacts);
  const names = largest.map((file) => `${safeText(file.path)} ${formatSize(file.size_bytes)}`).join(", ");
  return [total, span(`: ${names}${count > shownArtifacts ? ", …" : ""}`, "dim")];
}

function labelled(label: string, line: Line): Line {
  return [span(`  ${label.padEnd(10)} `, "dim"), ...line];
}

/** `by ana: makes room for the demo`; null where it was not cancelled, or nobody is on record. */
export function cancelledText({ cancelled }: Pick<RunDetail["manifest"], "cancelled">): string | null {
  if (cancelled === null) return null;
  return `by ${safeText(cancelled.by)}${cancelled.reason === null ? "" : `: ${safeText(cancelled.reason)}`}`;
}

function failureLines(detail: RunDetail, face: Face): Line[] {
  const { failure, exit_code: exitCode, signal } = detail.manifest;
  if (failure === null) return [];
  const width = Math.max(20, face.width - 13);
  const said = safeLines(failure.message).flatMap((line) => wrapText(line, width));
  const lines: Line[] = said.map((text, index) => labelled(index === 0 ? "why" : "", [span(text)]));
  if (signal !== null) lines.push(labelled("signal", [span(signal)]));
  else if (exitCode !== null) lines.push(labelled("exit code", [span(String(exitCode))]));
  if (failure.hint !== null) {
    const hint = safeLines(failure.hint).flatMap((line) => wrapText(line, width));
    lines.push(...hint.map((text, index) => labelled(index === 0 ? "try" : "", [span(text, "accent")])));
  }
  // What the sentence above does not say already.
  const proof = (failure.evidence ?? []).filter(
    (line) => !failure.message.includes(line) && failure.traceback === null,
  );
  for (const [index, text] of proof.flatMap((line) => wrapText(safeText(line), width)).entries())
    lines.push(labelled(index === 0 ? "proof" : "", [span(text, "dim")]));
  if (failure.traceback !== null) {
    const all = safeLines(failure.traceback);
    const bar = face.unicode ? "│ " : "| ";
    if (all.length > tracebackLines)
      lines.push([span(`    ${face.unicode ? "⋮" : ":"} ${all.length - tracebackLines} lines before`, "dim")]);
    for (const text of all.slice(-tracebackLines)) lines.push([span(`    ${bar}`, "dim"), span(text)]);
  }
  return lines;
}

/** The block, each line cut to the face's width. `curves` are those of the run's metrics; none is fine. */
export function verdictBlock(detail: RunDetail, curves: readonly Curve[], face: Face): Line[] {
  const { manifest } = detail;
  const lines: Line[] = [headLine(detail, face), ...failureLines(detail, face)];
  const cancelled = cancelledText(manifest);
  if (cancelled !== null)
    for (const [index, text] of wrapText(cancelled, Math.max(20, face.width - 13)).entries())
      lines.push(labelled(index === 0 ? "cancelled" : "", [span(text)]));
  for (const remark of manifest.remarks)
    for (const [index, text] of wrapText(safeText(remark), Math.max(20, face.width - 13)).entries())
      lines.push(labelled(index === 0 ? "remark" : "", [span(text, "warn")]));
  if (curves.length > 0) lines.push(labelled("metrics", metricsLine(curves, face)));
  const used = usedLine(manifest, face);
  if (used !== null) lines.push(labelled("used", used));
  if (detail.expectation != null)
    for (const [index, line] of expectationLines(detail.expectation, manifest, face).entries())
      lines.push(labelled(index === 0 ? "checked" : "", line));
  const artifacts = artifactsLine(detail, face);
  if (artifacts !== null) lines.push(labelled("artifacts", artifacts));
  const rest = lines.map((line) => cutLine(line, face.width, face.unicode));
  const { retried_as: next } = manifest.lineage;
  const { retry } = manifest.launch;
  if (next !== null && retry !== null) {
    const which = `retry ${retry.attempt} of ${retry.limit} is ${next}`;
    rest.push(labelled("again", [span(`${which}: `), span(`ml logs -f ${shortId(next)}`, "accent")]));
  }
  // A path is for copying: never cut.
  rest.push(labelled("folder", [span(safeText(detail.folder))]));
  if (manifest.status === "failed")
    rest.push(labelled("more", [span(`ml info ${shortId(manifest.run_id)}`, "accent")]));
  return rest;
}
