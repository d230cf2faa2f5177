/** A stream held back to so many bytes a second: `--limit-rate`. */

/** Earliest moment at which the next byte may go, given what went before: a bucket that holds half a second. */
export class Pace {
  readonly #bytesPerSecond: number;
  #freeAtMs = 0;

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Milliseconds to wait before `count` bytes go at `nowMs`. */
  take(count: number, nowMs: number): number {
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs - burstMs) + (count / this.#bytesPerSecond) * 1000;
    return Math.max(0, this.#freeAtMs - nowMs);
  }
}

const burstMs = 500;
/** Small enough that a slow line is fed evenly. */
const pieceBytes = 64 * 1024;

/** The same bytes, no faster than that; null does not limit. */
export function limitRate(
  stream: ReadableStream<Uint8Array>,
  bytesPerSecond: number | null,
): ReadableStream<Uint8Array> {
  if (bytesPerSecond === null) return stream;
  const pieces = paced(stream, bytesPerSecond);
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const step = await pieces.next();
      if (step.done === true) controller.close();
      else controller.enqueue(step.value);
    },
    cancel: async () => void (await pieces.return(undefined)),
  });
}

export async function* paced(stream: AsyncIterable<Uint8Array>, bytesPerSecond: number): AsyncGenerator<Uint8Array> {
  const pace = new Pace(bytesPerSecond);
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length; at += pieceBytes) {
      const piece = chunk.subarray(at, at + pieceBytes);
      const waitMs = pace.take(piece.length, performance.now());
      if (waitMs > 0) await Bun.sleep(waitMs);
      yield piece;
    }
  }
}
