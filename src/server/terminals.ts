/**
 * Who looks on at which terminal, and how large the terminal is for them: as large as the smallest window. In memory only:
 * after a restart every window says again that it is there. A window that was not heard of for a while is gone.
 */
import { MlError } from "../core/error.ts";
import type { RunPaths } from "../run/paths.ts";
import { resizeTerminal, type TerminalSize } from "../worker/terminal.ts";

/** Windows ask again every 20 seconds (cli/attach-window.ts). */
const forgottenMs = 60_000;
const mostViewers = 32;

interface Seat extends TerminalSize {
  heardAtMs: number;
}

export interface Table extends TerminalSize {
  viewers: number;
}

export class Terminals {
  private readonly seats = new Map<string, Map<string, Seat>>();
  /** What was set last, by run. */
  private readonly sizes = new Map<string, TerminalSize>();

  constructor(private readonly nowMs: () => number) {}

  private seatsOf(runId: string): Map<string, Seat> {
    const seats = this.seats.get(runId) ?? new Map<string, Seat>();
    const longAgoMs = this.nowMs() - forgottenMs;
    for (const [viewer, seat] of seats) if (seat.heardAtMs < longAgoMs) seats.delete(viewer);
    return seats;
  }

  isSeated(runId: string, viewer: string): boolean {
    return this.seatsOf(runId).has(viewer);
  }

  /** Throws `try_later` where too many look on, and as resizeTerminal. */
  async sit(paths: RunPaths, viewer: string, size: TerminalSize): Promise<Table> {
    const { runId } = paths;
    const seats = this.seatsOf(runId);
    if (!seats.has(viewer) && seats.size >= mostViewers)
      throw new MlError("try_later", `${mostViewers} windows look on at run \`${runId}\` already`);
    seats.set(viewer, { ...size, heardAtMs: this.nowMs() });
    this.seats.set(runId, seats);
    return { ...(await this.fit(paths, seats)), viewers: seats.size };
  }

  /** The last one leaves the size as it is. */
  async leave(paths: RunPaths, viewer: string): Promise<void> {
    const seats = this.seatsOf(paths.runId);
    seats.delete(viewer);
    if (seats.size > 0) await this.fit(paths, seats);
    else this.forget(paths.runId);
  }

  forget(runId: string): void {
    this.seats.delete(runId);
    this.sizes.delete(runId);
  }

  private async fit(paths: RunPaths, seats: ReadonlyMap<string, Seat>): Promise<TerminalSize> {
    const all = [...seats.values()];
    const size = { rows: Math.min(...all.map(({ rows }) => rows)), cols: Math.min(...all.map(({ cols }) => cols)) };
    const before = this.sizes.get(paths.runId);
    if (before?.rows === size.rows && before.cols === size.cols) return size;
    await resizeTerminal(paths, size);
    this.sizes.set(paths.runId, size);
    return size;
  }
}
