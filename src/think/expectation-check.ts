/** Expected against actual: each clause of an expectation held against what a run did, and the verdict that follows from it. */
import { formatDuration } from "../core/duration.ts";
import { nearest } from "../core/nearest.ts";
import type { Clause, Expectation } from "./expectation.ts";
import type { Verdict } from "./narrative-field.ts";

export interface CurveFacts {
  last: number;
  min: number | null;
  max: number | null;
  mean: number | null;
  /** `min` or `max` where the name says which way is better, else null. */
  direction: "min" | "max" | null;
}

/** What is known of the run; `ended` false gives what holds so far. */
export interface Happened {
  ended: boolean;
  status: string;
  failure: string | null;
  seconds: number | null;
  curves: Readonly<Record<string, CurveFacts>>;
}

export interface Checked {
  /** The clause as it was typed, and as it was understood. */
  text: string;
  understood: string;
  /** What was found, as a number in the clause's own unit (seconds for times); null where unknown. */
  actual: number | string | null;
  /** Null: it cannot be told, see `why`. */
  met: boolean | null;
  why: string | null;
}

export interface ExpectationReply {
  text: string;
  checks: Checked[];
  unread: string[];
  /** False while the run goes on: the checks then say how it stands. */
  final: boolean;
  /** What the checks propose once the run has ended; a person confirms it. Null where nothing can be proposed. */
  proposed: Verdict | null;
  reason: string | null;
}

const signs: Record<string, string> = { ">=": "≥", "<=": "≤", ">": ">", "<": "<", "=": "=", "!=": "≠" };
const short = (value: number) => String(Number(value.toPrecision(6)));

/** `last val_acc ≥ 0.85`, `time ≤ 4h00m`: what was understood, in full. */
export function clauseText(clause: Clause): string {
  if (clause.kind === "ending") {
    if (clause.ending === "completed") return "it completes";
    return clause.failure === null ? "it fails" : `it fails with ${clause.failure}`;
  }
  if (clause.kind === "time") {
    const time = formatDuration(clause.seconds * 1000);
    if (clause.toleranceSeconds !== null) return `time ${time} ± ${formatDuration(clause.toleranceSeconds * 1000)}`;
    return `time ${signs[clause.comparison]} ${time}`;
  }
  const what = `${clause.statistic} ${clause.metric}`;
  if (clause.tolerance !== null) return `${what} = ${short(clause.value)} ± ${short(clause.tolerance)}`;
  return `${what} ${signs[clause.comparison]} ${short(clause.value)}`;
}

function holds(
  actual: number,
  clause: { comparison: Clause extends never ? never : string; value: number; tolerance: number | null },
): boolean {
  const slack = 1e-9 * Math.max(1, Math.abs(clause.value));
  if (clause.tolerance !== null) return Math.abs(actual - clause.value) <= clause.tolerance + slack;
  if (clause.comparison === ">=") return actual >= clause.value;
  if (clause.comparison === ">") return actual > clause.value;
  if (clause.comparison === "<=") return actual <= clause.value;
  if (clause.comparison === "<") return actual < clause.value;
  return Math.abs(actual - clause.value) <= slack === (clause.comparison === "=");
}

function statisticOf(curve: CurveFacts, clause: Extract<Clause, { kind: "metric" }>): number | string {
  if (clause.statistic !== "best") return curve[clause.statistic] ?? "no finite value was logged";
  if (curve.direction === null)
    return `whether more or less of \`${clause.metric}\` is better is not known: write min or max`;
  return curve[curve.direction] ?? "no finite value was logged";
}

function checkMetric(
  clause: Extract<Clause, { kind: "metric" }>,
  happened: Happened,
): Omit<Checked, "text" | "understood"> {
  const curve = Object.hasOwn(happened.curves, clause.metric) ? happened.curves[clause.metric] : undefined;
  if (curve === undefined) {
    const near = nearest(clause.metric, Object.keys(happened.curves));
    const hint = near === null ? "" : ` (it did log \`${near}\`)`;
    return { actual: null, met: null, why: `no \`${clause.metric}\` was logged${hint}` };
  }
  const actual = statisticOf(curve, clause);
  if (typeof actual === "string") return { actual: null, met: null, why: actual };
  if (Number.isNaN(actual)) return { actual: "NaN", met: clause.comparison === "!=", why: "it is not a number" };
  return { actual, met: holds(actual, clause), why: null };
}

function checkClause(clause: Clause, happened: Happened): Omit<Checked, "text" | "understood"> {
  if (clause.kind === "metric") return checkMetric(clause, happened);
  if (clause.kind === "ending") {
    if (!happened.ended) return { actual: null, met: null, why: "it has not ended" };
    const same = happened.status === clause.ending && (clause.failure === null || happened.failure === clause.failure);
    return { actual: happened.failure ?? happened.status, met: same, why: null };
  }
  if (happened.seconds === null) return { actual: null, met: null, why: "it never started" };
  const met = holds(happened.seconds, {
    comparison: clause.comparison,
    value: clause.seconds,
    tolerance: clause.toleranceSeconds,
  });
  // A run that broke off early has not kept within its time.
  if (happened.ended && happened.status !== "completed" && met && clause.comparison.startsWith("<"))
    return {
      actual: happened.seconds,
      met: null,
      why: `it ${happened.status === "failed" ? "failed" : "was cancelled"} before it was done`,
    };
  return { actual: happened.seconds, met, why: null };
}

function propose(checks: readonly Checked[], happened: Happened): { proposed: Verdict | null; reason: string | null } {
  const told = checks.filter((check) => check.met !== null);
  const met = told.filter((check) => check.met === true).length;
  const of = `${met} of ${checks.length} ${checks.length === 1 ? "clause holds" : "clauses hold"}`;
  if (!happened.ended || checks.length === 0) return { proposed: null, reason: null };
  if (told.length === 0) return { proposed: "inconclusive", reason: checks[0]?.why ?? null };
  const foreseen = checks.some((check) => check.met === true && check.understood.startsWith("it fails"));
  if (happened.status !== "completed" && !foreseen)
    return {
      proposed: "inconclusive",
      reason: `it ${happened.status === "failed" ? "failed" : "was cancelled"} before it could tell`,
    };
  if (told.length < checks.length)
    return {
      proposed: met === 0 ? "refutes" : "partial",
      reason: `${of}, ${checks.length - told.length} cannot be told`,
    };
  return { proposed: met === checks.length ? "validates" : met === 0 ? "refutes" : "partial", reason: of };
}

export function checkExpectation(expectation: Expectation, happened: Happened): ExpectationReply {
  const checks = expectation.clauses.map(
    (clause): Checked => ({
      text: clause.text,
      understood: clauseText(clause),
      ...checkClause(clause, happened),
    }),
  );
  return {
    text: expectation.text,
    checks,
    unread: expectation.unread,
    final: happened.ended,
    ...propose(checks, happened),
  };
}
