/**
 * A narrative as a text to be edited, and back. A field begins with its word and a colon at the beginning of a line, its
 * text stands below, indented or not; lines that begin with `#` are comments. What cannot be read is an error that names
 * the line, never a guess: whoever edits keeps the file.
 */
import { MlError } from "../core/error.ts";
import { nearest } from "../core/nearest.ts";
import type { NarrativeChange, Told } from "../think/narrative-change.ts";
import { fieldNamed, isList, type NarrativeField, verdicts } from "../think/narrative-field.ts";

type Value = string | string[] | null;

const indented = (text: string) =>
  text
    .split("\n")
    .map((line) => (line === "" ? "" : `  ${line}`))
    .join("\n");

function fieldText({ key, word, kind, about }: NarrativeField, value: Value): string {
  const head = `# ${about}${kind === "list" ? ", one a line" : ""}\n${word}:`;
  if (value === null || value.length === 0) return `${head}\n`;
  if (kind === "words" && Array.isArray(value)) return `${head} ${value.join(", ")}\n`;
  if (Array.isArray(value))
    return `${head}\n${value.map((item) => `  - ${item.replaceAll("\n", "\n    ")}`).join("\n")}\n`;
  const short = key === "validation_status" || key === "experiment_group" || key === "parent_run";
  return short ? `${head} ${value}\n` : `${head}\n${indented(value)}\n`;
}

/** `about` is said at the top, a line each. */
export function templateOf(fields: readonly NarrativeField[], told: Partial<Told>, about: readonly string[]): string {
  const head = [...about, "Lines that begin with # are left out. Unchanged or empty: nothing is changed."];
  return [
    `${head.map((line) => `# ${line}`).join("\n")}\n`,
    ...fields.map((field) => fieldText(field, (told[field.key] ?? null) as Value)),
  ].join("\n");
}

function listOf(lines: readonly string[]): string[] {
  const items: string[] = [];
  for (const line of lines) {
    const item = /^\s{0,2}[-*]\s+(.*)$/.exec(line);
    if (item !== null) items.push(item[1] ?? "");
    else if (/^\s{3,}/.test(line) && items.length > 0) items.push(`${items.pop()}\n${line.trim()}`);
    else items.push(line.trim());
  }
  return items.map((item) => item.trim()).filter((item) => item !== "");
}

/** Text below a field without the indentation that the template gave it. */
function textOf(lines: readonly string[]): string | null {
  const text = lines
    .map((line) => line.replace(/^ {2}/, "").trimEnd())
    .join("\n")
    .trim();
  return text === "" ? null : text;
}

/** Throws `usage` for a verdict that is none. */
export function fieldValue(field: NarrativeField, lines: readonly string[]): Value {
  if (field.kind === "words")
    return [
      ...new Set(
        lines
          .join(",")
          .split(",")
          .map((word) => word.trim())
          .filter((word) => word !== ""),
      ),
    ];
  if (field.kind === "list") return listOf(lines);
  const text = textOf(lines);
  if (field.kind !== "choice" || text === null) return text;
  const verdict = verdicts.find((known) => known === text.toLowerCase());
  if (verdict !== undefined) return verdict;
  const near = nearest(text.toLowerCase(), verdicts);
  throw new MlError("usage", `\`${text}\` is no verdict: it is one of ${verdicts.join(", ")}`, {
    ...(near === null ? {} : { hint: `did you mean \`${near}\`?` }),
  });
}

interface Section {
  field: NarrativeField;
  line: number;
  lines: string[];
}

function sectionsOf(text: string, fields: readonly NarrativeField[]): Section[] {
  const sections: Section[] = [];
  const words = fields.map((field) => field.word);
  for (const [index, line] of text.replaceAll("\r\n", "\n").split("\n").entries()) {
    if (line.startsWith("#")) continue;
    const head = /^([A-Za-z_-]+):(?:\s+(.*))?$/.exec(line);
    const field = head === null ? null : fieldNamed(head[1] ?? "");
    if (head !== null && field !== null && words.includes(field.word)) {
      if (sections.some((one) => one.field === field))
        throw new MlError("usage", `line ${index + 1}: \`${field.word}:\` stands there twice`);
      sections.push({ field, line: index + 1, lines: head[2] === undefined ? [] : [head[2]] });
      continue;
    }
    const section = sections.at(-1);
    if (section !== undefined && (head === null || nearest(head[1] ?? "", words) === null)) section.lines.push(line);
    else if (line.trim() !== "") {
      const near = head === null ? null : nearest(head[1] ?? "", words);
      throw new MlError("usage", `line ${index + 1}: \`${line.slice(0, 60)}\` belongs to no field`, {
        hint: near === null ? `a field begins like \`${words[0]}:\`` : `did you mean \`${near}:\`?`,
      });
    }
  }
  return sections;
}

/**
 * What was changed between the template and what came back; null where nothing was, or all of it was deleted. A field
 * whose heading was deleted stays as it was. Throws `usage` naming the line.
 */
export function changeOf(before: string, after: string, fields: readonly NarrativeField[]): NarrativeChange | null {
  if (after.trim() === "" || after === before) return null;
  const earlier = new Map(sectionsOf(before, fields).map(({ field, lines }) => [field.key, fieldValue(field, lines)]));
  const set: Record<string, Value> = {};
  for (const { field, line, lines } of sectionsOf(after, fields)) {
    let value: Value;
    try {
      value = fieldValue(field, lines);
    } catch (cause) {
      if (!(cause instanceof MlError)) throw cause;
      throw new MlError(cause.code, `line ${line}: ${cause.message}`, cause.detail);
    }
    const was = earlier.get(field.key) ?? (isList(field.kind) ? [] : null);
    if (JSON.stringify(value) !== JSON.stringify(was)) set[field.key] = value;
  }
  return Object.keys(set).length === 0 ? null : { set: set as NarrativeChange["set"] };
}
