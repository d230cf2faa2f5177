/** Everything that a report says, asked of the server: which runs a word means, their records, their curves. */
import type { Connection } from "../client/connection.ts";
import { betterDirection } from "../core/better-direction.ts";
import { MlError } from "../core/error.ts";
import { version } from "../core/version.ts";
import type { Body } from "../protocol/requests.ts";
import type { Facts, Manifest, ReportParts } from "../report/compose.ts";
import type { ReportFigure } from "../report/document.ts";
import { mostMetrics, setUpLabels } from "../report/tables.ts";
import { bestFirst, type SetUp, setUpsOf } from "../think/repeats.ts";
import { tellingFirst } from "../view/metric.ts";
import { safeText } from "../view/safe-text.ts";
import type { Context } from "./command.ts";
import { drawStepCurves, stepCurve } from "./step-curves.ts";

export type Scope = Omit<Body<"runs.facts">, "limit">;

export interface Subject {
  scope: Scope;
  title: string;
  /** What `ml export` takes to give the same runs. */
  exportWords: string;
}

const mostRuns = 500;
/** Curves of one picture: as many as the palette tells apart. */
const mostCurves = 8;
const mostPictures = 3;
/** Requests on their way at a time. */
const atOnce = 16;

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
const isUnknown = (cause: unknown) =>
  cause instanceof MlError && (cause.code === "not_found" || cause.code === "usage");

async function sweepNamed(connection: Connection, word: string): Promise<string | null> {
  try {
    return (await connection.ask("sweep.get", { sweep: word, metric: null })).sweep.name;
  } catch (cause) {
    if (isUnknown(cause)) return null;
    throw cause;
  }
}

async function runsNamed(connection: Connection, words: readonly string[]): Promise<string[] | null> {
  try {
    return (await connection.ask("run.resolve", { runs: [...words], many: true })).run_ids;
  } catch (cause) {
    // Of several words one may be the beginning of many ids by chance: then they are a search.
    const isChance = words.length > 1 && cause instanceof MlError && cause.code === "ambiguous";
    if (isUnknown(cause) || isChance) return null;
    throw cause;
  }
}

/** The words as a group, else as a sweep, else as runs, else as a search. */
export async function subjectOf(connection: Connection, words: readonly string[]): Promise<Subject> {
  const text = words.join(" ");
  if (words.length === 1) {
    const { runs } = await connection.ask("runs.list", { group: text, limit: 1 });
    if (runs.length > 0) return scopedSubject({ group: text });
    const sweep = await sweepNamed(connection, text);
    if (sweep !== null) return scopedSubject({ group: sweep });
  }
  const runs = await runsNamed(connection, words);
  if (runs !== null) {
    const title = runs.length === 1 ? `Run ${runs[0]}` : `${runs.length} runs`;
    return { scope: { runs }, title, exportWords: runs.join(" ") };
  }
  return scopedSubject({ where: text });
}

/** Runs by flags; what they mean is said as the search that gives the same. */
export function scopedSubject(scope: Scope): Subject {
  const { group, tag, user, since, until, where } = scope;
  const value = (text: string) => (/^[\w.:+-]+$/.test(text) ? text : `"${text}"`);
  const given = { group, tag, user, since, until };
  const words = Object.entries(given).flatMap(([key, text]) => (text === undefined ? [] : [`${key}:${value(text)}`]));
  const query = [...(where === undefined ? [] : [where]), ...words].join(" ");
  const title = group === undefined ? `Runs: ${query}` : `Experiment ${group}`;
  return { scope, title, exportWords: `--where ${quoted(query)}` };
}

async function manifestsOf(connection: Connection, facts: Facts): Promise<Manifest[]> {
  const found: Manifest[] = [];
  for (let at = 0; at < facts.runs.length; at += atOnce) {
    const asked = facts.runs.slice(at, at + atOnce).map(async ({ run_id: run }) => {
      try {
        return (await connection.ask("run.get", { run })).manifest;
      } catch (cause) {
        if (cause instanceof MlError && cause.code === "not_found") return null;
        throw cause;
      }
    });
    for (const manifest of await Promise.all(asked)) if (manifest !== null) found.push(manifest);
  }
  return found;
}

