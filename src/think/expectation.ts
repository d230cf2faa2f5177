/**
 * What somebody expects of a run, as far as a program can check it: `val_acc>=0.85 in <4h` is two clauses. What is not of
 * this form stays text, and says so: prose is never half understood. Pure; nothing is stored but the words that were
 * typed, and what came of them is worked out anew from the record each time, so it can never be stale.
 *
 *     expectation  clause [("," | ";" | "and" | "&&" | "in"/"within"/"under" of a time) clause]…
 *     clause       [last|final|best|min|max|mean] METRIC (>= > <= < = !=) NUMBER
 *                  … METRIC (= | ~ | about) NUMBER [± NUMBER | +- NUMBER]     about alone is ±5 %
 *                  … METRIC between NUMBER and NUMBER
 *                  [in|within|under|time|runtime|takes] [<|<=|>|>=|about] DURATION     a bare one is an upper bound
 *                  completes | fails [with KIND]
 */
import { parseDuration } from "../core/duration.ts";

export type Statistic = "last" | "best" | "min" | "max" | "mean";
export type Comparison = ">=" | ">" | "<=" | "<" | "=" | "!=" | "within";

export type Clause =
  | {
      kind: "metric";
      text: string;
      metric: string;
      statistic: Statistic;
      comparison: Comparison;
      value: number;
      tolerance: number | null;
    }
  | { kind: "time"; text: string; comparison: Comparison; seconds: number; toleranceSeconds: number | null }
  | { kind: "ending"; text: string; ending: "completed" | "failed"; failure: string | null };

export interface Expectation {
  text: string;
  clauses: Clause[];
  /** Parts that are not of the form, as they were typed; they stay text. */
  unread: string[];
}

/** Where a value is only said to be about so much: this share of it either way. */
const aboutShare = 0.05;

const number = String.raw`[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?\s*%?`;
const metricName = String.raw`[A-Za-z_][\w./@-]*`;
const statistic = String.raw`(?:(last|final|best|min|minimum|max|maximum|mean|average)[\s:]+)?`;
const duration = String.raw`\d+(?:\.\d+)?\s*(?:ms|s|sec|secs|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)(?:\s*\d+\s*(?:m|mins?|minutes?|s|secs?|seconds?|h))*|\d+:[0-5]?\d(?::[0-5]?\d)?`;

const comparisonForm = new RegExp(
  String.raw`^${statistic}(${metricName})\s*(>=|=>|≥|<=|=<|≤|>|<|==|=|!=|≠)\s*(${number})$`,
  "i",
);
const aboutForm = new RegExp(
  String.raw`^${statistic}(${metricName})\s*(?:=\s*)?(?:~|≈|about\s|around\s|approximately\s)\s*(${number})$`,
  "i",
);
const toleranceForm = new RegExp(
  String.raw`^${statistic}(${metricName})\s*(?:=|~|≈|about|around)?\s*(${number})\s*(?:±|\+-|\+/-)\s*(${number})$`,
  "i",
);
const betweenForm = new RegExp(
  String.raw`^${statistic}(${metricName})\s+between\s+(${number})\s+and\s+(${number})$`,
  "i",
);
const callForm = /^(last|final|best|min|max|mean)\s*\(\s*([^()]+?)\s*\)(.*)$/i;
const timeForm = new RegExp(
  String.raw`^(?:(?:in|within|under|time|runtime|takes?|took|done in|finishes in)\s*)?(<=|>=|<|>|≤|≥|=|~|≈|about|less than|more than|at most|at least|under|over)?\s*(${duration})$`,
  "i",
);
const endingForm = /^(?:it\s+)?(completes|completed|finishes|succeeds|fails|failed)(?:\s+with\s+([a-z_]+))?$/i;

const comparisons: Record<string, Comparison> = {
  "=>": ">=",
  "≥": ">=",
  ">=": ">=",
  "=<": "<=",
  "≤": "<=",
  "<=": "<=",
  ">": ">",
  "<": "<",
  "==": "=",
  "=": "=",
  "!=": "!=",
  "≠": "!=",
  "less than": "<",
  under: "<",
  "at most": "<=",
  "more than": ">",
  over: ">",
  "at least": ">=",
};
const statistics: Record<string, Statistic> = { final: "last", minimum: "min", maximum: "max", average: "mean" };

function numberOf(text: string): number {
  const percent = text.trim().endsWith("%");
  return Number(text.replace("%", "").trim()) / (percent ? 100 : 1);
}

