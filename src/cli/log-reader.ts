/**
 * Reading a log by offset, from anywhere to its present end, with the next piece on its way while one is written out.
 * Memory is two pieces, however long the log; nothing is read twice and nothing left out, because only the offset counts.
 */
import type { Connection } from "../client/connection.ts";
import type { LogStream } from "../protocol/frames.ts";
import type { Body, Reply } from "../protocol/requests.ts";
import type { Context } from "./command.ts";
import type { LogSink } from "./log-sink.ts";
import { fetchFile } from "./run-files.ts";

type Piece = Reply<"log.read">;

/** The bytes of a piece of a log, as a reply or an event carries it. */
export function textBytes(piece: Pick<Piece, "encoding" | "data">): Uint8Array {
  return piece.encoding === "base64" ? Buffer.from(piece.data, "base64") : new TextEncoder().encode(piece.data);
}

export interface LogPlace {
  run: string;
  stream: LogStream;
  /** The next byte to read. */
  offset: number;
}

export interface CopyOptions {
  connection: Connection;
  context: Context;
  sink: LogSink;
  signal: AbortSignal;
  /** The first piece where it was read already (a tail). */
  first?: Piece;
  /** True while the script prints so fast that reading along would slow it down. */
  isFlooding?(): boolean;
}

/** More than this is fetched as a file, in one answer, several times faster than piece by piece. */
const bulkBytes = 4 * 1024 * 1024;
/** A log that floods is read so much at a time, and left alone for so many times as long as that took. */
const sipBytes = 16 * 1024 * 1024;
const restPerSip = 4;
const longestRestMs = 250;
const fileNames: Record<LogStream, string> = { output: "output.log", stdout: "stdout.log", stderr: "stderr.log" };

type Pace = (pieceBytes: number) => Promise<void>;

/** Told of each piece; in a flood it makes us wait now and then, so that the script that prints has the machine. */
function makePace(isFlooding: () => boolean): Pace {
  let sip = 0;
  let sinceMs = performance.now();
  return async (pieceBytes) => {
    sip += pieceBytes;
    if (sip < sipBytes) return;
    if (isFlooding()) await Bun.sleep(Math.min(longestRestMs, restPerSip * (performance.now() - sinceMs)));
    sip = 0;
    sinceMs = performance.now();
  };
}

/** Moves on by as much as one file answer gives; the pieces go on from there, whatever happened to it. False where it broke off. */
async function copyInBulk(place: LogPlace, options: CopyOptions & { pace: Pace }): Promise<boolean> {
  const { connection, context, sink, signal, pace } = options;
  const file = { runId: place.run, path: fileNames[place.stream], from: place.offset, signal };
  try {
    const answer = await fetchFile(connection, file);
    if (answer.from !== place.offset) return false;
    for await (const bytes of answer.body) {
      signal.throwIfAborted();
      sink.write(bytes, place.offset);
      place.offset += bytes.length;
      await context.output.flush();
      await pace(bytes.length);
    }
    return true;
  } catch (cause) {
    if (signal.aborted) throw cause;
    return false;
  }
}

/** Writes everything from `place.offset` to the present end, moving the offset; true where no more will come. */
export async function copyToEnd(place: LogPlace, options: CopyOptions): Promise<boolean> {
  const { connection, context, sink, signal } = options;
  const ask = (offset: number) => {
    const body: Body<"log.read"> = { run: place.run, stream: place.stream, offset };
    return connection.ask("log.read", body, { signal });
  };
  let piece = options.first ?? (await ask(place.offset));
  const pace = makePace(options.isFlooding ?? (() => false));
  let bulk = true;
  for (;;) {
    if (piece.size < place.offset) {
      sink.restarted(piece.size);
      place.offset = 0;
      piece = await ask(0);
      continue;
    }
    const moved = piece.next > piece.offset;
    const isLong = bulk && moved && piece.size - piece.next > bulkBytes;
    const more = moved && !isLong && piece.next < piece.size ? ask(piece.next) : null;
    // A rejection while we write is looked at when its turn comes.
    more?.catch(() => {});
    if (moved) sink.write(textBytes(piece), piece.offset);
    place.offset = Math.max(piece.next, piece.offset);
    await context.output.flush();
    await pace(piece.next - piece.offset);
    if (isLong) {
      // Where it broke off, the pieces bring the rest.
      bulk = await copyInBulk(place, { ...options, pace });
      piece = await ask(place.offset);
      continue;
    }
    if (more === null) return piece.ended && piece.next >= piece.size;
    piece = await more;
  }
}
