/**
 * Requests about the terminal of a run that was queued with `tty`. What it prints is its log: read that, and subscribe to
 * it. Only typing and the window go this way. Part of the table in requests.ts.
 */
import { z } from "zod";
import type { Status } from "../run/status.ts";
import { declare, ref } from "./declare.ts";

/** Made by the client, one for each window that looks on. */
const viewer = z.string().regex(/^[A-Za-z0-9_-]{8,64}$/);
const cells = z.number().int().min(1).max(10_000);

export const terminalRequests = {
  /**
   * Takes a seat at the terminal, or keeps it: ask again within a minute, and when the window has another size. The terminal
   * is as large as the smallest window that looks on. `terminal` is null while the run waits or is being started.
   */
  "run.attach": declare<{
    run_id: string;
    status: Status;
    terminal: { rows: number; cols: number; viewers: number } | null;
  }>()("user", () => z.object({ run: ref, viewer, rows: cells, cols: cells })),
  /** Types `data` (base64, 4095 bytes at most) into the terminal, all of it or, with `try_later`, nothing. */
  "run.type": declare<{ run_id: string }>()("user", () => z.object({ run: ref, data: z.base64().max(5460) })),
  /** Leaves the seat; the run goes on. */
  "run.detach": declare<{ run_id: string }>()("user", () => z.object({ run: ref, viewer })),
};
