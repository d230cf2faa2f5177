/**
 * Metrics that nobody logged: found in files that training loops write anyway, and in printed lines that a pattern of the
 * run names. What is found is appended to metrics.passive.jsonl by the worker that attends the run, its only writer; the file is
 * derived, so a worker that takes a run over writes it anew from the beginning.
 *
 * A name that the script logs itself is the script's. Two files with the same name for different things (`loss` of `train/` and
 * of `val/`) are told apart by their folder.
 */
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { encodeMetricValue } from "../run/metric-value.ts";
import { scanMetrics } from "../run/metrics.ts";
import type { RunPaths } from "../run/paths.ts";
import { CsvLog } from "./csv-log.ts";
import { readLines } from "./lines.ts";
import { type FoundPoint, openRegular, type Source } from "./point.ts";
import { matchLine, parseTemplate, type Template } from "./printed.ts";
import { EventFile } from "./tensorboard.ts";
import { TrainerState } from "./trainer-state.ts";

/** Folders that hold no logs, and may hold very many files. */
const skippedFolders = new Set([".git", "node_modules", "__pycache__", ".venv", "venv", "site-packages"]);
const mostEntries = 20_000;
const mostDepth = 10;
const mostSources = 200;
/** More than that is not kept: such a run has its own place for them. */
const largestBytes = 256 * 1024 * 1024;
const mostNames = 5000;

/** So many values are remembered to see that another file tells the same. */
const rememberedValues = 100_000;

/** Splits that people name their folders by: these always stand before the name, so that both sides are told apart. */
export const splits = /^(?:train|val|valid|validation|test|eval)$/i;

function makeSource(path: string, trainings: Map<string, TrainerState>): Source | null {
  const name = basename(path);
  const folder = dirname(path);
  if (name.includes(".tfevents.")) return new EventFile(folder, basename(folder));
  if (name === "trainer_state.json") {
    const root = /^checkpoint-\d+$/.test(basename(folder)) ? dirname(folder) : folder;
    const known = trainings.get(root) ?? new TrainerState(root, basename(root));
    trainings.set(root, known);
    return known;
  }
  if (/\.(?:csv|tsv|log)$/i.test(name)) {
    return new CsvLog(
      path,
      /^(?:metrics|log|history)\.\w+$/i.test(name) ? basename(folder) : name.replace(/\.\w+$/, ""),
    );
  }
  return null;
}

/** Paths below work/ that may hold metrics; follows no link, and stops at its limits. */
async function findCandidates(work: string): Promise<string[]> {
  const found: string[] = [];
  let left = mostEntries;
  const todo: { prefix: string; depth: number }[] = [{ prefix: "", depth: 0 }];
  for (let at = todo.shift(); at !== undefined && left > 0; at = todo.shift()) {
    const { prefix, depth } = at;
    const entries = await fs.promises.readdir(join(work, prefix), { withFileTypes: true }).catch(() => []);
    left -= entries.length;
    for (const entry of entries) {
      const path = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
      if (entry.isDirectory()) {
        if (depth < mostDepth && !skippedFolders.has(entry.name)) todo.push({ prefix: path, depth: depth + 1 });
      } else if (entry.isFile()) found.push(path);
    }
  }
  return found.sort();
}

export interface HarvestOptions {
  /** Templates of printed lines; one that makes no sense is left out. */
  patterns: readonly string[];
  /** Sizes of the files that were sent, by path: one that still has its size is code, not a log of this run. */
  code: ReadonlyMap<string, number>;
}

function templatesOf(patterns: readonly string[]): Template[] {
  return patterns.flatMap((pattern) => {
    try {
      return [parseTemplate(pattern)];
    } catch {
      return [];
    }
  });
}

export class Harvester {
  private readonly sources = new Map<string, { source: Source | null; stamp: string }>();
  private readonly trainings = new Map<string, TrainerState>();
  /** Which group a bare name belongs to. */
  private readonly owners = new Map<string, string>();
  /** Values under bare names, by name and step, to the precision of TensorBoard. */
  private readonly told = new Map<string, number>();
  private readonly logged = new Set<string>();
  private readonly templates: Template[];
  private readonly logs = new Map<string, number>();
  private loggedTo = 0;
  private writtenBytes = 0;
  private begun = false;

  constructor(
    private readonly paths: RunPaths,
    private readonly options: HarvestOptions,
  ) {
    this.templates = templatesOf(options.patterns);
  }

