/**
 * Runs like a given one: of the same script under any of its names, nearest first by what their parameters are. Two runs
 * are as far apart as their parameters differ: nothing for equal values, a decade apart counts whole, other words and
 * missing values count whole. No weights are learned and nothing is hidden: every difference is listed.
 */
import type { Database } from "bun:sqlite";
import { posix } from "node:path";
import { shellWords } from "../core/shell-words.ts";
import { configBytes, runParameters } from "../run/config-parameters.ts";
import { type ParameterValue, type ReadCommand, readCommand, readValue } from "../run/parameters.ts";
import type { BasePaths } from "../run/paths.ts";
import type { RunRecord } from "../run/run-record.ts";
import { CodeFiles } from "./code-files.ts";
import { scriptsNamed } from "./names-that-moved.ts";
import type { SearchIndex } from "./search-index.ts";

/** A run, or one that is only planned. */
export interface Subject {
  argv: readonly string[];
  cwd: string;
  snapshot: string | null;
  /** Left out of the answer; null for a planned run. */
  runId: string | null;
}

export interface Difference {
  name: string;
  /** In the given run; null: it has none. */
  here: ParameterValue | null;
  there: ParameterValue | null;
}

export interface SimilarRun {
  record: RunRecord;
  /** 1: no parameter differs; 0: none agrees. */
  score: number;
  /** Null where one of them has no code. */
  sameCode: boolean | null;
  differs: Difference[];
}

/** Of a script that ran more often, the newest so many are looked at. */
const mostLookedAt = 500;

function decades(here: number, there: number): number {
  if (here === there) return 0;
  if (here <= 0 || there <= 0) return 1;
  return Math.min(1, Math.abs(Math.log10(here / there)));
}

function distance(here: ParameterValue | null, there: ParameterValue | null): number {
  if (here === null || there === null) return 1;
  if (typeof here === "number" && typeof there === "number") return decades(here, there);
  return String(here) === String(there) ? 0 : 1;
}

type Values = ReadonlyMap<string, ParameterValue>;

const mostPositionals = 20;

/** Words that belong to no parameter are told apart by their place. */
function positionalValues({ positionals }: Pick<ReadCommand, "positionals">): [string, ParameterValue][] {
  return positionals.slice(0, mostPositionals).map(({ text }, at) => [`argument ${at + 1}`, readValue(text)]);
}

function positionalsOf(command: string): [string, ParameterValue][] {
  try {
    return positionalValues(readCommand(shellWords(command)));
  } catch {
    // A line that no shell would split tells nothing apart.
    return [];
  }
}

function compare(here: Values, there: Values): { score: number; differs: Difference[] } {
  // Those of the other are kept in no order of their own.
  const names = new Set([...here.keys(), ...[...there.keys()].sort()]);
  let apart = 0;
  const differs: Difference[] = [];
  for (const name of names) {
    const [left, right] = [here.get(name) ?? null, there.get(name) ?? null];
    const far = distance(left, right);
    if (far === 0) continue;
    apart += far;
    differs.push({ name, here: left, there: right });
  }
  return { score: names.size === 0 ? 1 : 1 - apart / names.size, differs };
}

export class SimilarRuns {
  private readonly code: CodeFiles;

  constructor(
    base: BasePaths,
    private readonly database: Database,
    private readonly index: SearchIndex,
  ) {
    this.code = new CodeFiles(base);
  }

  /** Nearest first, of equally near ones the newest first. */
  of(subject: Subject, limit: number): SimilarRun[] {
    const { command, values } = runParameters(subject, (path) =>
      subject.snapshot === null ? null : this.code.text(subject.snapshot, path, configBytes),
    );
    const here = new Map([...Object.entries(values), ...positionalValues(command)]);
    const script = command.script.startsWith("/") ? command.script : posix.join(subject.cwd, command.script);
    const names = this.parameterNames();
    const found = this.candidates(script).flatMap((row): (SimilarRun & { doc: number })[] => {
      const record = JSON.parse(row.record) as RunRecord;
      if (record.run_id === subject.runId) return [];
      const there = new Map([...readValues(row.facts, names), ...positionalsOf(record.command)]);
      const { score, differs } = compare(here, there);
      const sameCode = subject.snapshot === null || row.snapshot === null ? null : row.snapshot === subject.snapshot;
      return [{ record, score, differs, sameCode, doc: row.doc }];
    });
    const nearness = ({ score, sameCode }: SimilarRun) => score + (sameCode ? 1e-6 : 0);
    found.sort((a, b) => nearness(b) - nearness(a) || b.doc - a.doc);
    return found.slice(0, limit).map(({ doc: _, ...one }) => one);
  }

  private parameterNames(): Map<number, string> {
    const names = [...this.index.names()].filter(({ kind }) => kind === "p");
    return new Map(names.map(({ id, name }) => [id, name]));
  }

  private candidates(script: string): { doc: number; record: string; facts: string; snapshot: string | null }[] {
    const paths = scriptsNamed(this.database, this.index, script).filter((path) => path.length > 0);
    const sql = `SELECT r.doc AS doc, r.record AS record, s.facts AS facts,
        (SELECT n.value FROM label_names n JOIN labels l ON l.label = n.id AND l.doc = r.doc WHERE n.field = 'snapshot') AS snapshot
      FROM (SELECT DISTINCT doc FROM labels WHERE label IN
        (SELECT id FROM label_names WHERE field = 'script' AND value IN (SELECT value FROM json_each(?)))
        ORDER BY doc DESC LIMIT ${mostLookedAt}) d
      CROSS JOIN runs r ON r.doc = d.doc CROSS JOIN searched s ON s.doc = d.doc`;
    return this.database.query(sql).all(JSON.stringify(paths)) as ReturnType<SimilarRuns["candidates"]>;
  }
}

function readValues(facts: string, names: ReadonlyMap<number, string>): Map<string, ParameterValue> {
  const values = new Map<string, ParameterValue>();
  for (const [id, num, word] of JSON.parse(facts) as [number, number | null, string | null][]) {
    const name = names.get(id);
    if (name === undefined) continue;
    if (word === "true" || word === "false") values.set(name, word === "true");
    else values.set(name, word ?? num ?? "");
  }
  return values;
}
