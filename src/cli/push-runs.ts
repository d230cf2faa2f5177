/**
 * Whole runs from one server to another, through here: each as a bundle of its own that streams from the one to the other and
 * lies nowhere in between. Who keeps it checks all of it before. A run that is there already is not sent, nor is code that is
 * there, nor what came before a cut.
 */
import { createZstdDecompress } from "node:zlib";
import type { Connection } from "../client/connection.ts";
import { MlError, messageOf } from "../core/error.ts";
import type { ArrivedPart, ExportWish, Imported, ImportedRun } from "../protocol/bundle.ts";
import type { TravellingRun } from "../protocol/bundle-requests.ts";
import { limitRate } from "../transfer/rate.ts";
import type { CarriedRun } from "../view/bundle-page.ts";
import type { Context } from "./command.ts";
import { refusal } from "./run-files.ts";

export interface PushWish {
  runIds: readonly string[];
  level: ExportWish["level"];
  artifacts: string[];
  bytesPerSecond: number | null;
  signal: AbortSignal;
  patience?: Patience;
  /** Called as each run is settled. */
  onRun(run: CarriedRun): void;
  onProgress(doneBytes: number, totalBytes: number): void;
}

export interface Pushed {
  sentBytes: number;
}

/** Runs are asked about so many at a time. */
const askedRuns = 200;
const answerMs = 600_000;
/** Tries of one run in a row before giving up. */
const tries = 5;

/** How long a cut is borne. */
export interface Patience {
  /** After the first failed try; twice as long after each further one. */
  pauseMs: number;
  /** So long the other server may be away between two tries. */
  awayMs: number;
}
const usualPatience: Patience = { pauseMs: 400, awayMs: 30_000 };

const retryable: ReadonlySet<string> = new Set(["unreachable", "try_later", "timed_out"]);
/** What is wrong with one run; the others may go. */
const ofOneRun: ReadonlySet<string> = new Set(["refused", "too_large", "conflict", "not_found"]);

function chunksOf<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}

/** What would travel, oldest first, so that what a run came from is there before it. */
export async function planRuns(
  from: Connection,
  { runIds, level, artifacts }: Pick<PushWish, "runIds" | "level" | "artifacts">,
): Promise<TravellingRun[]> {
  const planned: TravellingRun[] = [];
  for (const runs of chunksOf(runIds, askedRuns))
    planned.push(...(await from.ask("bundle.plan", { runs, level, artifacts }, { timeoutMs: answerMs })).runs);
  return planned.sort((a, b) => (a.queued_at < b.queued_at ? -1 : 1));
}

interface Known {
  runIds: (string | null)[];
  snapshots: string[];
  kept: string[];
  parts: ArrivedPart[];
  /** A bundle may bring a content once for many files. */
  once: boolean;
}

async function knownThere(
  to: Connection,
  runs: readonly TravellingRun[],
  { signal, awayMs }: { signal: AbortSignal; awayMs: number },
): Promise<Known> {
  const known: Known = { runIds: [], snapshots: [], kept: [], parts: [], once: false };
  for (const some of chunksOf(runs, askedRuns)) {
    const asked = some.map(({ content, first_id, queued_at }) => ({ content: content ?? "", first_id, queued_at }));
    const snapshots = [...new Set(some.flatMap(({ snapshot }) => snapshot ?? []))];
    const reply = await to.ask("bundle.known", { runs: asked, snapshots }, { timeoutMs: answerMs, awayMs, signal });
    known.runIds.push(...reply.run_ids);
    known.snapshots.push(...reply.snapshots);
    known.kept = reply.kept;
    known.parts = reply.parts ?? [];
    known.once = reply.once ?? false;
  }
  return known;
}

/** The same stream; tells how much of it has passed, how much that is unpacked, and where it breaks. */
function counted(
  source: AsyncIterable<Uint8Array>,
  told: { onPacked(bytes: number): void; onUnpacked(bytes: number): void; onBreak(): void },
): ReadableStream<Uint8Array> {
  const unpacker = createZstdDecompress();
  unpacker.on("data", (chunk: Uint8Array) => told.onUnpacked(chunk.length));
  // A damaged stream is the receiver's to refuse.
  unpacker.on("error", () => {});
  const chunks = source[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(stream) {
      const next = await chunks.next().catch((cause) => {
        told.onBreak();
        throw cause;
      });
      if (next.done === true) return stream.close();
      told.onPacked(next.value.length);
      if (!unpacker.destroyed) await new Promise((resolve) => unpacker.write(next.value, resolve));
      stream.enqueue(next.value);
    },
    async cancel() {
      unpacker.destroy();
      await chunks.return?.();
    },
  });
}

class Push {
  sentBytes = 0;
  private doneBytes = 0;
  /** Whose connection broke in the latest try, if one did. */
  private atFault: Connection;
  private readonly patience: Patience;

  private readonly from: Connection;
  private readonly to: Connection;
  private readonly wish: PushWish;
  /** Of the runs that are not there yet. */
  private readonly totalBytes: number;

  constructor({
    from,
    to,
    wish,
    totalBytes,
  }: { from: Connection; to: Connection; wish: PushWish; totalBytes: number }) {
    this.from = from;
    this.to = to;
    this.wish = wish;
    this.totalBytes = totalBytes;
    this.atFault = to;
    this.patience = wish.patience ?? usualPatience;
  }

  settled(run: TravellingRun, outcome: Pick<CarriedRun, "there_as" | "state" | "why">): void {
    if (outcome.state !== "there_already") this.doneBytes += run.size_bytes;
    this.wish.onProgress(this.doneBytes, this.totalBytes);
    this.wish.onRun({ run_id: run.run_id, name: run.name, status: run.status, ...outcome });
  }

