/**
 * Where a command prints. stdout is the result in one of four modes, stderr is talk; nothing here decides what a result
 * looks like. No control code leaves when stdout is no terminal; texts from outside go through safe-text.ts first.
 */
import type { Tone } from "../view/face.ts";

export type Mode = "human" | "plain" | "json" | "quiet";
export type Cell = string | number | boolean | null;

/** One result in its four shapes; only the one wanted is made. */
export interface Result {
  /** `ml.status/1`; added to `value` as its first key. */
  schema: string;
  value(): object;
  /** Ids, or the one word that counts, for -q. */
  ids(): readonly string[];
  /** Fields for --plain: same columns in every row; null prints as an empty field. */
  rows(): readonly (readonly Cell[])[];
  /** Text for people, lines ended by newline, already painted and safe. */
  human(): string;
}

export interface Output {
  readonly mode: Mode;
  /** Colour on stdout. */
  readonly colour: boolean;
  /** False where the locale is not UTF-8: draw with ASCII. */
  readonly unicode: boolean;
  /** Columns of the terminal, or Infinity: then nothing is cut. */
  readonly width: number;
  /** stdout is a terminal and the mode is human: may be redrawn. */
  readonly live: boolean;
  result(result: Result): void;
  /** One line of JSON Lines: the schema and the value. Only for --json with follow or watch. */
  jsonLine(schema: string, value: object): void;
  /** Anything to stdout as it is. */
  write(data: string | Uint8Array): void;
  /** One line of talk on stderr; left out with -q. */
  say(line: string): void;
  /** A warning on stderr, in every mode. */
  warn(line: string): void;
  /** Text in a tone where stdout has colour, else as it is. */
  paint(tone: Tone, text: string): string;
  /** A progress line on stderr: redrawn on a terminal, a line now and then elsewhere, nothing with -q. */
  progress(label: string, unit: "bytes" | "items"): Progress;
  /** Waits until all of it has left. A closed stdout ends the process quietly with 141. */
  flush(): Promise<void>;
}

export interface Progress {
  update(done: number, total: number | null): void;
  end(): void;
}
