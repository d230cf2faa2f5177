/**
 * Looking on at the terminal of a run, from waiting for it to the verdict: what `ml attach` does, and `ml debug` with a
 * run that it queued. Leaving it, or losing it, ends nothing.
 */
import type { Connection } from "../client/connection.ts";
import { randomWord } from "../core/ids.ts";
import { shortId } from "../view/mark.ts";
import { openWindow, type Seat, takeSeat } from "./attach-window.ts";
import { makeBell } from "./bell.ts";
import type { Context } from "./command.ts";
import { followRun, tellVerdict } from "./follow.ts";
import { textBytes } from "./log-reader.ts";
import { screenTail } from "./screen-tail.ts";
import { emit } from "./streams.ts";
import { terminalHeight } from "./terminal.ts";

/** The exit code: 5 where the run did not succeed, 0 where the window was left. Throws as `run.attach` does. */
export async function attachTo(context: Context, connection: Connection, runId: string): Promise<number> {
  const seat: Seat = { connection, runId, viewer: randomWord(12) };
  return context.detachable(`left; run ${runId} goes on`, async (signal) => {
    await waitForTerminal(context, seat, signal);
    return lookOn(context, seat, signal);
  });
}

/** Waits until it has started. Throws `conflict` for a run without a terminal, or that has ended; `not_allowed`. */
async function waitForTerminal(context: Context, seat: Seat, signal: AbortSignal): Promise<void> {
  const { connection, runId } = seat;
  if ((await takeSeat(seat)).terminal !== null) return;
  context.output.say(`run ${runId} has not started yet; ctrl-c leaves it waiting`);
  const bell = makeBell(signal);
  const ring = () => bell.ring();
  const subscription = await connection.subscribe({ runs: [runId], logs: [] }, { onSnapshot: ring, onEvent: ring });
  try {
    while ((await takeSeat(seat)).terminal === null) await bell.wait(lookAnywayMs);
  } finally {
    await subscription.close().catch(() => {});
  }
}

const lookAnywayMs = 3000;
/** A screen is less, unless it is full of control codes. */
const tailBytes = 64 * 1024;

/** Shows the last screen. Gives the offset of what comes next. */
async function showTail(connection: Connection, runId: string): Promise<number> {
  const piece = await connection.ask("log.read", { run: runId, tail_bytes: tailBytes });
  emit(1, screenTail(textBytes(piece), terminalHeight(1)));
  return piece.next;
}

/** On a raw terminal a line end alone does not go back to the first column. */
function talksRaw(context: Context): Context {
  const { output } = context;
  const say = (sentence: string) => output.say(`\r\n${sentence.replaceAll("\n", "\r\n")}\r`);
  return Object.create(context, { output: { value: { ...output, say } } }) as Context;
}

async function lookOn(context: Context, seat: Seat, interrupted: AbortSignal): Promise<number> {
  const { connection, runId } = seat;
  const { output } = context;
  const left = new AbortController();
  const signal = AbortSignal.any([interrupted, left.signal]);
  output.say(`attached to ${runId}: ctrl-\\ or ctrl-p ctrl-q leaves, and it runs on`);
  await output.flush();
  const raw = talksRaw(context);
  const window = openWindow(seat, { onLeave: () => left.abort(), say: raw.output.say });
  try {
    const offset = await showTail(connection, runId);
    const options = { connection, runId, streams: ["output"] as const, signal, raw: true, offsets: { output: offset } };
    const detail = await followRun(raw, options);
    await window.close();
    return await tellVerdict(context, connection, detail);
  } catch (cause) {
    await window.close();
    if (!left.signal.aborted) throw cause;
    output.say(`\ndetached; run ${runId} goes on: \`ml attach ${shortId(runId)}\` comes back`);
    return 0;
  }
}
