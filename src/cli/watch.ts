/**
 * `ml status --watch`. On a terminal the page is redrawn over itself: no alternate screen, no hidden cursor, so that a
 * kill at any moment leaves nothing to repair. With --json each change is one line with the whole status; elsewhere
 * each change of a run is one line. The page is asked for again after events, at most a few times a second.
 */
import type { Connection } from "../client/connection.ts";
import type { RunSummary } from "../protocol/summary.ts";
import { cutLine, type Face, type Line, paint, span } from "../view/face.ts";
import { dot, stateOf } from "../view/mark.ts";
import { changeLine, plainRun } from "../view/run-row.ts";
import { type Status, statusPage } from "../view/status-page.ts";
import { makeBell } from "./bell.ts";
import type { Context } from "./command.ts";
import { faceOf, serverNowMs } from "./page.ts";

export interface WatchOptions {
  connection: Connection;
  limit: number;
  user: string | null;
}

/** Not asked for more often than this, however much happens. */
const askEveryMs = 250;
/** Clocks on the page tick, and what no event tells of (disk, workers) is looked at again. */
const tickMs = 1000;
const askAnywayMs = 10_000;

export function watchStatus(context: Context, options: WatchOptions): Promise<number> {
  return context.detachable("the runs go on", async (signal) => {
    if (context.output.live && context.env.TERM !== "dumb") await redraw(context, { ...options, signal });
    else await tell(context, { ...options, signal });
    return undefined;
  });
}

interface Watching extends WatchOptions {
  signal: AbortSignal;
}

/** Moves to the start of the frame before, writes line by line, clears what is left over (ECMA-48 CUU, EL, ED). */
export function frameText(lines: readonly Line[], above: number, colour: boolean): string {
  const up = above > 0 ? `\r\x1b[${above}A` : "\r";
  return `${up}${lines.map((line) => `${paint(line, colour)}\x1b[K\n`).join("")}\x1b[J`;
}

function connectionLine(connection: Connection, lostAtMs: number | null, face: Face): Line {
  const state =
    lostAtMs === null
      ? span(connection.transport === "polling" ? "polling" : "live", "dim")
      : span(`reconnecting, ${Math.round((performance.now() - lostAtMs) / 1000)} s`, "warn");
  return [span("Ctrl-C ends the watching, not the runs", "dim"), dot(face), state];
}

/** Cuts a page to `rows` lines, saying how many are missing. */
export function fitHeight(lines: readonly Line[], rows: number): Line[] {
  if (lines.length <= rows) return [...lines];
  const shown = lines.slice(0, Math.max(0, rows - 1));
  return [...shown, [span(`  and ${lines.length - shown.length} lines more`, "dim")]];
}

/** Null where the connection is lost before the answer: whoever shows something says so, and asks again once it is back. */
export async function askUnlessLost({ connection, limit, user, signal }: Watching): Promise<Status | null> {
  let stopListening = () => {};
  const lost = new Promise<null>((resolve) => {
    stopListening = connection.onState((state) => {
      if (state === "reconnecting") resolve(null);
    });
  });
  const answer = connection.ask("status", { limit, user }, { signal });
  // Where it comes too late nobody hears it.
  answer.catch(() => {});
  return Promise.race([answer, lost]).finally(stopListening);
}

async function redraw(context: Context, watching: Watching): Promise<void> {
  const { connection, user, signal } = watching;
  const { output } = context;
  const bell = makeBell(signal);
  let lostAtMs: number | null = null;
  let refused = false;
  let above = 0;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let status: Status | null = null;
  const stopTelling = connection.onState((state) => {
    lostAtMs = state === "open" ? null : (lostAtMs ?? performance.now());
    refused = state === "closed";
    bell.ring();
  });
  const onResize = () => {
    output.write("\x1b[H\x1b[2J");
    above = 0;
    bell.ring();
  };
  process.stdout.on("resize", onResize);
  const subscription = await connection.subscribe({ runs: true }, { onSnapshot: bell.ring, onEvent: bell.ring });
  try {
    let changed = true;
    while (!signal.aborted) {
      const sinceMs = performance.now() - askedAtMs;
      // A server that will not have us back says why to whoever asks.
      if (refused || (lostAtMs === null && (changed || sinceMs > askAnywayMs))) {
        askedAtMs = performance.now();
        status = (await askUnlessLost(watching)) ?? status;
      }
      const face = { ...faceOf(output, serverNowMs(connection)), width: process.stdout.columns ?? output.width };
      const rows = Math.max(3, (process.stdout.rows ?? 24) - 1);
      if (status !== null) {
        const page = statusPage(status, face, { height: rows - 2, filtered: user !== null });
        const foot = cutLine(connectionLine(connection, lostAtMs, face), face.width, face.unicode);
        const lines = [...fitHeight(page, rows - 2), [], foot];
        output.write(frameText(lines, above, output.colour));
        above = lines.length;
        await output.flush();
      }
      changed = await bell.wait(tickMs);
      if (changed && !signal.aborted) await Bun.sleep(Math.max(0, askEveryMs - (performance.now() - askedAtMs)));
    }
  } finally {
    process.stdout.off("resize", onResize);
    stopTelling();
    await subscription.close().catch(() => {});
  }
}

/** What of a run makes a line when it changes. */
function tellable(run: RunSummary): string {
  return `${stateOf(run)} ${run.priority}`;
}

async function tell(context: Context, watching: Watching): Promise<void> {
  const { connection, user, signal } = watching;
  const { output } = context;
  const bell = makeBell(signal);
  let unanswered = false;
  const known = new Map<string, string>();
  let first = true;
  const report = (run: RunSummary) => {
    if (user !== null && run.user !== user) return;
    const before = known.get(run.run_id);
    const now = tellable(run);
    known.set(run.run_id, now);
    if (first || before === now) return;
    const face = faceOf(output, serverNowMs(connection));
    if (output.mode === "json") bell.ring();
    else if (output.mode === "quiet") output.write(`${run.run_id}\n`);
    else if (output.mode === "plain")
      output.write(
        `${plainRun(run)
          .map((cell) => cell ?? "")
          .join("\t")}\n`,
      );
    else output.write(`${paint(changeLine(run, face), output.colour)}\n`);
  };
  const subscription = await connection.subscribe(
    { runs: true },
    {
      onSnapshot(snapshot) {
        for (const run of snapshot.runs) report(run);
        first = false;
        if (unanswered) bell.ring();
      },
      onEvent(event) {
        if (event.kind === "run") report(event.run);
        if (event.kind === "removed") known.delete(event.run_id);
      },
    },
  );
  try {
    if (output.mode === "json") bell.ring();
    while (!signal.aborted) {
      const changed = await bell.wait(60_000);
      if (signal.aborted || !changed || output.mode !== "json") continue;
      const status = await askUnlessLost(watching);
      unanswered = status === null;
      if (status !== null) output.jsonLine("ml.status/1", status);
      await output.flush();
      await Bun.sleep(askEveryMs);
    }
  } finally {
    await subscription.close().catch(() => {});
  }
}
