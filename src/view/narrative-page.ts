/** What people wrote about a run or a group: every field in the order of the table, then the history of changes. */
import type { Reply } from "../protocol/requests.ts";
import type { Narrated } from "../protocol/think-requests.ts";
import { fieldNamed, narrativeFields } from "../think/narrative-field.ts";
import { type Face, type Line, span } from "./face.ts";
import { type Fact, factPage } from "./facts.ts";
import { shortId, unknown, verdictCounts, verdictSpan } from "./mark.ts";
import { safeLines, safeText } from "./safe-text.ts";
import { fullTime } from "./time.ts";

type Narrated1 = Reply<"narrative.get">;
type Value = string | readonly string[] | null;

/** A value on one line. */
export function valueText(value: unknown, separator = "; "): string {
  if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) return "nothing";
  return safeText(Array.isArray(value) ? value.map(String).join(separator) : String(value));
}

function fieldFact(word: string, value: Value, face: Face): Fact {
  if (value === null || value.length === 0) return { label: word, value: [unknown(face)] };
  if (word === "verdict") return { label: word, value: [verdictSpan(String(value), face)] };
  if (typeof value === "string") return { label: word, value: safeLines(value) };
  if (word === "tags") return { label: word, value: value.map(safeText).join(", ") };
  return {
    label: word,
    value: value.flatMap((text) => safeLines(text).map((line, at) => (at === 0 ? `- ${line}` : `  ${line}`))),
  };
}

/** `2026-11-23 14:30:05  ana  hypothesis: "a" became "b"`. */
function historyLine(entry: Narrated1["history"][number]): Line {
  const key = entry.field.replace(/^(narrative|metadata)\./, "");
  const word = fieldNamed(key)?.word ?? key;
  const before =
    entry.was == null || (Array.isArray(entry.was) && entry.was.length === 0)
      ? []
      : [span(`${valueText(entry.was)} → `, "dim")];
  return [
    span(`  ${fullTime(entry.at) ?? "?"}  `, "dim"),
    span(`${safeText(entry.by)}  `),
    span(`${word}: `, "strong"),
    ...before,
    span(valueText(entry.value)),
  ];
}

function title(told: Narrated1, face: Face): Line {
  if (told.kind === "run") return [span(safeText(told.name), "strong"), span(`  ${told.id}`, "dim")];
  const verdicts = verdictCounts(told.runs?.verdicts ?? {}, face);
  const total = told.runs?.total ?? 0;
  return [
    span("group "),
    span(safeText(told.name), "strong"),
    span(`  ${total} ${total === 1 ? "run" : "runs"}${verdicts.length === 0 ? "" : ": "}`, "dim"),
    ...verdicts,
  ];
}

export function narrativePage(told: Narrated1, options: { face: Face; history: boolean }): Line[] {
  const { face } = options;
  const fields = narrativeFields.filter((field) => told.kind === "run" || field.runOnly !== true);
  const before = fields
    .filter((field) => field.before)
    .map(({ word, key }) => fieldFact(word, told.narrative[key], face));
  const after = fields
    .filter((field) => !field.before)
    .map(({ word, key }) => fieldFact(word, told.narrative[key], face));
  const page = [
    title(told, face),
    [],
    ...factPage(
      [
        { title: "Before", facts: before },
        { title: "After", facts: after },
      ],
      face,
    ),
  ];
  if (told.history.length === 0) return page;
  const count = told.history.length;
  const edit = told.kind === "run" ? shortId(told.id) : `group:${told.id}`;
  if (!options.history)
    return [
      ...page,
      [],
      [
        span(
          `changed ${count === 1 ? "once" : `${count} times`}: \`ml narrative show ${safeText(edit)} --history\``,
          "dim",
        ),
      ],
    ];
  return [...page, [], [span("History", "strong")], ...told.history.map(historyLine)];
}

/** `k3f9ab tags: ablation, warmup (was: ablation)`, a line a field; one line where nothing changed. */
export function changedLines(changed: Narrated, face: Face): Line[] {
  const name = changed.kind === "run" ? `${changed.name} ` : "group ";
  const who = [
    span(safeText(name)),
    span(changed.kind === "run" ? shortId(changed.id) : safeText(changed.id), "strong"),
  ];
  if (changed.changes.length === 0) return [[...who, span("  as it was", "dim")]];
  return changed.changes.map(({ key, was, value }) => {
    const word = fieldNamed(key)?.word ?? key;
    const old = was === null || was.length === 0 ? [] : [span(`  (was: ${valueText(was)})`, "dim")];
    const now = key === "validation_status" ? verdictSpan(value as string | null, face) : span(valueText(value));
    return [...who, span(`  ${word}: `, "dim"), now, ...old];
  });
}
