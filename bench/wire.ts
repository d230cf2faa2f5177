/** A TCP proxy on loopback between a client and its server: counts what passes, may hold each piece back for a while, and may let only so much a second through. */
import type { Socket } from "bun";

export interface Wire {
  port: number;
  /** Payload bytes that have passed, both ways together, since the last call. */
  taken(): number;
  /** Bytes that have come and not left yet: what a slow link is behind. */
  behind(): number;
  stop(): void;
}

interface End {
  other: Socket<End> | null;
  /** What has come and not left yet, each piece with the moment at which it may. */
  waiting: { bytes: Uint8Array; atMs: number }[];
  /** When the link has sent all that waits. */
  freeAtMs: number;
  ended: boolean;
  timer: Timer | null;
}

const newEnd = (): End => ({ other: null, waiting: [], freeAtMs: 0, ended: false, timer: null });

/** Hands on what is due to the other side. */
function pump(end: End): void {
  const { other } = end;
  if (other === null) return;
  for (let piece = end.waiting[0]; piece !== undefined; piece = end.waiting[0]) {
    const leftMs = piece.atMs - performance.now();
    if (leftMs > 0) {
      end.timer ??= setTimeout(() => {
        end.timer = null;
        pump(end);
      }, leftMs);
      return;
    }
    const count = other.write(piece.bytes);
    if (count < 0) return;
    piece.bytes = piece.bytes.subarray(count);
    if (piece.bytes.length > 0) return;
    end.waiting.shift();
  }
  if (end.ended) other.end();
}

interface WireOptions {
  /** So many bytes a second, each way; no limit where it is missing. */
  bytesPerSecond?: number;
}

/** What a link of `bytesPerSecond` sends in a twentieth of a second leaves together. */
function* slices(bytes: Uint8Array, bytesPerSecond: number): Generator<Uint8Array> {
  const size = Math.max(1, Math.min(bytes.length, Math.floor(bytesPerSecond / 20)));
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

/** Opens a proxy to `toPort`; each piece is held for `delayMs`, each way. */
export function openWire(toPort: number, delayMs = 0, options: WireOptions = {}): Wire {
  const { bytesPerSecond = Number.POSITIVE_INFINITY } = options;
  let passed = 0;
  const ends = new Set<End>();
  const handlers = {
    data(socket: Socket<End>, bytes: Uint8Array) {
      passed += bytes.length;
      const end = socket.data;
      for (const part of slices(Buffer.from(bytes), bytesPerSecond)) {
        end.freeAtMs = Math.max(end.freeAtMs, performance.now()) + (part.length / bytesPerSecond) * 1000;
        end.waiting.push({ bytes: part, atMs: end.freeAtMs + delayMs });
      }
      pump(end);
    },
    drain(socket: Socket<End>) {
      if (socket.data.other !== null) pump(socket.data.other.data);
    },
    close(socket: Socket<End>) {
      ends.delete(socket.data);
      socket.data.ended = true;
      pump(socket.data);
    },
    error() {},
  };
  const server = Bun.listen<End>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      ...handlers,
      async open(socket) {
        socket.data = newEnd();
        // The handshake takes a way there and back, too.
        await Bun.sleep(delayMs * 2);
        const data: End = { ...newEnd(), other: socket };
        ends.add(socket.data).add(data);
        socket.data.other = await Bun.connect<End>({ hostname: "127.0.0.1", port: toPort, data, socket: handlers });
        pump(socket.data);
      },
    },
  });
  return {
    port: server.port,
    taken() {
      const count = passed;
      passed = 0;
      return count;
    },
    behind: () =>
      [...ends].reduce((sum, end) => sum + end.waiting.reduce((own, { bytes }) => own + bytes.length, 0), 0),
    stop: () => server.stop(true),
  };
}
