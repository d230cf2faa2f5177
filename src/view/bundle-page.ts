/** What `ml verify` found in a bundle, and what `ml import` did with it. */
import { formatSize } from "../core/size.ts";
import type { Imported } from "../protocol/bundle.ts";
import type { RunCheck } from "../protocol/keep.ts";
import { checkLines } from "./check-page.ts";
import { cutLine, type Face, type Line, span } from "./face.ts";
import { safeText } from "./safe-text.ts";

export interface Verified {
  file: string;
  valid: boolean;
  checks: RunCheck[];
  runs: { run_id: string; name: string }[];
  files: number;
  size_bytes: number;
}

const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? "" : "s"}`;

export function verifyPage(found: Verified, face: Face): Line[] {
  const failed = found.checks.filter(({ state }) => state === "failed").length;
  const held = `${plural(found.runs.length, "run")}, ${plural(found.files, "file")}, ${formatSize(found.size_bytes)} unpacked`;
  const sentence: Line = found.valid
    ? [span("valid", "good"), span(`  ${safeText(found.file)}  ${held}`, "dim")]
    : [
        span("not valid", "bad"),
        span(`: ${failed} of ${found.checks.length} checks failed`),
        span(`  ${safeText(found.file)}`, "dim"),
      ];
  return [...found.checks.flatMap((check) => checkLines(check, face)), [], cutLine(sentence, face.width, face.unicode)];
}

export interface CarriedRun {
  /** Its id here, and there; null where it did not get there. */
  run_id: string;
  there_as: string | null;
  name: string;
  status: string;
  state: "pushed" | "there_already" | "refused";
  why: string | null;
}

/** What became of runs on their way to another server; `place` is that server. */
export function pushedPage(
  { runs, sentBytes, place }: { runs: readonly CarriedRun[]; sentBytes: number; place: string },
  face: Face,
): Line[] {
  const mark = face.unicode ? "✓" : "+";
  const same = face.unicode ? "–" : "-";
  const wrong = face.unicode ? "✗" : "x";
  const lines = runs.slice(0, shownRuns).map(({ run_id, there_as, name, status, state, why }): Line => {
    const as = there_as === null || there_as === run_id ? "" : `  as ${there_as}`;
    if (state === "refused")
      return [span(wrong, "bad"), span(` ${safeText(name)}`, "strong"), span(`  ${run_id}  ${safeText(why ?? "")}`)];
    if (state === "there_already")
      return [span(same, "dim"), span(` ${safeText(name)}  ${run_id}  there already${as}`, "dim")];
    return [
      span(mark, "good"),
      span(` ${safeText(name)}`, "strong"),
      span(`  ${run_id}`, "dim"),
      span(`  ${status}`),
      span(as, "dim"),
    ];
  });
  const count = (state: CarriedRun["state"]) => runs.filter((run) => run.state === state).length;
  const there = count("there_already");
  const refused = count("refused");
  const sentence = [
    `pushed ${plural(count("pushed"), "run")} to ${safeText(place)}, ${formatSize(sentBytes)} sent`,
    ...(there > 0 ? [`${there} ${there === 1 ? "was" : "were"} there already`] : []),
    ...(refused > 0 ? [`${refused} refused`] : []),
  ].join(", ");
  return [...lines.map((line) => cutLine(line, face.width, face.unicode)), [span(sentence)]];
}

/** More are counted; `-q` names them all. */
const shownRuns = 50;

export function importedPage({ runs }: Imported, face: Face): Line[] {
  const lines = runs.slice(0, shownRuns).map((run) => importedLine(run, face));
  const count = (state: Imported["runs"][number]["state"]) => runs.filter((run) => run.state === state).length;
  const [here, updated, grown] = [count("here_already"), count("updated"), count("grown")];
  const sentence = [
    `imported ${plural(count("imported"), "run")}`,
    ...(updated > 0 ? [`updated ${updated}`] : []),
    ...(here > 0 ? [`${here} ${here === 1 ? "was" : "were"} here already`] : []),
    ...(grown > 0 ? [`${grown} changed there since and ${grown === 1 ? "stays" : "stay"} here as imported`] : []),
  ].join(", ");
  const more = runs.length > shownRuns ? [[span(`and ${runs.length - shownRuns} more`, "dim")]] : [];
  return [...lines, ...more, [span(sentence)], ...grownHint(runs)];
}

function importedLine(run: Imported["runs"][number], face: Face): Line {
  const { run_id, bundled_as, name, status, state, new_points, changes, contradictions } = run;
  const mark = face.unicode ? "✓" : "+";
  const same = face.unicode ? "–" : "-";
  const was = bundled_as === run_id ? "" : `  was ${safeText(bundled_as)} there`;
  const about = [span(` ${safeText(name)}`, "strong"), span(`  ${run_id}`, "dim")];
  if (state === "here_already")
    return [span(same, "dim"), span(` ${safeText(name)}  ${run_id}  here already${was}`, "dim")];
  if (state === "imported") return [span(mark, "good"), ...about, span(`  ${status}`), span(was, "dim")];
  if (state === "updated")
    return [
      span(mark, "good"),
      ...about,
      span(`  updated: ${(changes ?? []).map(safeText).join(", ")}`),
      span(was, "dim"),
    ];
  const why =
    contradictions === undefined
      ? grownText(new_points ?? 0)
      : `stays as imported: ${contradictions.map(safeText).join("; ")}`;
  return [span("!", "warn"), ...about, span(`  ${why}`, "warn"), span(was, "dim")];
}

/** What to type for the first that stays as it was. */
function grownHint(runs: Imported["runs"]): Line[] {
  const grown = runs.find(({ state }) => state === "grown");
  if (grown === undefined) return [];
  const text =
    grown.contradictions === undefined
      ? "the same again with `--update` takes over what is new there, and keeps what was said here"
      : `to have it as it is there now: \`ml delete ${grown.run_id}\`, then import again`;
  return [[span(text, "dim")]];
}

/** What is there now is more, or something else, than what was imported. */
const grownText = (newPoints: number) =>
  newPoints > 0
    ? `grew since: ${newPoints.toLocaleString("en")} new ${newPoints === 1 ? "point" : "points"}`
    : "changed since";
