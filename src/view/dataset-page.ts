/** Datasets as pages: the list, one with its versions and runs, and what came of reading one. Pure. */
import { formatDuration } from "../core/duration.ts";
import { formatSize } from "../core/size.ts";
import type { Reply } from "../protocol/requests.ts";
import { copyLines } from "./copy-lines.ts";
import type { Face, Line } from "./face.ts";
import { span, wrapText } from "./face.ts";
import { type Fact, factPage } from "./facts.ts";
import { markOf, shortId, unknown } from "./mark.ts";
import { safeText } from "./safe-text.ts";
import { type Column, layTable } from "./table.ts";
import { ago, clockTime } from "./time.ts";

type Dataset = Reply<"dataset.list">["datasets"][number];
type Version = Dataset["versions"][number];
type Check = NonNullable<Version["last_check"]>;
type Outcome = NonNullable<Reply<"dataset.job">["outcome"]>;

export const currentOf = (dataset: Dataset): Version | undefined =>
  dataset.versions.find(({ version }) => version === dataset.current);

/** `sha256:15128af6f19c`: enough to compare by eye. */
export const shortSum = (checksum: string) => checksum.slice(0, checksum.indexOf(":") + 13);

const counted = (count: number, word: string) => `${count.toLocaleString("en-US")} ${word}${count === 1 ? "" : "s"}`;

/** `2 files changed, 1 gone, 3 new`. */
export function driftText({ added, removed, changed }: NonNullable<Check["drift"]>): string {
  const parts = [
    changed > 0 ? `${counted(changed, "file")} changed` : null,
    removed > 0 ? `${counted(removed, "file")} gone` : null,
    added > 0 ? `${counted(added, "file")} new` : null,
  ];
  return parts.filter((part) => part !== null).join(", ");
}

/** What the last look found, in a few words. */
function checkWords(version: Version, nowMs: number): { text: string; tone: "good" | "warn" | "dim" } {
  const check = version.last_check;
  if (check === null) return { text: `registered ${ago(version.registered_at, nowMs) ?? ""}`, tone: "dim" };
  const when = ago(check.at, nowMs) ?? "";
  if (check.problem !== null) return { text: `not readable ${when}`, tone: "warn" };
  return check.drift === null
    ? { text: `unchanged ${when}`, tone: "good" }
    : { text: `changed: ${driftText(check.drift)} (${when})`, tone: "warn" };
}

const columns: readonly Column[] = [
  { name: "dataset", least: 8 },
  { name: "version" },
  { name: "size", align: "right" },
  { name: "files", align: "right" },
  { name: "checked", least: 12 },
  { name: "folder", keep: 1, least: 12 },
];

export function datasetsPage({ datasets }: Reply<"dataset.list">, face: Face): Line[] {
  if (datasets.length === 0) return [[span("no datasets yet: `ml dataset add NAME PATH` registers a folder", "dim")]];
  const rows = datasets.map((dataset) => {
    const version = currentOf(dataset);
    if (version === undefined) return { dataset: [span(safeText(dataset.name))], version: [unknown(face)] };
    const { text, tone } = checkWords(version, face.nowMs);
    return {
      dataset: [span(safeText(dataset.name), "strong")],
      version: [span(`${safeText(version.version)}${version.quick ? " (quick)" : ""}`)],
      size: [span(formatSize(version.size_bytes))],
      files: [span(version.num_files.toLocaleString("en-US"))],
      checked: [span(text, tone)],
      folder: [span(safeText(version.path), "dim")],
    };
  });
  const head = Object.fromEntries(columns.map(({ name }) => [name, [span(name, "dim")]]));
  return layTable(columns, [head, ...rows], { face });
}

function versionFacts(version: Version, face: Face): Fact[] {
  const { text, tone } = checkWords(version, face.nowMs);
  const drift = version.last_check?.drift?.files ?? [];
  return [
    { label: "folder", value: safeText(version.path) },
    {
      label: "checksum",
      value: version.quick ? `${version.checksum} (of a sample of the contents)` : version.checksum,
    },
    { label: "size", value: `${formatSize(version.size_bytes)} in ${counted(version.num_files, "file")}` },
    ...(version.num_samples === null ? [] : [{ label: "samples", value: version.num_samples.toLocaleString("en-US") }]),
    {
      label: "registered",
      value: `${ago(version.registered_at, face.nowMs) ?? ""} by ${safeText(version.registered_by)}`,
    },
    { label: "checked", value: [span(text, tone)] },
    ...(version.last_check?.problem == null ? [] : [{ label: "why", value: safeText(version.last_check.problem) }]),
    ...(drift.length === 0 ? [] : [{ label: "", value: drift.map(safeText) }]),
    ...(version.left_out.length === 0
      ? []
      : [{ label: "left out", value: version.left_out.slice(0, 5).map(safeText) }]),
  ];
}

