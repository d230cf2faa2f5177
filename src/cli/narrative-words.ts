/** `hypothesis="warmup helps" learned+="lr 1e-3 diverges" tags-=debug`: assignments as a change of a narrative. */
import { MlError } from "../core/error.ts";
import { nearest } from "../core/nearest.ts";
import type { NarrativeChange } from "../think/narrative-change.ts";
import { fieldNamed, isList, type NarrativeField, narrativeFields } from "../think/narrative-field.ts";
import { fieldValue } from "./narrative-template.ts";

const form = /^([A-Za-z_-]+?)(\+|-)?=([\s\S]*)$/;

export const isAssignment = (word: string): boolean => form.test(word) && !/^(best|min):/.test(word);

function requireField(name: string): NarrativeField {
  const field = fieldNamed(name);
  if (field !== null) return field;
  const words = narrativeFields.map((one) => one.word);
  const near = nearest(name, words);
  throw new MlError("usage", `a narrative has no field \`${name}\``, {
    hint: near === null ? `it has ${words.join(", ")}` : `did you mean \`${near}=…\`?`,
  });
}

/** Throws `usage` naming the word that cannot be read. */
export function changeFromWords(words: readonly string[]): NarrativeChange {
  const change = { set: {}, add: {}, remove: {} } as Record<"set" | "add" | "remove", Record<string, unknown>>;
  for (const word of words) {
    const [, name = "", sign, text = ""] = form.exec(word) ?? [];
    const field = requireField(name);
    if (sign !== undefined && !isList(field.kind)) {
      throw new MlError(
        "usage",
        `\`${field.word}\` is one text, so nothing can be ${sign === "+" ? "added to" : "taken from"} it`,
        {
          hint: `write \`${field.word}=…\``,
        },
      );
    }
    const value = fieldValue(
      field,
      field.kind === "list"
        ? [text.includes("\n") ? text : `- ${text}`].flatMap((one) => one.split("\n"))
        : text.split("\n"),
    );
    const part = change[sign === "+" ? "add" : sign === "-" ? "remove" : "set"];
    const before = part[field.key];
    part[field.key] = Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value;
  }
  return change as NarrativeChange;
}
