/**
 * Where log bytes go. Into a pipe or a file exactly as the script wrote them; onto a terminal with colours and carriage
 * returns, but without sequences that reach beyond the script's own output [S6]; with --json as records with offsets.
 */
import type { LogStream } from "../protocol/frames.ts";
import { logFilter } from "../view/safe-text.ts";
import type { Context } from "./command.ts";
import { emit } from "./streams.ts";

export interface LogSink {
  write(bytes: Uint8Array, offset: number): void;
  /** The log was cut or replaced, and is read from its start again. */
  restarted(sizeBytes: number): void;
  /** No more bytes: colours off, and on a terminal a line end where the script left none. */
  end(): void;
}

export interface SinkOptions {
  runId: string;
  stream: LogStream;
  /** Bytes as they are, on a terminal too. */
  raw: boolean;
  /** Name of the JSON Lines records. */
  schema: string;
}

export function makeSink(context: Context, options: SinkOptions): LogSink {
  if (context.output.mode === "json") return jsonSink(context, options);
  // A run with split output keeps its two streams apart here as well.
  const fd = options.stream === "stderr" ? 2 : 1;
  const terminal = fd === 1 ? context.terminal.stdout : context.terminal.stderr;
  const marker = (size: number) =>
    context.output.say(`--- the log was cut or replaced; from its start again (${size} bytes) ---`);
  return terminal && !options.raw ? terminalSink(fd, marker) : rawSink(fd, marker);
}

function rawSink(fd: 1 | 2, marker: (size: number) => void): LogSink {
  return { write: (bytes) => emit(fd, bytes), restarted: marker, end: () => {} };
}

function terminalSink(fd: 1 | 2, marker: (size: number) => void): LogSink {
  let decoder = new TextDecoder();
  let filter = logFilter();
  let last = "\n";
  const show = (text: string) => {
    if (text === "") return;
    last = text.at(-1) ?? last;
    emit(fd, text);
  };
  const finish = () => {
    show(filter.push(decoder.decode()));
    const colorsOff = filter.end();
    if (last !== "\n") show("\n");
    emit(fd, colorsOff);
  };
  return {
    write: (bytes) => show(filter.push(decoder.decode(bytes, { stream: true }))),
    restarted(size) {
      finish();
      decoder = new TextDecoder();
      filter = logFilter();
      marker(size);
    },
    end: finish,
  };
}

function jsonSink(context: Context, { runId, stream, schema }: SinkOptions): LogSink {
  const about = { run_id: runId, stream };
  const { output } = context;
  return {
    write(bytes, offset) {
      const text = exactText(bytes);
      const data =
        text === null
          ? { encoding: "base64", data: Buffer.from(bytes).toString("base64") }
          : { encoding: "utf8", data: text };
      output.jsonLine(schema, { kind: "log", ...about, offset, ...data });
    },
    restarted: (size) => output.jsonLine(schema, { kind: "restarted", ...about, size }),
    end: () => {},
  };
}

/** The text where it stands for exactly these bytes; null where they are no UTF-8 by themselves. */
function exactText(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