  /** One bundle from there to there. Throws MlError; `unreachable` where a connection broke. */
  private async carry(run: TravellingRun, known: Known): Promise<ImportedRun> {
    const { level, artifacts, bytesPerSecond, signal } = this.wish;
    const body: ExportWish = {
      ...{ runs: [run.run_id], packing: "zstd", level, artifacts, redact: [], figures: {} },
      ...{ have: known.kept, have_snapshots: known.snapshots, once: known.once },
      parts: known.parts,
    };
    this.atFault = this.from;
    const bundle = await this.from.fetch("/bundles", { method: "POST", body: JSON.stringify(body), signal });
    if (!bundle.ok) throw await refusal(bundle, `reading run \`${run.run_id}\``);
    if (bundle.body === null) throw new MlError("unreachable", `${this.from.place} sent nothing`);
    this.atFault = this.to;
    let unpacked = 0;
    const stream = counted(bundle.body as unknown as AsyncIterable<Uint8Array>, {
      onPacked: (bytes) => {
        this.sentBytes += bytes;
      },
      onUnpacked: (bytes) => {
        unpacked += bytes;
        this.wish.onProgress(this.doneBytes + Math.min(unpacked, run.size_bytes), this.totalBytes);
      },
      onBreak: () => {
        this.atFault = this.from;
      },
    });
    const answer = await this.to.fetch("/bundles?resumable=1", {
      ...{ method: "PUT", body: limitRate(stream, bytesPerSecond), signal },
    });
    if (!answer.ok) throw await refusal(answer, `pushing run \`${run.run_id}\``);
    const { reply } = (await answer.json()) as { reply: Imported };
    const [arrived] = reply.runs;
    if (arrived === undefined) throw new MlError("failed", `${this.to.place} says nothing of run \`${run.run_id}\``);
    return arrived;
  }

  /** Until it is there: after a cut the other side is asked anew what it has. Throws what may not be tried again. */
  async push(run: TravellingRun, first: Known): Promise<void> {
    let known = first;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const [there = null] = known.runIds;
        if (there !== null) return this.settled(run, { there_as: there, state: "there_already", why: null });
        const { run_id: id, state, new_points: newPoints } = await this.carry(run, known);
        if (state === "grown") {
          const why = `it is there as it was imported before, ${newPoints ? `with ${newPoints} points less` : "not quite as here"}, and stays so`;
          return this.settled(run, { there_as: id, state: "refused", why });
        }
        const outcome = state === "imported" ? "pushed" : "there_already";
        return this.settled(run, { there_as: id, state: outcome, why: null });
      } catch (cause) {
        this.wish.signal.throwIfAborted();
        const mayHelp = !(cause instanceof MlError) || retryable.has(cause.code);
        if (!mayHelp || attempt >= tries) throw this.explained(cause, run);
        await Bun.sleep(this.patience.pauseMs * 2 ** (attempt - 1));
        known = await this.askAgain(run);
        // Where a file of the run is damaged, the bundle that has everything twice says which.
        if (cause instanceof MlError && cause.code === "try_later") known.once = false;
      }
    }
  }

  private askAgain(run: TravellingRun): Promise<Known> {
    const { signal } = this.wish;
    return knownThere(this.to, [run], { signal, awayMs: this.patience.awayMs }).catch((cause) => {
      signal.throwIfAborted();
      this.atFault = this.to;
      throw this.explained(cause, run);
    });
  }

  /** Where a connection broke: whose, and that the same command goes on. All else as it is. */
  private explained(cause: unknown, run: TravellingRun): MlError {
    if (cause instanceof MlError && cause.code !== "unreachable") return cause;
    const why =
      cause instanceof MlError ? [cause.message, cause.detail.cause].filter(Boolean).join(": ") : messageOf(cause);
    return new MlError(
      "unreachable",
      `the connection to ${this.atFault === this.to ? "the other server" : "your own server"} was lost while run \`${run.run_id}\` was pushed`,
      {
        cause: why,
        hint: "type it again once that server is back",
      },
    );
  }
}

/** Throws what stops all of them: no key, no room, nobody there. One run that is refused stops no other. */
export async function pushRuns(
  context: Context,
  { from, to, runs, wish }: { from: Connection; to: Connection; runs: readonly TravellingRun[]; wish: PushWish },
): Promise<Pushed> {
  const { awayMs } = wish.patience ?? usualPatience;
  const known = await knownThere(to, runs, { signal: wish.signal, awayMs });
  const lacking = runs.filter((_, index) => known.runIds[index] == null);
  const totalBytes = lacking.reduce((sum, run) => sum + run.size_bytes, 0);
  const push = new Push({ from, to, wish, totalBytes });
  const snapshots = new Set(known.snapshots);
  for (const [index, run] of runs.entries()) {
    wish.signal.throwIfAborted();
    const there = known.runIds[index] ?? null;
    try {
      await push.push(run, { ...known, runIds: [there], snapshots: [...snapshots].slice(-askedRuns) });
      if (run.snapshot !== null) snapshots.add(run.snapshot);
    } catch (cause) {
      if (!(cause instanceof MlError) || !ofOneRun.has(cause.code)) throw cause;
      context.output.warn(`run ${run.run_id} was not taken: ${cause.message}`);
      push.settled(run, { there_as: null, state: "refused", why: cause.message });
    }
  }
  return { sentBytes: push.sentBytes };
}