/** Null where no run has a curve of it. */
async function pictureOf(
  connection: Connection,
  setUps: readonly SetUp[],
  metric: string,
): Promise<ReportFigure | null> {
  const ordered = bestFirst(setUps, metric).filter((setUp) => setUp.metrics[metric] !== undefined);
  const labels = setUpLabels(ordered);
  const shown = ordered.slice(0, mostCurves).flatMap(({ runs }, at) => {
    const run = runs.find((one) => one.status === "completed");
    return run === undefined ? [] : [{ run, label: labels[at] ?? run.name }];
  });
  const read = shown.map(({ run, label }) => stepCurve(connection, run.run_id, { metric, label }));
  const series = (await Promise.all(read)).filter((curve) => curve !== null);
  if (series.length === 0) return null;
  const of = ordered.length > shown.length ? `the best ${shown.length} of ${ordered.length} set-ups` : "each set-up";
  const caption = `${metric}: one run of ${of}${series.length > 1 && betterDirection(metric) !== null ? ", best first" : ""}.`;
  const about = `${metric} of ${shown.map(({ run }) => run.run_id).join(", ")}`;
  const svg = await drawStepCurves(series, { metric, size: { width: 600, height: 320 }, about });
  return { kind: "figure", id: `curve-${metric.replace(/[^A-Za-z0-9]+/g, "-")}`, caption, svg };
}

function chosenMetrics(facts: Facts, wanted: readonly string[]): string[] {
  const measured = new Set(facts.runs.flatMap((run) => Object.keys(run.metrics)));
  const unknown = wanted.find((name) => !measured.has(name));
  if (unknown !== undefined)
    throw new MlError("not_found", `no run of these has the metric \`${safeText(unknown)}\``, {
      hint: `they have: ${tellingFirst(measured).slice(0, 8).map(safeText).join(", ") || "none"}`,
    });
  return wanted.length > 0 ? [...wanted] : tellingFirst(measured);
}

export interface ReportWish {
  subject: Subject;
  title: string | null;
  metrics: readonly string[];
}

/** Throws `not_found` where no run is meant, or a metric is none of theirs. */
export async function reportParts(
  context: Context,
  { subject, title, metrics: wanted }: ReportWish,
): Promise<{ parts: ReportParts; runIds: string[] }> {
  const connection = await context.connect();
  const facts = await connection.ask("runs.facts", { ...subject.scope, limit: mostRuns });
  if (facts.query !== null) context.output.say(`read as: ${safeText(facts.query)}`);
  if (facts.runs.length === 0) throw new MlError("not_found", "no run fits, and nothing was written");
  const all = chosenMetrics(facts, wanted);
  const metrics = wanted.length > 0 ? all : all.slice(0, mostMetrics);
  const { dead_ends: deadEnds } = await connection.ask("memory.dead_ends", subject.scope);
  const setUps = setUpsOf(facts.runs);
  const figures: ReportFigure[] = [];
  for (const metric of metrics.slice(0, mostPictures)) {
    const figure = await pictureOf(connection, setUps, metric);
    if (figure !== null) figures.push(figure);
  }
  const manifests = await manifestsOf(connection, facts);
  const made = new Date().toISOString().slice(0, 10);
  const parts: ReportParts = {
    title: title ?? subject.title,
    about: `Written by ml ${version} on ${made} from the records of ${facts.runs.length} ${facts.runs.length === 1 ? "run" : "runs"}.`,
    ...{ facts, manifests, deadEnds, figures, metrics },
    moreMetrics: all.length - metrics.length,
    exportWords: subject.exportWords,
  };
  return { parts, runIds: facts.runs.map((run) => run.run_id) };
}
