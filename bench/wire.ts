/** A TCP proxy on loopback between a client and its server: counts what passes, and may hold each piece back for a while. */
import type { Socket } from "bun";

export interface Wire {
  port: number;
  /** Payload bytes that have passed, both ways together, since the last call. */
  taken(): number;
  stop(): void;
}

interface End {
  other: Socket<End> | null;
  /** What has come and not left yet, each piece with the moment at which it may. */
  waiting: { bytes: Uint8Array; atMs: number }[];
  ended: boolean;
  timer: Timer | null;
}

const newEnd = (): End => ({ other: null, waiting: [], ended: false, timer: null });

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

/** Opens a proxy to `toPort`; each piece is held for `delayMs`, each way. */
export function openWire(toPort: number, delayMs = 0): Wire {
  let passed = 0;
  const handlers = {
    data(socket: Socket<End>, bytes: Uint8Array) {
      passed += bytes.length;
      socket.data.waiting.push({ bytes: Buffer.from(bytes), atMs: performance.now() + delayMs });
      pump(socket.data);
    },
    drain(socket: Socket<End>) {
      if (socket.data.other !== null) pump(socket.data.other.data);
    },
    close(socket: Socket<End>) {
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
    stop: () => server.stop(true),
  };
}