  /**
   * Takes what is new and returns how many points that were. `ended`: nobody writes any more. `found` names the files under
   * work/ where somebody has just listed them. Throws system errors of writing; what cannot be read is left out.
   */
  async harvest({ ended, found }: { ended: boolean; found?: readonly string[] }): Promise<number> {
    try {
      return await this.look(ended, found ?? (await findCandidates(this.paths.work)));
    } catch (cause) {
      this.forget();
      throw cause;
    }
  }

  /** What was read and could not be written is read again, from the beginning. */
  private forget(): void {
    for (const known of [this.sources, this.trainings, this.owners, this.told, this.logs]) known.clear();
    this.writtenBytes = 0;
    this.begun = false;
  }

  private async look(ended: boolean, paths: readonly string[]): Promise<number> {
    if (!this.begun) fs.rmSync(this.paths.passiveMetrics, { force: true });
    this.begun = true;
    let count = 0;
    for (const path of paths) {
      if (this.writtenBytes > largestBytes) break;
      const points = await this.readSource(path, ended).catch(() => []);
      count += await this.write(points);
    }
    for (const log of [this.paths.outputLog, this.paths.stdoutLog]) {
      if (this.templates.length > 0) count += await this.write(await this.readPrinted(log, ended).catch(() => []));
    }
    return count;
  }

  /** Names that the script has logged by itself. */
  private async noteLogged(): Promise<void> {
    const { next } = await scanMetrics(this.paths.metrics, {
      from: this.loggedTo,
      onPoint: ({ name }) => {
        if (this.logged.size < mostNames) this.logged.add(name);
      },
    });
    this.loggedTo = next;
  }

  private async readSource(path: string, ended: boolean): Promise<Named[]> {
    let known = this.sources.get(path);
    if (known === undefined) {
      const source = this.sources.size < mostSources ? makeSource(path, this.trainings) : null;
      if (source === null) return [];
      known = { source, stamp: "" };
      this.sources.set(path, known);
    }
    if (known.source === null) return [];
    const file = await openRegular(join(this.paths.work, path));
    if (file === null) return [];
    try {
      const stamp = `${file.sizeBytes} ${file.mtimeMs} ${ended}`;
      if (known.stamp === stamp || this.options.code.get(path) === file.sizeBytes) return [];
      known.stamp = stamp;
      const { source } = known;
      const points = await source.read(file, ended);
      return points.flatMap((point) => {
        const name = this.nameOf(point, source);
        return !splits.test(source.label) && this.isTold(point, name)
          ? []
          : [{ ...point, name, source: `work/${path}` }];
      });
    } finally {
      await file.handle.close();
    }
  }

  private async readPrinted(log: string, ended: boolean): Promise<Named[]> {
    const file = await openRegular(log);
    if (file === null) return [];
    const points: Named[] = [];
    try {
      const from = this.logs.get(log) ?? 0;
      const onLine = (line: string) => {
        for (const template of this.templates)
          for (const point of matchLine(template, line))
            points.push({ ...point, t: file.mtimeMs / 1000, source: "pattern" });
      };
      this.logs.set(log, await readLines(file, { from, ended, mostBytes: 16 * 1024, onLine }));
      return points;
    } finally {
      await file.handle.close();
    }
  }

  /** Two loggers of one script, such as CSV and TensorBoard, tell the same twice: the second is left out. */
  private isTold({ name, value, step }: FoundPoint, shown: string): boolean {
    const key = `${name} ${step}`;
    if (shown !== name) return this.told.has(key) && Object.is(this.told.get(key), Math.fround(value));
    if (this.told.size < rememberedValues) this.told.set(key, Math.fround(value));
    return false;
  }

  private nameOf({ name }: FoundPoint, { group, label }: Source): string {
    if (splits.test(label)) return `${label}/${name}`;
    const owner = this.owners.get(name) ?? group;
    if (this.owners.size < mostNames) this.owners.set(name, owner);
    return owner === group ? name : `${label}/${name}`;
  }

  private async write(points: readonly Named[]): Promise<number> {
    if (points.length === 0) return 0;
    await this.noteLogged();
    const lines = points.flatMap(({ name, value, step, t, source }) =>
      this.logged.has(name) ? [] : [JSON.stringify({ name, value: encodeMetricValue(value), step, t, source })],
    );
    if (lines.length === 0) return 0;
    const text = `${lines.join("\n")}\n`;
    fs.appendFileSync(this.paths.passiveMetrics, text);
    this.writtenBytes += Buffer.byteLength(text);
    return lines.length;
  }
}

type Named = FoundPoint & { source: string };
