/**
 * What another tracker says of a run now, held against what was imported of it: what is new, and what cannot both be true. A source
 * may go on (end later, end otherwise, log more parameters, change its labels); it may not have begun or logged otherwise than
 * it did. What people wrote here since, name, group and owner are no word of the source's and stay. Pure.
 */
import { isLeftOutOnRequest } from "../core/foreign-origin.ts";
import type { Artifacts, Manifest } from "../run/manifest.ts";

/** What the source says of a run that is in its manifest, and that an update takes over. */
interface SourceWords {
  status: Manifest["status"];
  started_at: string | null;
  ended_at: string | null;
  remarks: string[];
  metrics: Manifest["metrics"];
  parameters: Record<string, string>;
  tags: Record<string, string>;
}

function wordsOf({ status, started_at, ended_at, remarks, metrics, lineage }: Manifest): SourceWords {
  const { parameters = {}, tags = {} } = lineage.origin ?? {};
  return { status, started_at, ended_at, remarks, metrics, parameters, tags };
}

export interface Growth {
  /** What stood here, and what stands there: only what differs. */
  was: Partial<SourceWords>;
  value: Partial<SourceWords>;
  /** A sentence each; with any of them it is not to be taken over. */
  contradictions: string[];
}

const told = (text: string) => (text.length > 60 ? `${text.slice(0, 59)}…` : text);

function contradictionsOf(here: SourceWords, given: SourceWords): string[] {
  const others = Object.entries(given.parameters).flatMap(([name, value]) => {
    const before = here.parameters[name];
    return before === undefined || before === value
      ? []
      : [`parameter \`${told(name)}\` was \`${told(before)}\` and is \`${told(value)}\` there now`];
  });
  const began =
    here.started_at !== null && given.started_at !== here.started_at
      ? [`it began at ${here.started_at}, and there it did not`]
      : [];
  const earlier =
    here.ended_at !== null && given.ended_at !== null && given.ended_at < here.ended_at
      ? [`it ended at ${here.ended_at}, and there it ended before that`]
      : [];
  return [...others, ...began, ...earlier];
}

/** That its files were left out says something of this import, and not of the run, where they are here. */
function remarksOf(here: Manifest, given: Manifest): string[] {
  const hasFiles = (here.artifacts?.files.length ?? 0) > 0;
  return given.remarks.filter((remark) => !(hasFiles && isLeftOutOnRequest(remark)));
}

/** `here` and `given` are the same run of another tracker. */
export function growthOf(here: Manifest, given: Manifest): Growth {
  const [before, now] = [wordsOf(here), wordsOf(given)];
  const after: SourceWords = {
    ...now,
    remarks: remarksOf(here, given),
    // What is not read any more (a column that is left out now) was logged all the same.
    parameters: { ...before.parameters, ...now.parameters },
  };
  const growth: Growth = { was: {}, value: {}, contradictions: contradictionsOf(before, now) };
  for (const key of Object.keys(after) as (keyof SourceWords)[]) {
    if (Bun.deepEquals(before[key], after[key])) continue;
    Object.assign(growth.was, { [key]: before[key] });
    Object.assign(growth.value, { [key]: after[key] });
  }
  return growth;
}

/** Files of the source beside those that were brought before, by path; those given now in place of theirs. */
export function artifactsWith(here: Artifacts | null, given: Artifacts | null): Artifacts | null {
  if (here === null || given === null) return given ?? here;
  const files = [...new Map([...here.files, ...given.files].map((file) => [file.path, file])).values()];
  const total_size_bytes = files.reduce((sum, { size_bytes: size }) => sum + size, 0);
  return { ...given, files, total_size_bytes };
}

/** Makes what is new part of a manifest. */
export function takeOver(manifest: Manifest, { value }: Pick<Growth, "value">, by: { user: string; at: string }): void {
  const { parameters, tags, ...own } = value;
  Object.assign(manifest, own);
  const { origin } = manifest.lineage;
  if (origin == null) return;
  if (parameters !== undefined) origin.parameters = parameters;
  if (tags !== undefined) origin.tags = tags;
  origin.updated_at = by.at;
  origin.updated_by = by.user;
}

const counted = (count: number, word: string) => `${count.toLocaleString("en")} new ${word}${count === 1 ? "" : "s"}`;

/** For people: `20 new points`, `cancelled → completed`. */
export function growthWords(
  { was, value }: Growth,
  files: { newPoints: number; fresh: number; grown: number },
): string[] {
  const { newPoints, fresh, grown } = files;
  const parameters = Object.keys(value.parameters ?? {}).length - Object.keys(was.parameters ?? {}).length;
  return [
    ...(newPoints > 0 ? [counted(newPoints, "point")] : []),
    ...(value.status === undefined ? [] : [`${was.status}, now ${value.status}`]),
    ...(value.status === undefined && value.ended_at != null ? ["ended later"] : []),
    ...(parameters > 0 ? [counted(parameters, "parameter")] : []),
    ...(value.tags === undefined ? [] : ["other labels"]),
    ...(fresh > 0 ? [counted(fresh, "file")] : []),
    ...(grown > 0 ? [`${grown} ${grown === 1 ? "file" : "files"} longer`] : []),
  ];
}
