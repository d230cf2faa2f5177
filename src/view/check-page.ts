/** A report of named checks: a mark, the name, what was found; below what failed, what was expected, where, and the cure. */
import { formatSize } from "../core/size.ts";
import type { RunCheck, Validation } from "../protocol/keep.ts";
import { cutLine, type Face, type Line, span, type Tone, wrapText } from "./face.ts";
import { safeText } from "./safe-text.ts";

const marks: Record<RunCheck["state"], { mark: string; ascii: string; tone: Tone }> = {
  ok: { mark: "✓", ascii: "+", tone: "good" },
  failed: { mark: "✗", ascii: "x", tone: "bad" },
  unknown: { mark: "?", ascii: "?", tone: "warn" },
  skipped: { mark: "–", ascii: "-", tone: "dim" },
};
const nameWidth = 12;
const indent = nameWidth + 4;

function below(label: string, text: string, face: Face): Line[] {
  const width = Math.max(20, face.width - indent - label.length);
  return wrapText(safeText(text), width).map((part, index) => [
    span(" ".repeat(indent)),
    span(index === 0 ? label : " ".repeat(label.length), "dim"),
    span(part),
  ]);
}

export function checkLines(check: RunCheck, face: Face): Line[] {
  const { mark, ascii, tone } = marks[check.state];
  const dull = check.state === "skipped";
  const found = wrapText(safeText(check.actual ?? ""), Math.max(20, face.width - indent));
  const lines: Line[] = found.map((text, index) =>
    index === 0
      ? [
          span(face.unicode ? mark : ascii, tone),
          span(` ${check.name.padEnd(nameWidth)}  `, dull ? "dim" : "strong"),
          span(text, dull ? "dim" : "plain"),
        ]
      : [span(" ".repeat(indent)), span(text, dull ? "dim" : "plain")],
  );
  if (check.state === "failed" && check.expected !== null) lines.push(...below("expected: ", check.expected, face));
  for (const sentence of check.evidence) lines.push(...below("", sentence, face));
  if (check.cure !== null && check.state === "failed") lines.push(...below("cure: ", check.cure, face));
  return lines;
}

/** `valid: 9 checks at level basic, 12 files, 3.4 MB in 20 ms`. */
function sentence(found: Validation): Line {
  const failed = found.checks.filter((check) => check.state === "failed").length;
  const read = `${found.files} ${found.files === 1 ? "file" : "files"}, ${formatSize(found.size_bytes)} in ${found.took_ms} ms`;
  return found.valid
    ? [span("valid", "good"), span(` at level ${found.level}`), span(`  ${found.run_id}  ${read}`, "dim")]
    : [
        span("not valid", "bad"),
        span(` at level ${found.level}: ${failed} of ${found.checks.length} checks failed`),
        span(`  ${found.run_id}  ${read}`, "dim"),
      ];
}

export function checkPage(found: Validation, face: Face): Line[] {
  return [
    ...found.checks.flatMap((check) => checkLines(check, face)),
    [],
    cutLine(sentence(found), face.width, face.unicode),
  ];
}
