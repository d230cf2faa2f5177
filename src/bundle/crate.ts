/**
 * ro-crate-metadata.json: the bundle as an RO-Crate 1.1 of the profile Process Run Crate 0.5
 * (https://w3id.org/ro/wfrun/process/0.5): each run a CreateAction of its code by a person, with what it wrote as result.
 */
import type { Manifest } from "../run/manifest.ts";
import { type BundleRecord, files, folders } from "./layout.ts";

type Entity = Record<string, unknown>;

const profile = "https://w3id.org/ro/wfrun/process/0.5";
const mostResults = 1000;
const reference = (id: string) => ({ "@id": id });
/** File names as URI references, as RO-Crate wants them. */
const uri = (path: string) => path.split("/").map(encodeURIComponent).join("/");

function instrumentId(manifest: Manifest): string {
  const { snapshot } = manifest.environment;
  return snapshot === null ? `#command-${manifest.run_id}` : `${folders.code}/${snapshot}/`;
}

function actionOf(manifest: Manifest, present: ReadonlySet<string>): { action: Entity; results: Entity[] } {
  const root = `${folders.runs}/${manifest.run_id}`;
  const results = (manifest.artifacts?.files ?? [])
    .filter(({ path }) => present.has(`${root}/work/${path}`))
    .slice(0, mostResults)
    .map(
      ({ path, size_bytes: size }): Entity => ({
        "@id": uri(`${root}/work/${path}`),
        "@type": "File",
        name: path,
        contentSize: String(size),
      }),
    );
  const action: Entity = {
    "@id": `#run-${manifest.run_id}`,
    "@type": "CreateAction",
    name: `${manifest.name}: ${manifest.command}`,
    ...(manifest.narrative.hypothesis === null ? {} : { description: manifest.narrative.hypothesis }),
    instrument: reference(instrumentId(manifest)),
    agent: reference(`#person-${encodeURIComponent(manifest.user)}`),
    ...(manifest.started_at === null ? {} : { startTime: manifest.started_at }),
    ...(manifest.ended_at === null ? {} : { endTime: manifest.ended_at }),
    actionStatus: `http://schema.org/${manifest.status === "completed" ? "CompletedActionStatus" : "FailedActionStatus"}`,
    ...(manifest.failure === null ? {} : { error: manifest.failure.message }),
    result: [reference(`${root}/`), ...results.map((one) => reference(String(one["@id"])))],
  };
  return { action, results };
}

function describedRun(manifest: Manifest, hasCode: boolean): Entity[] {
  const folder = {
    "@id": `${folders.runs}/${manifest.run_id}/`,
    "@type": "Dataset",
    name: `run ${manifest.run_id}`,
    description: "The record of the run: manifest, output, measurements, environment, and what it wrote",
  };
  const id = instrumentId(manifest);
  const isFolder = hasCode && manifest.environment.snapshot !== null;
  const instrument: Entity = {
    "@id": id,
    "@type": isFolder ? ["Dataset", "SoftwareApplication"] : "SoftwareApplication",
    name: manifest.argv.slice(0, 2).join(" "),
    ...(manifest.environment.git_remote === null ? {} : { codeRepository: manifest.environment.git_remote }),
    ...(manifest.environment.git_commit === null ? {} : { version: manifest.environment.git_commit }),
  };
  return [folder, instrument];
}

export interface CrateParts {
  record: BundleRecord;
  manifests: readonly Manifest[];
  /** Paths of all files in the bundle so far. */
  present: ReadonlySet<string>;
}

export function crateText({ record, manifests, present }: CrateParts): string {
  const acted = manifests.map((manifest) => actionOf(manifest, present));
  const hasCode = record.level !== "metadata";
  const described = manifests.flatMap((manifest) => describedRun(manifest, hasCode));
  const people = [...new Set(manifests.map(({ user }) => user))].map(
    (user): Entity => ({
      "@id": `#person-${encodeURIComponent(user)}`,
      "@type": "Person",
      name: user,
    }),
  );
  const parts = [files.readme, ...(hasCode ? [files.reproduce] : []), files.record].map(
    (name): Entity => ({
      "@id": name,
      "@type": "File",
      name,
    }),
  );
  const byId = new Map(
    [...parts, ...described, ...acted.flatMap(({ results }) => results)].map((entity) => [entity["@id"], entity]),
  );
  const isPart = ([id]: [unknown, Entity]) => !String(id).startsWith("#");
  const graph: Entity[] = [
    {
      "@id": files.crate,
      "@type": "CreativeWork",
      conformsTo: reference("https://w3id.org/ro/crate/1.1"),
      about: reference("./"),
    },
    {
      "@id": "./",
      "@type": "Dataset",
      name: `${manifests.length} ${manifests.length === 1 ? "run" : "runs"}: ${manifests
        .map(({ name }) => name)
        .slice(0, 5)
        .join(", ")}`,
      description:
        manifests.find(({ narrative }) => narrative.hypothesis !== null)?.narrative.hypothesis ??
        "Runs of scripts, with their records",
      datePublished: record.created_at,
      license: "not stated",
      conformsTo: reference(profile),
      hasPart: [...byId].filter(isPart).map(([id]) => reference(String(id))),
      mentions: acted.map(({ action }) => reference(String(action["@id"]))),
    },
    { "@id": profile, "@type": "CreativeWork", name: "Process Run Crate", version: "0.5" },
    ...byId.values(),
    ...people,
    ...acted.map(({ action }) => action),
  ];
  return `${JSON.stringify({ "@context": "https://w3id.org/ro/crate/1.1/context", "@graph": graph }, null, 2)}\n`;
}