const mountStates = { slow: "slow", silent: "gives no answer", gone: "not there any more" } as const;

/** `nas:/export (nfs4), usually answers in 0.4 ms`; what is wrong with it stands in front. */
function mountLine(mount: Reply<"dataset.show">["mounts"][number], face: Face): Line {
  const { source, type, state, since, usual_ms: usual, answer_ms: took } = mount;
  const where = span(`${safeText(source)} (${safeText(type)})`, "dim");
  const usually = span(usual === null ? "" : `, usually answers in ${usual} ms`, "dim");
  const line: Line = [span("mount", "strong"), span(` ${safeText(mount.point)}  `)];
  if (state === "ok" || state === "unknown") return [...line, where, usually];
  const now = state === "slow" && took !== null ? `, now in ${took} ms` : "";
  return [
    ...line,
    span(`${mountStates[state]} since ${clockTime(since, face.nowMs)}`, "warn"),
    span("  "),
    where,
    usually,
    span(now, "warn"),
  ];
}

export function datasetPage({ dataset, runs, more, mounts, stores }: Reply<"dataset.show">, face: Face): Line[] {
  const versions = [...dataset.versions].reverse();
  const sections = versions.map((version) => ({
    title: `version ${safeText(version.version)}${version.version === dataset.current ? ", the current one" : ""}`,
    facts: versionFacts(version, face),
  }));
  const used: Line[] =
    runs.length === 0
      ? [[span("  no run has used it", "dim")]]
      : runs.map(({ run, version, fetched_via: via, time_saved_seconds: saved, drift, reads }) => [
          ...[span("  "), markOf(run, face), span(` ${safeText(run.name)}`), span(`  ${shortId(run.run_id)}`, "dim")],
          ...[
            span(`  ${safeText(run.user)}`, "dim"),
            span(version === null ? "" : `  version ${safeText(version)}`, "dim"),
          ],
          ...[
            span(via === null ? "" : `  ${via.replace("_", " ")}`, "dim"),
            span(saved ? `, saved ${formatDuration(Math.max(1, saved * 1000))}` : "", "dim"),
            span(drift ? "  it had changed" : "", "warn"),
            span(reads?.named === true ? `  seen reading ${counted(reads.files, "file")}` : "", "dim"),
            span(reads?.named === false ? `  read ${counted(reads.files, "file")} of it without --data` : "", "warn"),
          ],
        ]);
  return [
    [span(safeText(dataset.name), "strong"), span(`  of ${safeText(dataset.owner)}`, "dim")],
    ...mounts.map((mount) => mountLine(mount, face)),
    [],
    ...factPage(sections, face),
    [],
    [span("On local disks", "strong")],
    ...copyLines(stores ?? [], { name: dataset.name, face }),
    [],
    [span("Used by", "strong")],
    ...used,
    ...(more ? [[span(`  and more: \`ml find dataset:${dataset.name}\``, "dim")]] : []),
  ];
}

/** What reading a dataset came to. */
export function outcomePage(outcome: Outcome, face: Face): Line[] {
  const { name, version, check } = outcome;
  const took = formatDuration(Math.max(1, outcome.took_seconds * 1000));
  const size = `${formatSize(outcome.size_bytes)} in ${counted(outcome.num_files, "file")}`;
  const read =
    outcome.read_files === 0
      ? `nothing had to be read again, ${took}`
      : `${counted(outcome.read_files, "file")} read, ${outcome.remembered_files.toLocaleString("en-US")} as before, ${took}`;
  const lines: Line[] = [];
  const say = (text: string, tone: "good" | "warn" | "plain" | "dim") => {
    for (const part of wrapText(safeText(text), face.width)) lines.push([span(part, tone)]);
  };
  if (check === null) {
    const what = outcome.added ? "registered" : "is registered already, unchanged:";
    say(`${name} ${what} ${outcome.added ? "as " : ""}version ${version}: ${size} (${read})`, "plain");
    say(outcome.checksum, "dim");
  } else if (check.drift === null) say(`${name} ${version} is what was registered: ${size} (${read})`, "good");
  else {
    say(`${name} ${version} has changed since it was registered: ${driftText(check.drift)} (${read})`, "warn");
    for (const file of check.drift.files) say(`  ${file}`, "plain");
    say(`registered ${outcome.checksum}`, "dim");
    say(`now        ${check.checksum ?? ""}`, "dim");
  }
  for (const path of outcome.unstable) say(`${path} was written to while it was read`, "warn");
  for (const path of outcome.left_out.slice(0, 5)) say(`left out ${path}`, "warn");
  if (outcome.left_out.length > 5) say(`and ${outcome.left_out.length - 5} more were left out`, "warn");
  return lines;
}
