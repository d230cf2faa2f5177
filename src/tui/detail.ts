/**
 * What is known of the one run that is looked at: its manifest, its metric points, its files. Fetched when it is selected
 * and when an event says that it changed, never twice at once; points are fetched from where the last reply ended. The
 * last few runs are remembered, so that going up and down a list asks for nothing twice.
 */
import type { Connection } from "../client/connection.ts";
import { messageOf } from "../core/error.ts";
import type { FileEntry } from "../protocol/file-entry.ts";
import type { Reply } from "../protocol/requests.ts";
import type { RunSummary } from "../protocol/summary.ts";
import { type Curve, curves, type Point, withRecorded } from "../view/metric.ts";
import type { Tab } from "./state.ts";

export type RunDetail = Reply<"run.get">;

export interface Known {
  detail: RunDetail | null;
  points: Point[];
  /** Made of the points when they change. */
  curves: Curve[];
  thinned: boolean;
  files: FileEntry[] | null;
  filesCut: boolean;
  /** Why something could not be fetched; null where all is well. */
  problem: string | null;
  /** Something is being fetched. */
  busy: boolean;
}

interface Entry extends Known {
  next: number;
  passiveNext: number;
  fetchedAtMs: number;
  /** The state of the run that `detail`, and `files`, were fetched in; another makes them old. */
  detailStamp: string | null;
  filesStamp: string | null;
  metricsStamp: string | null;
}

const remembered = 30;
/** What somebody else writes about a running run is seen so soon. */
const runningFreshMs = 2000;
/** Points kept of one run; beyond that every second one goes. */
const mostPoints = 200_000;

/** What of a run's row tells that its record has changed. */
function stampOf(run: RunSummary): string {
  return [
    run.status,
    run.validation_status,
    run.held,
    run.priority,
    run.note,
    run.tags.join(),
    run.stopping?.by,
  ].join();
}

function metricsStampOf(run: RunSummary): string {
  return `${run.status} ${JSON.stringify(run.metrics)}`;
}

export class Details {
  private readonly entries = new Map<string, Entry>();

  constructor(
    private readonly connection: Connection,
    private readonly onChange: () => void,
  ) {}

  get(runId: string): Known | null {
    return this.entries.get(runId) ?? null;
  }

  /** The run has changed in a way that its row does not tell, such as a new annotation. */
  forget(runId: string): void {
    const entry = this.entries.get(runId);
    if (entry !== undefined) entry.detailStamp = null;
  }

  /** An event about a run: a note was added, or its record changed in a way that its row may not tell. */
  forgetIfShown(run: RunSummary): void {
    const entry = this.entries.get(run.run_id);
    if (entry === undefined) return;
    // Of runs under way events come every second, most of them with nothing but progress.
    const freshMs = run.status === "running" ? runningFreshMs : 0;
    if (performance.now() - entry.fetchedAtMs >= freshMs) entry.detailStamp = null;
  }

  forgetAll(): void {
    for (const entry of this.entries.values()) entry.detailStamp = null;
  }

  /** Whether anything that `tab` shows of the run is missing or old. */
  private lacks(entry: Entry, run: RunSummary, tab: Tab): boolean {
    if (entry.detailStamp !== stampOf(run)) return true;
    if (tab === "metrics" || tab === "overview") return entry.metricsStamp !== metricsStampOf(run);
    return tab === "artifacts" && entry.filesStamp !== stampOf(run);
  }

  /** Asks for what `tab` shows of the run, where that is missing or old. Throws nothing. */
  async want(run: RunSummary, tab: Tab): Promise<void> {
    const entry = this.entryOf(run.run_id);
    if (entry.busy || !this.lacks(entry, run, tab)) return;
    entry.busy = true;
    try {
      let changed = await this.wantDetail(entry, run);
      if (tab === "metrics" || tab === "overview") changed = (await this.wantPoints(entry, run)) || changed;
      if (tab === "artifacts") changed = (await this.wantFiles(entry, run)) || changed;
      if (changed || entry.problem !== null) this.onChange();
      entry.problem = null;
    } catch (cause) {
      entry.problem = messageOf(cause);
      // Not asked for again before the row changes: an error that stays would be asked for with every picture.
      entry.detailStamp = stampOf(run);
      entry.filesStamp = stampOf(run);
      entry.metricsStamp = metricsStampOf(run);
      this.onChange();
    } finally {
      entry.busy = false;
    }
  }

  private entryOf(runId: string): Entry {
    const known = this.entries.get(runId);
    if (known !== undefined) {
      // The least recently looked at goes first.
      this.entries.delete(runId);
      this.entries.set(runId, known);
      return known;
    }
    const entry: Entry = {
      detail: null,
      points: [],
      curves: [],
      thinned: false,
      files: null,
      filesCut: false,
      problem: null,
      next: 0,
      passiveNext: 0,
      fetchedAtMs: Number.NEGATIVE_INFINITY,
      detailStamp: null,
      filesStamp: null,
      metricsStamp: null,
      busy: false,
    };
    this.entries.set(runId, entry);
    const [first] = this.entries.keys();
    if (this.entries.size > remembered && first !== undefined) this.entries.delete(first);
    return entry;
  }

  private async wantDetail(entry: Entry, run: RunSummary): Promise<boolean> {
    const stamp = stampOf(run);
    if (entry.detailStamp === stamp) return false;
    entry.detailStamp = stamp;
    entry.detail = await this.connection.ask("run.get", { run: run.run_id });
    entry.fetchedAtMs = performance.now();
    return true;
  }

  private async wantPoints(entry: Entry, run: RunSummary): Promise<boolean> {
    const stamp = metricsStampOf(run);
    if (entry.metricsStamp === stamp) return false;
    entry.metricsStamp = stamp;
    const body = { run: run.run_id, after: entry.next, passive_after: entry.passiveNext };
    const reply = await this.connection.ask("metrics.read", body);
    entry.next = reply.next;
    entry.passiveNext = reply.passive_next;
    entry.thinned ||= reply.thinned;
    if (reply.points.length === 0 && entry.points.length > 0) return false;
    for (const point of reply.points) entry.points.push(point);
    while (entry.points.length > mostPoints) {
      entry.points = entry.points.filter((_, index) => index % 2 === 0);
      entry.thinned = true;
    }
    entry.curves = withRecorded(curves(entry.points), run.metrics);
    return true;
  }

  private async wantFiles(entry: Entry, run: RunSummary): Promise<boolean> {
    const stamp = stampOf(run);
    if (entry.filesStamp === stamp) return false;
    entry.filesStamp = stamp;
    const listing = await this.connection.ask("files.list", { run: run.run_id, recursive: true, limit: 5000 });
    entry.files = listing.entries.filter((one) => !one.path.startsWith(".run/") && one.path !== ".run");
    entry.filesCut = listing.truncated;
    return true;
  }
}
