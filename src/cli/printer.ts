/** Makes the Output of a command: four modes, paint, talk and progress, over streams.ts. The only maker of escape codes here. */
import type { Tone } from "../view/face.ts";
import type { Mode, Output, Result } from "./output.ts";
import { makeProgress } from "./progress.ts";
import { emit, flushStreams } from "./streams.ts";

export interface PrinterOptions {
  mode: Mode;
  colour: boolean;
  unicode: boolean;
  /** Columns of stdout where it is a terminal, else null. */
  columns: number | null;
  /** Columns of stderr where it is a terminal, else null. */
  talkColumns: number | null;
}

const codes: Record<Exclude<Tone, "plain">, string> = {
  good: "32",
  bad: "31",
  warn: "33",
  dim: "2",
  strong: "1",
  live: "36",
  accent: "34",
};

export function paintText(tone: Tone, text: string): string {
  return tone === "plain" || text === "" ? text : `\x1b[${codes[tone]}m${text}\x1b[0m`;
}

/** A field of --plain: one line, no tabs, nothing cut. */
export function plainCell(cell: string | number | boolean | null): string {
  if (cell === null) return "";
  return String(cell).replace(/\\/g, "\\\\").replace(/\t/g, "\\t").replace(/\n/g, "\\n").replace(/\r/g, "\\r");
}

export function jsonText(schema: string, value: object, indent: number): string {
  return `${JSON.stringify({ schema, ...value }, null, indent)}\n`;
}

function resultText(result: Result, mode: Mode): string {
  if (mode === "json") return jsonText(result.schema, result.value(), 2);
  if (mode === "quiet")
    return result
      .ids()
      .map((id) => `${id}\n`)
      .join("");
  if (mode === "plain")
    return result
      .rows()
      .map((row) => `${row.map(plainCell).join("\t")}\n`)
      .join("");
  return result.human();
}

export function makeOutput(options: PrinterOptions): Output {
  const { mode, colour, unicode } = options;
  const quiet = mode === "quiet";
  const line = (text: string) => (text.endsWith("\n") ? text : `${text}\n`);
  return {
    mode,
    colour,
    unicode,
    width: mode === "human" && options.columns !== null ? options.columns : Number.POSITIVE_INFINITY,
    live: mode === "human" && options.columns !== null,
    result: (result) => emit(1, resultText(result, mode)),
    jsonLine: (schema, value) => emit(1, jsonText(schema, value, 0)),
    write: (data) => emit(1, data),
    say: (text) => {
      if (!quiet) emit(2, line(text));
    },
    warn: (text) => emit(2, line(`warning: ${text}`)),
    paint: (tone, text) => (colour ? paintText(tone, text) : text),
    progress: (label, unit) =>
      makeProgress(label, {
        unit,
        columns: quiet || mode === "json" ? null : options.talkColumns,
        unicode,
        silent: quiet || mode === "json",
        print: (text) => emit(2, text),
      }),
    flush: flushStreams,
  };
}
