/**
 * Bytes to stdout and stderr, in the order in which they were handed over, whatever is slow. Through Bun.write, which
 * waits for a slow reader, and not through process.stdout. A reader that is gone ends the process quietly with 141.
 */
import { systemCode } from "../core/error.ts";

interface Pending {
  fd: 1 | 2;
  data: string | Uint8Array;
}

let pending: Pending[] = [];
let draining: Promise<void> | null = null;

/** Hands over; merges with what waits for the same stream. */
export function emit(fd: 1 | 2, data: string | Uint8Array): void {
  const last = pending.at(-1);
  if (last?.fd === fd && typeof last.data === "string" && typeof data === "string") last.data += data;
  else pending.push({ fd, data });
  draining ??= drain();
}

async function drain(): Promise<void> {
  await null;
  while (pending.length > 0) {
    const batch = pending;
    pending = [];
    for (const { fd, data } of batch) await writeOut(fd, data);
  }
  draining = null;
}

async function writeOut(fd: 1 | 2, data: string | Uint8Array): Promise<void> {
  // Writing nothing would empty the file that the stream is redirected to (Bun 1.4.5).
  if (data.length === 0) return;
  try {
    await Bun.write(fd === 1 ? Bun.stdout : Bun.stderr, data);
  } catch (cause) {
    const code = systemCode(cause);
    if (fd === 2 || code === "EBADF") return;
    if (code === "EPIPE") process.exit(141);
    const why = code === "ENOSPC" ? "the disk is full" : String((cause as Error).message);
    await Bun.write(Bun.stderr, `ml: writing the output failed: ${why}\n`).catch(() => {});
    process.exit(code === "ENOSPC" ? 75 : 1);
  }
}

/** Waits until everything handed over so far has left. */
export async function flushStreams(): Promise<void> {
  while (draining !== null) await draining;
}
