/** What the waiting line knows of a run, taken from its manifest: the folder is the truth, the entry a copy. */
import { imageNeed } from "../run/container-command.ts";
import { type Manifest, type Terms, termsSchema } from "../run/manifest.ts";
import { venvNeed } from "../run/venv-lock.ts";
import type { EntryFacts, QueueEntry } from "./port.ts";

/** One run or several, as messages name them. */
export function named(runIds: readonly string[]): string {
  return runIds.length === 1 ? `\`${runIds[0]}\`` : `${runIds.length} runs`;
}

export function entryFromManifest(manifest: Manifest): QueueEntry {
  return {
    runId: manifest.run_id,
    user: manifest.user,
    priority: manifest.priority,
    queuedAt: manifest.queued_at,
    held: manifest.launch.held,
    requested: manifest.resources.requested,
    facts: {
      group: manifest.narrative.experiment_group,
      terms: manifest.launch.terms,
      seconds: secondsOf(manifest.resources.predicted),
      ...(manifest.environment.venv === null ? {} : { venv: true }),
      ...(imageNeed(manifest) === null ? {} : { image: true }),
      ...dataOf(manifest),
    },
  };
}

function dataOf(manifest: Manifest): Pick<EntryFacts, "data"> {
  const { datasets, launch, environment } = manifest;
  if (launch.data_policy !== "wait") return {};
  const need = venvNeed(manifest);
  const named = [
    ...datasets.flatMap(({ name, checksum }) => (checksum === null ? [] : [{ name, checksum }])),
    ...(need === null ? [] : [{ name: `the environment of ${environment.venv?.lock}`, checksum: need }]),
  ];
  return named.length === 0 ? {} : { data: named };
}

function secondsOf(predicted: Manifest["resources"]["predicted"]): EntryFacts["seconds"] {
  const { seconds_low: low, seconds: likely, seconds_high: high } = predicted ?? {};
  return typeof low === "number" && typeof likely === "number" && typeof high === "number"
    ? { low, likely, high }
    : null;
}

const noTerms: Terms = termsSchema.parse({});
const none: EntryFacts = { group: null, terms: noTerms, seconds: null };
const noneText = JSON.stringify(none);

export function factsText(facts: EntryFacts): string {
  return JSON.stringify(facts);
}

/** The facts from the text that a backend kept; most runs have none, and share one object. Throws for what is no JSON. */
export function factsFrom(text: string): EntryFacts {
  if (text === noneText || text === "" || text === "{}") return none;
  const { group = null, terms = {}, seconds = null, data, venv, image } = JSON.parse(text) as Partial<EntryFacts>;
  const needs = { ...(data && { data }), ...(venv && { venv }), ...(image && { image }) };
  return { group, terms: { ...noTerms, ...terms }, seconds, ...needs };
}
