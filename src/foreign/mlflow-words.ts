/**
 * What people think of a run has no field in MLflow: it travels as tags `ml.…` there and back. Each word is declared once, with how
 * it is read from a record of ours and put into one.
 */
import type { Manifest, Narrative } from "../run/manifest.ts";

type TextField = "hypothesis" | "context" | "intent" | "expected_outcome" | "outcome" | "validation_status";
type ListField = "tags" | "learnings" | "next_steps";

const texts: Record<string, TextField> = {
  "ml.hypothesis": "hypothesis",
  "ml.context": "context",
  "ml.intent": "intent",
  "ml.expected_outcome": "expected_outcome",
  "ml.outcome": "outcome",
  "ml.verdict": "validation_status",
};
const lists: Record<string, ListField> = {
  "ml.tags": "tags",
  "ml.learnings": "learnings",
  "ml.next_steps": "next_steps",
};
const verdicts: readonly unknown[] = ["validates", "refutes", "inconclusive", "partial"];

/** Tags for MLflow; only what somebody wrote. Lists are JSON. */
export function narrativeTags({ narrative }: Manifest): Record<string, string> {
  const said = Object.entries(texts).flatMap(([tag, field]) => {
    const text = narrative[field];
    return text === null ? [] : [[tag, text] as const];
  });
  const listed = Object.entries(lists).flatMap(([tag, field]) =>
    narrative[field].length === 0 ? [] : [[tag, JSON.stringify(narrative[field])] as const],
  );
  return Object.fromEntries([...said, ...listed]);
}

function listOf(text: string): string[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
  } catch {
    return [];
  }
}

/** What such tags say; a tag that says nothing of ours is left out. */
export function narrativeFrom(tags: Readonly<Record<string, string>>): Partial<Narrative> {
  const found: Partial<Narrative> = {};
  for (const [tag, field] of Object.entries(texts)) {
    const text = tags[tag];
    if (text === undefined) continue;
    if (field !== "validation_status") found[field] = text;
    else if (verdicts.includes(text)) found[field] = text as Narrative["validation_status"];
  }
  for (const [tag, field] of Object.entries(lists)) {
    const list = listOf(tags[tag] ?? "");
    if (list.length > 0) found[field] = list;
  }
  return found;
}
