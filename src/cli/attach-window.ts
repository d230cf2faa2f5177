/**
 * Our terminal as a window on the terminal of a run: every key goes there but those that leave, the size is told, and on
 * the way out our terminal is as it was. What the run prints is its log, which the caller follows.
 */
import type { Connection } from "../client/connection.ts";
import type { Reply } from "../protocol/requests.ts";
import { makeDetachKeys } from "./detach-keys.ts";
import { emit, flushStreams } from "./streams.ts";
import { terminalHeight, terminalWidth } from "./terminal.ts";
import { makeTypingPump } from "./typing-pump.ts";

/** Well within the minute after which a silent window is forgotten. */
const stillHereMs = 20_000;
/** So long a ctrl-p waits for its ctrl-q. */
const pairMs = 600;
/** Colours, hidden cursor, bracketed paste, mouse: off, whatever the script had on. */
const calm = "\u001b[0m\u001b[?25h\u001b[?2004l\u001b[?1000l\u001b[?1002l\u001b[?1006l";

export interface Seat {
  connection: Connection;
  runId: string;
  /** Names this window to the server. */
  viewer: string;
}

/** Takes the seat, or keeps it, with the size that our terminal has now. Errors of `run.attach`. */
export function takeSeat({ connection, runId, viewer }: Seat): Promise<Reply<"run.attach">> {
  return connection.ask("run.attach", { run: runId, viewer, rows: terminalHeight(1), cols: terminalWidth(1) });
}

/**
 * Puts our terminal out of the way: keys one by one, no echo, no line ends made up. Gives how to undo it. By stty(1): the
 * runtime's own raw mode goes on turning line feeds into new lines, which breaks whatever draws a screen.
 */
function rawTerminal(): () => void {
  const stty = (words: readonly string[]) =>
    Bun.spawnSync({ cmd: ["stty", ...words], stdin: "inherit", stdout: "pipe", stderr: "ignore" });
  const before = stty(["-g"]).stdout.toString().trim();
  stty(["raw", "-echo"]);
  return () => void stty([before]);
}

export interface AttachWindow {
  close(): Promise<void>;
}

export function openWindow(seat: Seat, options: { onLeave(): void; say(sentence: string): void }): AttachWindow {
  const { connection, runId, viewer } = seat;
  const { stdin } = process;
  const keys = makeDetachKeys();
  const pump = makeTypingPump(connection, runId, options.say);
  let pair: ReturnType<typeof setTimeout> | null = null;
  const onData = (chunk: Buffer | string) => {
    if (pair !== null) clearTimeout(pair);
    const { send, leaves } = keys.feed(Buffer.from(chunk as Buffer));
    pump.type(send);
    if (leaves) options.onLeave();
    else if (keys.holds) pair = setTimeout(() => pump.type(keys.release()), pairMs);
  };
  // Refused seats are told of by what follows: the log ends, or typing fails.
  const sayHere = () => void takeSeat(seat).catch(() => {});
  const restore = rawTerminal();
  stdin.on("data", onData);
  stdin.on("end", options.onLeave);
  stdin.resume();
  process.on("SIGWINCH", sayHere);
  process.on("exit", restore);
  const still = setInterval(sayHere, stillHereMs);
  const stopListening = connection.onState((state) => {
    if (state === "open") sayHere();
  });
  return {
    async close() {
      clearInterval(still);
      if (pair !== null) clearTimeout(pair);
      stopListening();
      pump.close();
      process.off("SIGWINCH", sayHere);
      process.off("exit", restore);
      stdin.off("data", onData);
      stdin.off("end", options.onLeave);
      stdin.pause();
      emit(1, calm);
      await flushStreams();
      restore();
      await connection.ask("run.detach", { run: runId, viewer }, { timeoutMs: 2000 }).catch(() => {});
    },
  };
}
