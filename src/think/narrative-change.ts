/**
 * What is to become of a narrative, and what that changes of one: pure, the same for a run and a group, so that a preview
 * says exactly what the change will do. A change that changes nothing is none.
 */
import type { Narrative } from "../run/manifest.ts";
import { isList, type NarrativeKey, narrativeFields } from "./narrative-field.ts";

/** A narrative with the note beside it, as people see it. */
export type Told = Pick<Narrative, Exclude<NarrativeKey, "note">> & { note: string | null };
type ListKey = "tags" | "learnings" | "next_steps";

/** Keys that are left out stay as they are. Lists are set first, then added to, then taken from. */
export interface NarrativeChange {
  set?: { [Key in keyof Told]?: Told[Key] | undefined } | undefined;
  add?: { [Key in ListKey]?: string[] | undefined } | undefined;
  remove?: { [Key in ListKey]?: string[] | undefined } | undefined;
}

export interface FieldChange {
  key: NarrativeKey;
  was: string | string[] | null;
  value: string | string[] | null;
}

export function toldOf({ note }: { note: string | null }, narrative: Narrative): Told {
  const told = Object.fromEntries(
    narrativeFields.flatMap(({ key }) => (key === "note" ? [] : [[key, narrative[key]]])),
  );
  return { ...told, note } as Told;
}

/** Each entry once, without those that are only space; the order of arrival stays. */
function tidyList(values: readonly string[]): string[] {
  return [...new Set(values.map((value) => value.trim()).filter((value) => value !== ""))];
}

function nextList(told: Told, key: ListKey, change: NarrativeChange): string[] {
  const removed = new Set((change.remove?.[key] ?? []).map((value) => value.trim()));
  const all = tidyList([...(change.set?.[key] ?? told[key]), ...(change.add?.[key] ?? [])]);
  return all.filter((value) => !removed.has(value));
}

function nextText(told: Told, key: Exclude<NarrativeKey, ListKey>, change: NarrativeChange): string | null {
  const value = change.set?.[key];
  if (value === undefined) return told[key];
  return value === null || value.trim() === "" ? null : value.trim();
}

/** What the change does to a narrative, field by field, in the order of the table; empty where it does nothing. */
export function changesOf(told: Told, change: NarrativeChange): FieldChange[] {
  return narrativeFields.flatMap(({ key, kind }): FieldChange[] => {
    const was = told[key];
    const value = isList(kind) ? nextList(told, key as ListKey, change) : nextText(told, key as never, change);
    return JSON.stringify(was) === JSON.stringify(value) ? [] : [{ key, was, value }];
  });
}

export function isEmptyChange({ set = {}, add = {}, remove = {} }: NarrativeChange): boolean {
  return [set, add, remove].every((part) => Object.values(part).every((value) => value === undefined));
}
