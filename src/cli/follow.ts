/**
 * Following a run: its place in the line, its start, its output as it appears, its end. The run goes on whatever happens
 * to us, and we go on whatever happens to the server: the connection heals, and the log is read on from the byte
 * where we were, so nothing is missed and nothing shown twice [N1].
 */
import type { Connection } from "../client/connection.ts";
import { MlError } from "../core/error.ts";
import type { LogStream, ServerEvent } from "../protocol/frames.ts";
import type { Reply } from "../protocol/requests.ts";
import type { RunSummary } from "../protocol/summary.ts";
import { type Blocker, blockerSentence } from "../view/blocker-text.ts";
import { span } from "../view/face.ts";
import { stateOf } from "../view/mark.ts";
import { curves, withRecorded } from "../view/metric.ts";
import { placeText } from "../view/submitted-line.ts";
import { durationText, elapsedMs } from "../view/time.ts";
import { type RunDetail, verdictBlock } from "../view/verdict-block.ts";
import { type Bell, makeBell } from "./bell.ts";
import type { Context } from "./command.ts";
import { copyToEnd, type LogPlace, textBytes } from "./log-reader.ts";
import { type LogSink, makeSink } from "./log-sink.ts";
import { sayPage, serverNowMs, talkFace } from "./page.ts";
import { readPoints } from "./read-points.ts";

/** Looked at again without any event this often: events make it fast, this makes it certain. */
const lookAnywayMs = 3000;
/** After this long without a server we give up; the run does not. */
const giveUpMs = 10 * 60_000;

export interface FollowOptions {
  connection: Connection;
  runId: string;
  streams: readonly LogStream[];
  signal: AbortSignal;
  raw?: boolean;
  /** Where to begin, by stream; default the first byte. */
  offsets?: Partial<Record<LogStream, number>>;
  /** Show nothing of the log, only wait for its end. */
  silent?: boolean;
}

type LogEvent = Extract<ServerEvent, { kind: "log" }>;

interface Reading {
  place: LogPlace;
  sink: LogSink;
  ended: boolean;
  /** As the events tell it; null before the first. */
  sizeBytes: number | null;
  floodUntilMs: number;
}

/** Between two events that are 100 ms apart: a log that grows by more is a flood, until it has not for a while. */
const floodBytes = 8 * 1024 * 1024;
const floodMs = 300;

function noteGrowth(reading: Reading, { size, ended }: LogEvent): void {
  if (ended) reading.floodUntilMs = 0;
  else if (size - (reading.sizeBytes ?? size) > floodBytes) reading.floodUntilMs = performance.now() + floodMs;
  reading.sizeBytes = size;
}

/** What only time or somebody's act ends; that others go first, or hold what it needs, its place says already. */
const tellingReasons = new Set<Blocker["kind"]>([
  "parent",
  "not_before",
  "when",
  "data",
  "silent_data",
  "no_worker",
  "never_fits",
  "door",
]);

/** Why a run waits, where that is more than its turn: one sentence; null elsewhere. */
function waitReason({ blockers, named }: Reply<"run.why">, nowMs: number): string | null {
  const telling = blockers.find(({ kind }) => tellingReasons.has(kind));
  return telling === undefined ? null : blockerSentence(telling, { nowMs, named });
}

/** Says once each: where in the line, held, why it waits where that is not its turn, started. */
function makeHerald(context: Context, connection: Connection): (run: RunSummary, why?: string | null) => void {
  let said = "";
  let reason: string | null = null;
  let started = false;
  const { output } = context;
  const say = (text: string, run: RunSummary) => {
    if (text === said) return;
    said = text;
    const about = { run_id: run.run_id, position: run.position, eta: run.eta, why: reason };
    if (output.mode === "json") output.jsonLine("ml.follow/1", { kind: stateOf(run), ...about });
    else sayPage(context, [[span(text, "dim")]]);
  };
  return (run, why) => {
    if (started) return;
    if (why !== undefined) reason = why;
    if (run.status === "queued") {
      const parts = [placeText(run, serverNowMs(connection)), reason].filter((part) => part !== null);
      const waiting = parts.length === 0 ? "waiting" : `waiting: ${parts.join("; ")}`;
      say(run.held ? `held; \`ml release ${run.run_id}\` lets it go` : waiting, run);
    } else if (run.started_at !== null) {
      started = true;
      const waited = durationText(elapsedMs(run.queued_at, run.started_at, 0));
      if (said !== "" || output.mode === "json") say(`started after ${waited ?? "?"} in line`, run);
    }
  };
}

/** Says once that the connection is gone, and once that it is back. */
function tellState(context: Context, connection: Connection, bell: Bell): () => void {
  let lost = false;
  return connection.onState((state, why) => {
    if (state === "reconnecting" && !lost) {
      lost = true;
      context.output.say(`connection lost${why === null ? "" : ` (${why})`}; the run goes on, reconnecting`);
    } else if (state === "open" && lost) {
      lost = false;
      context.output.say("connected again");
    }
    bell.ring();
  });
}

