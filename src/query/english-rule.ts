/**
 * What rules of English are made of: what a rule is, and the words for numbers, lengths of time, names and comparisons that all of
 * them share. The rules themselves are in english-times.ts and english-rules.ts.
 */
import type { Present } from "./times.ts";

export interface EnglishContext {
  present: Present;
  /** A metric or parameter, as its own name or by a synonym. */
  isName(name: string): boolean;
  isMetric(name: string): boolean;
  lessIsBetter(name: string): boolean;
  /** A value that some run has in a field: user, tag, group, dataset, host, project, branch. */
  isLabel(field: string, value: string): boolean;
  /** Some GPU model's name contains it. */
  isGpuModel(part: string): boolean;
  /** A text value that the parameter has in some run. */
  isValue(name: string, value: string): boolean;
}

export interface EnglishRule {
  /** What it understands, for the documentation. */
  about: string;
  pattern: RegExp;
  /** Query text; null: the rule does not apply after all. */
  read(match: RegExpExecArray, context: EnglishContext): string | null;
}

export const count = "(\\d+(?:\\.\\d+)?|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve)";
export const number = "([+-]?(?:\\d+\\.?\\d*|\\.\\d+)(?:e[+-]?\\d+)?%?)";
export const span = "(seconds?|secs?|s|minutes?|mins?|hours?|hrs?|h|days?|d|weeks?|w|months?|years?)";
/** One word, or two that are one name: `learning rate`. */
export const name = "((?:[a-z_][\\w./-]* )?[a-z_][\\w./-]*)";
const more = "over|above|more than|greater than|higher than|larger than|bigger than|exceeding|longer than|>";
const less = "under|below|less than|lower than|smaller than|fewer than|shorter than|<";
export const signs = `(${more}|${less}|at least|no less than|>=|at most|up to|no more than|<=)`;

const words: Record<string, number> = {
  ...{
    a: 1,
    an: 1,
    one: 1,
    two: 2,
    three: 3,
    four: 4,
    five: 5,
    six: 6,
    seven: 7,
    eight: 8,
    nine: 9,
    ten: 10,
    twelve: 12,
  },
};
export const countOf = (text: string) => words[text] ?? Number(text);

/** `3 days` → `3d`. */
export function lengthText(amount: string, unit: string): string {
  const letter = /^mo/.test(unit) ? "mo" : (unit[0] ?? "d");
  return `${countOf(amount)}${letter}`;
}

export function signOf(text: string): string {
  if (text === "at least" || text === "no less than" || text === ">=") return ">=";
  if (text === "at most" || text === "up to" || text === "no more than" || text === "<=") return "<=";
  return new RegExp(`^(?:${more})$`).test(text) ? ">" : "<";
}

/** The known name that the words spell, longest first: `learning rate` is `learning_rate`; null where there is none. */
export function known(text: string, context: Pick<EnglishContext, "isName">): string | null {
  const joined = text.trim().replaceAll(" ", "_");
  return context.isName(joined) ? joined : null;
}

export const say = (text: string) => () => text;
export const rule = (about: string, pattern: string, read: EnglishRule["read"]): EnglishRule => ({
  about,
  pattern: new RegExp(`^(?:${pattern})(?= |$)`),
  read,
});
/** A rule about a name of one or two words; tried with both. */
export const nameRule = (
  about: string,
  pattern: (name: string) => string,
  read: (name: string, match: RegExpExecArray, context: EnglishContext) => string | null,
): EnglishRule[] =>
  [name, "([a-z_][\\w./-]*)"].map((spelled) =>
    rule(about, pattern(spelled), (match, context) => {
      const found = known(match.groups?.name ?? match[1] ?? "", context);
      return found === null ? null : read(found, match, context);
    }),
  );
