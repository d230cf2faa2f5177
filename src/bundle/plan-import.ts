/**
 * Under which id each run of a bundle arrives, and which of them are here already. Its first id where nobody has it; an id
 * that follows from its content where another run does, so that importing again finds it again. A run of another tracker
 * whose first id is here with other content is that run as it was before: it stays as it is, and is said. Pure, but for
 * `standing`.
 */

import { MlError } from "../core/error.ts";
import { isForeign } from "../core/foreign-origin.ts";
import { isRunId, runIdFrom } from "../core/ids.ts";
import { type Manifest, schemaVersion } from "../run/manifest.ts";
import { contentId, firstIdOf, originOf } from "./content-id.ts";
import type { Relative } from "./layout.ts";

export interface GivenRun {
  manifest: Manifest;
  /** The text of its SHA256SUMS; "" without one. */
  sums: string;
}

export interface PlannedRun extends GivenRun {
  /** Its id here. */
  runId: string;
  /** A run of the same content has that id already, or the same run of another tracker, as it was: nothing is to be done. */
  isHere: boolean;
  /** What is here is not what is given. */
  isOther: boolean;
}

/** The content that has an id here: null where nobody has it, "damaged" where it cannot be told. */
export type Standing = (runId: string) => string | null;

/** What decides under which id a run arrives. */
export interface RunIdentity {
  /** As content-id.ts has it. */
  content: string;
  /** Its id where it was first made. */
  firstId: string;
  queuedAt: string;
}

/** The ids under which a run may arrive, the best first. */
export function candidateIds({ content, firstId, queuedAt }: RunIdentity, nowMs: number): string[] {
  const queuedMs = Date.parse(queuedAt);
  const dayMs = queuedMs >= 0 && queuedMs <= nowMs ? queuedMs : nowMs;
  return [...(isRunId(firstId) && firstId.length <= 64 ? [firstId] : []), runIdFrom(content, dayMs)];
}

interface Looking {
  standing: Standing;
  nowMs: number;
}

/** The first id that is free, or has this very run already; null where others have them all. */
function arrivalId(run: RunIdentity, { standing, nowMs }: Looking): { runId: string; isHere: boolean } | null {
  for (const runId of candidateIds(run, nowMs)) {
    const there = standing(runId);
    if (there === null || there === run.content) return { runId, isHere: there !== null };
  }
  return null;
}

/** The id that a run has here already, or null. */
export function idHere(run: RunIdentity, looking: Looking): string | null {
  const arrival = arrivalId(run, looking);
  return arrival?.isHere ? arrival.runId : null;
}

/** Throws `refused` for a run of a newer format, `conflict` where no id is left for it. */
export function planImport(given: readonly GivenRun[], { standing, nowMs }: Looking): PlannedRun[] {
  const taken = new Map<string, string>();
  return given.map((run) => {
    const { manifest, sums } = run;
    if (manifest.schema_version > schemaVersion) {
      throw new MlError(
        "refused",
        `run \`${manifest.run_id}\` was written by a newer version (format ${manifest.schema_version})`,
        {
          hint: "upgrade `ml`, then import it again",
        },
      );
    }
    const content = contentId(manifest, sums);
    const firstId = firstIdOf(manifest);
    const identity = { content, firstId, queuedAt: manifest.queued_at };
    const arrival = arrivalId(identity, { standing: (runId) => taken.get(runId) ?? standing(runId), nowMs });
    const asBefore = isForeign(manifest) && !arrival?.isHere && !taken.has(firstId) ? standing(firstId) : null;
    if (asBefore !== null && asBefore !== "damaged") return { ...run, runId: firstId, isHere: true, isOther: true };
    if (arrival !== null) {
      taken.set(arrival.runId, content);
      return { ...run, ...arrival, isOther: false };
    }
    throw new MlError("conflict", `run \`${manifest.run_id}\` cannot be imported: its ids are taken by other runs`);
  });
}

/** Ids of other runs that a manifest names and that an import carries over. */
export function relativeIds({ narrative, lineage }: Manifest): string[] {
  return [narrative.parent_run, lineage.source_run, lineage.retried_as].filter((id) => id !== null);
}

/**
 * Ids in the bundle → ids here, of its runs and of those that they name. One that is not here keeps its id, or where another
 * run has that, is named as it will arrive.
 */
export function renamings(
  planned: readonly PlannedRun[],
  relatives: readonly Relative[],
  looking: Looking,
): Map<string, string> {
  const renamed = new Map<string, string>();
  for (const { run_id, first_id, queued_at, content } of relatives) {
    const arrival = arrivalId({ content, firstId: first_id, queuedAt: queued_at }, looking);
    if (arrival !== null) renamed.set(run_id, arrival.runId);
  }
  for (const { manifest, runId } of planned) renamed.set(manifest.run_id, runId);
  return renamed;
}

export interface Arrival {
  user: string;
  at: string;
  from: string;
  sequence: number;
  /** Ids in the bundle → ids here. */
  renamed: ReadonlyMap<string, string>;
}

/** What is known of a run that was first made in another tracker, however often it was carried on since. */
const foreignOf = ({ lineage: { kind, origin } }: Manifest, from: string) => ({
  from: (kind === "import" ? origin?.from : null) ?? from,
  experiment: (kind === "import" ? origin?.experiment : null) ?? null,
  parameters: (kind === "import" ? origin?.parameters : null) ?? {},
  tags: (kind === "import" ? origin?.tags : null) ?? {},
});

/** The manifest as it is kept here: owned by whoever brought it, marked, and asking nothing of this machine. */
export function arrivedManifest({ manifest, runId }: PlannedRun, arrival: Arrival): Manifest {
  const { user, at, from, sequence, renamed } = arrival;
  const here = <Id extends string | null>(id: Id) => (id === null ? id : (renamed.get(id) ?? id));
  const { lineage, launch, narrative } = manifest;
  return {
    ...manifest,
    run_id: runId,
    user,
    narrative: { ...narrative, parent_run: here(narrative.parent_run) },
    lineage: {
      ...lineage,
      kind: "import",
      source_run: here(lineage.source_run),
      retried_as: here(lineage.retried_as),
      origin: {
        ...foreignOf(manifest, from),
        ...originOf(manifest),
        imported_at: at,
        imported_by: user,
        updated_at: null,
        updated_by: null,
      },
    },
    launch: { ...launch, submit_id: null, sequence, held: false, held_why: null, retry: null, notify: null },
  };
}