async function readAll(context: Context, readings: readonly Reading[], options: FollowOptions): Promise<boolean> {
  const { connection, signal } = options;
  for (const reading of readings) {
    if (reading.ended) continue;
    const { place, sink } = reading;
    const isFlooding = () => performance.now() < reading.floodUntilMs;
    reading.ended = await copyToEnd(place, { connection, context, sink, signal, isFlooding });
  }
  return readings.every((reading) => reading.ended);
}

/**
 * Takes the bytes that come with an event, where they are those that we want next and the output takes them; the shortest
 * way for a line. Gives whether the event asks for nothing more.
 */
function makeTaker(context: Context, ring: () => void): (reading: Reading, event: LogEvent) => boolean {
  let writing = false;
  let missed = false;
  const written = () => {
    writing = false;
    if (missed) ring();
    missed = false;
  };
  return ({ place, sink }, { size, ended, added }) => {
    if (added === undefined || added.offset !== place.offset) return size === place.offset && !ended;
    if (writing) {
      // A slow reader of ours: once it has read, the log is asked for the rest.
      missed = true;
      return true;
    }
    sink.write(textBytes(added), place.offset);
    place.offset = size;
    writing = true;
    void context.output.flush().then(written, written);
    return !ended;
  };
}

/** Follows to the end of the log and gives what the run became. Rejects when aborted. Throws `unreachable`, `not_found`. */
export async function followRun(context: Context, options: FollowOptions): Promise<RunDetail> {
  const { connection, runId, streams, signal } = options;
  const bell = makeBell(signal);
  const herald = makeHerald(context, connection);
  const state: { run: RunSummary | null; removed: boolean } = { run: null, removed: false };
  const take = (run: RunSummary | undefined, why?: string | null) => {
    if (run === undefined || run.run_id !== runId) return;
    state.run = run;
    herald(run, why);
  };
  const askWhy = async () => {
    const answer = await connection.ask("run.why", { run: runId }, { signal });
    take(answer.run, waitReason(answer, serverNowMs(connection)));
  };
  const readings = streams.map((stream): Reading => {
    const place = { run: runId, stream, offset: options.offsets?.[stream] ?? 0 };
    const sink = options.silent
      ? silentSink
      : makeSink(context, { runId, stream, raw: options.raw === true, schema: "ml.follow/1" });
    return { place, sink, ended: false, sizeBytes: null, floodUntilMs: 0 };
  });
  const stopTelling = tellState(context, connection, bell);
  const taken = makeTaker(context, () => bell.ring());
  let pulling = false;
  const subscription = await connection.subscribe(
    { runs: [runId], logs: streams.map((stream) => ({ run: runId, stream })) },
    {
      onSnapshot(snapshot) {
        for (const run of snapshot.runs) take(run);
        bell.ring();
      },
      onEvent(event) {
        if (event.kind === "run") take(event.run);
        if (event.kind === "log" && event.run_id === runId) {
          const reading = readings.find(({ place }) => place.stream === event.stream);
          if (reading !== undefined) {
            noteGrowth(reading, event);
            if (!pulling && state.run?.status !== "queued" && taken(reading, event)) return;
          }
        }
        if (event.kind === "removed" && event.run_id === runId) state.removed = true;
        bell.ring();
      },
    },
  );
  try {
    let lostAtMs: number | null = null;
    let rung = true;
    for (;;) {
      signal.throwIfAborted();
      if (state.removed) throw new MlError("not_found", `run \`${runId}\` was deleted while it was followed`);
      try {
        if (state.run?.status === "queued" && !rung) await askWhy();
        pulling = true;
        if (state.run?.status !== "queued" && (await readAll(context, readings, options))) break;
        lostAtMs = null;
      } catch (cause) {
        if (!(cause instanceof MlError && cause.code === "unreachable")) throw cause;
        lostAtMs ??= performance.now();
        if (performance.now() - lostAtMs > giveUpMs) throw cause;
        await Bun.sleep(1000);
      }
      pulling = false;
      rung = await bell.wait(lookAnywayMs);
    }
    for (const reading of readings) reading.sink.end();
    return await connection.ask("run.get", { run: runId }, { signal });
  } finally {
    stopTelling();
    await subscription.close().catch(() => {});
  }
}

const silentSink: LogSink = { write: () => {}, restarted: () => {}, end: () => {} };

/** The verdict on stderr (or as the last JSON line), and the exit code: 0, or 5 where the run did not succeed. */
export async function tellVerdict(context: Context, connection: Connection, detail: RunDetail): Promise<number> {
  const { output } = context;
  const { summary, manifest } = detail;
  if (output.mode === "json") {
    output.jsonLine("ml.follow/1", { kind: "ended", run_id: manifest.run_id, summary, folder: detail.folder });
  } else {
    const logged = Object.keys(manifest.metrics).length > 0;
    const points = logged ? (await readPoints(connection, manifest.run_id)).points : [];
    if (context.terminal.stderr) output.say("");
    sayPage(
      context,
      verdictBlock(detail, withRecorded(curves(points), manifest.metrics), talkFace(context, serverNowMs(connection))),
    );
  }
  return manifest.status === "completed" ? 0 : 5;
}
