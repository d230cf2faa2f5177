/** From lines of toned spans (view/) to text for one of our two streams, and the face that a page is made for. */
import type { Connection } from "../client/connection.ts";
import { type Face, type Line, paint } from "../view/face.ts";
import { timeMs } from "../view/time.ts";
import type { Context } from "./command.ts";
import type { Output } from "./output.ts";
import { terminalWidth, wantsColour } from "./terminal.ts";

const skews = new WeakMap<Connection, number>();
/** Below this the difference is the way of the message, not of the clocks. */
const tolerableSkewMs = 5000;

/** The server's present, milliseconds since 1970, as far as its first words tell; call soon after connecting. */
export function serverNowMs(connection: Connection): number {
  let skew = skews.get(connection);
  if (skew === undefined) {
    const difference = (timeMs(connection.hello.now) ?? Date.now()) - Date.now();
    skew = Math.abs(difference) > tolerableSkewMs ? difference : 0;
    skews.set(connection, skew);
  }
  return Date.now() + skew;
}

/** For pages on stdout. */
export function faceOf(output: Output, nowMs: number): Face {
  return { width: output.width, unicode: output.unicode, nowMs };
}

/** Lines as text for stdout, each ended by a newline. */
export function pageText(lines: readonly Line[], output: Output): string {
  return lines.map((line) => `${paint(line, output.colour)}\n`).join("");
}

/** For pages on stderr, which may be a terminal where stdout is none. */
export function talkFace(context: Context, nowMs: number): Face {
  const width = context.terminal.stderr ? terminalWidth(2) : Infinity;
  return { width, unicode: context.output.unicode, nowMs };
}

/** Says lines on stderr, in colour where stderr is a terminal that wants it. */
export function sayPage(context: Context, lines: readonly Line[]): void {
  const wish = { flag: null, setting: context.settings.color };
  const colour = wantsColour(context.env, context.terminal.stderr, wish);
  for (const line of lines) context.output.say(paint(line, colour));
}
