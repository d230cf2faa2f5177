/** Sections of labelled facts (`label  value`), labels aligned over the whole page, long values wrapped under themselves. */
import { cutLine, type Face, type Line, span, textWidth, wrapText } from "./face.ts";
import { visible } from "./safe-text.ts";

export interface Fact {
  label: string;
  /** A string is wrapped; a line (with tones) is cut; several strings are one below the other. */
  value: string | Line | readonly string[];
}

export interface FactSection {
  title: string | null;
  facts: readonly Fact[];
}

function isText(value: Fact["value"]): value is string | readonly string[] {
  return typeof value === "string" || value.every((part) => typeof part === "string");
}

function factLines(fact: Fact, labelWidth: number, face: Face): Line[] {
  const label = span(`  ${fact.label.padEnd(labelWidth)}  `, "dim");
  const indent = span(" ".repeat(labelWidth + 4));
  const width = Math.max(10, face.width - labelWidth - 4);
  if (!isText(fact.value)) return [cutLine([label, ...fact.value], face.width, face.unicode)];
  const texts = typeof fact.value === "string" ? [fact.value] : fact.value;
  const lines = texts.flatMap((text) => wrapText(text, width));
  return lines.map((text, index) => [index === 0 ? label : indent, span(text)]);
}

/** Sections without facts are left out. */
export function factPage(sections: readonly FactSection[], face: Face): Line[] {
  const shown = sections.filter((section) => section.facts.length > 0);
  const labels = shown.flatMap((section) => section.facts.map((fact) => textWidth(fact.label)));
  const labelWidth = Math.max(0, ...labels);
  return shown.flatMap((section, index) => [
    ...(index === 0 ? [] : [[]]),
    ...(section.title === null ? [] : [[span(section.title, "strong")]]),
    ...section.facts.flatMap((fact) => factLines(fact, labelWidth, face)),
  ]);
}

/** A record for `--plain`: one `dotted.key<TAB>value` a scalar, in the record's own order. */
export function plainFacts(record: object, prefix = ""): (string | number | boolean | null)[][] {
  return Object.entries(record).flatMap(([key, value]: [string, unknown]) => {
    const name = `${prefix}${key}`;
    if (typeof value === "object" && value !== null) return plainFacts(value, `${name}.`);
    if (typeof value === "string") return [[visible(name), visible(value)]];
    return [[visible(name), value as number | boolean | null]];
  });
}