const statisticOf = (word: string | undefined): Statistic => {
  const lower = (word ?? "last").toLowerCase();
  return statistics[lower] ?? (lower as Statistic);
};

/** The words of a duration as core/duration.ts takes them: `4 hours` is `4h`. */
function secondsOf(text: string): number {
  const short = text
    .toLowerCase()
    .replace(/\s+/g, "")
    .replace(/hours?|hrs?/g, "h")
    .replace(/minutes?|mins?/g, "m")
    .replace(/seconds?|secs?/g, "s")
    .replace(/days?/g, "d");
  return parseDuration(short) / 1000;
}

function metricClause(text: string): Clause | null {
  const called = callForm.exec(text);
  const plain = called === null ? text : `${called[1]} ${called[2]}${called[3]}`;
  const make = (
    statisticWord: string | undefined,
    metric: string | undefined,
    rest: { comparison: Comparison; value: number; tolerance: number | null },
  ): Clause => ({
    kind: "metric",
    text,
    metric: metric ?? "",
    statistic: statisticOf(statisticWord),
    ...rest,
  });
  const between = betweenForm.exec(plain);
  if (between !== null) {
    const [low, high] = [numberOf(between[3] ?? ""), numberOf(between[4] ?? "")].sort((a, b) => a - b) as [
      number,
      number,
    ];
    return make(between[1], between[2], { comparison: "within", value: (low + high) / 2, tolerance: (high - low) / 2 });
  }
  const tolerant = toleranceForm.exec(plain);
  if (tolerant !== null) {
    const tolerance = Math.abs(numberOf(tolerant[4] ?? ""));
    return make(tolerant[1], tolerant[2], { comparison: "within", value: numberOf(tolerant[3] ?? ""), tolerance });
  }
  const about = aboutForm.exec(plain);
  if (about !== null) {
    const value = numberOf(about[3] ?? "");
    return make(about[1], about[2], { comparison: "within", value, tolerance: Math.abs(value) * aboutShare });
  }
  const compared = comparisonForm.exec(plain);
  if (compared === null) return null;
  const comparison = comparisons[compared[3] ?? ""] ?? "=";
  return make(compared[1], compared[2], { comparison, value: numberOf(compared[4] ?? ""), tolerance: null });
}

/** A time needs a word or a sign before it, or stands alone: `4h` in the middle of prose is none. */
function timeClause(text: string): Clause | null {
  const found = timeForm.exec(text);
  if (found === null) return null;
  const sign = (found[1] ?? "<=").toLowerCase();
  const seconds = secondsOf(found[2] ?? "");
  if (sign === "~" || sign === "≈" || sign === "about" || sign === "=")
    return { kind: "time", text, comparison: "within", seconds, toleranceSeconds: seconds * 2 * aboutShare };
  return { kind: "time", text, comparison: comparisons[sign] ?? "<=", seconds, toleranceSeconds: null };
}

function endingClause(text: string): Clause | null {
  const found = endingForm.exec(text);
  if (found === null) return null;
  const ending = /^fail/i.test(found[1] ?? "") ? "failed" : "completed";
  if (ending === "completed" && found[2] !== undefined) return null;
  return { kind: "ending", text, ending, failure: found[2]?.toLowerCase() ?? null };
}

/** Parts between commas, semicolons and `and`, and before a time (`… in <4h`); `between A and B` stays together. */
function partsOf(text: string): string[] {
  const marked = text
    .replace(/(between\s+\S+)\s+and\s+/gi, "$1\u0001and\u0001")
    .replace(
      /\s+(?=(?:in|within|under)\s*(?:<|>|≤|≥|~|≈|about|less than|more than|at most|at least)?\s*=?\s*\d)/gi,
      "\u0002",
    );
  return marked
    .split(/[;\u0002]|,(?!\d{3}\b)|\s+and\s+|\s*&&\s*/i)
    .map((part) => part.replaceAll("\u0001", " ").trim().replace(/[.!]$/, ""))
    .filter((part) => part !== "");
}

/** Never throws: what cannot be read is in `unread`. */
export function parseExpectation(text: string): Expectation {
  const clauses: Clause[] = [];
  const unread: string[] = [];
  for (const part of partsOf(text)) {
    const clause = metricClause(part) ?? timeClause(part) ?? endingClause(part);
    if (clause === null) unread.push(part);
    else clauses.push(clause);
  }
  return { text, clauses, unread };
}
