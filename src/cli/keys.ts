/**
 * Single keys and whole lines from the terminal on stdin, in turn: a key is taken without Enter, a line with the
 * terminal's own editing. What is typed ahead is not lost. The terminal is left as it was found, whatever ends us.
 */
import { emit, flushStreams } from "./streams.ts";

export interface Keys {
  /** One character; `q` where input ends, or for Ctrl-C and Ctrl-D. */
  key(): Promise<string>;
  /** A line without its end; null where input ends. */
  line(question: string): Promise<string | null>;
  close(): void;
}

const endings = new Set(["\u0003", "\u0004"]);

export function openKeys(): Keys {
  const { stdin } = process;
  let held = "";
  let ended = false;
  let wake: (() => void) | null = null;
  const raw = (on: boolean) => {
    if (stdin.isTTY) stdin.setRawMode(on);
  };
  const onData = (chunk: Buffer | string) => {
    held += chunk.toString();
    wake?.();
  };
  const onEnd = () => {
    ended = true;
    wake?.();
  };
  const restore = () => raw(false);
  stdin.on("data", onData);
  stdin.on("end", onEnd);
  process.on("exit", restore);
  const more = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });
  return {
    async key() {
      await flushStreams();
      raw(true);
      stdin.resume();
      while (held === "" && !ended) await more();
      raw(false);
      const [first = "q"] = held;
      held = held.slice(first.length);
      return endings.has(first) ? "q" : first;
    },
    async line(question) {
      emit(2, question);
      await flushStreams();
      stdin.resume();
      while (!/[\r\n]/.test(held) && !ended) await more();
      if (held === "" && ended) return null;
      const end = held.search(/[\r\n]/);
      const text = end < 0 ? held : held.slice(0, end);
      held = end < 0 ? "" : held.slice(end + 1);
      return text;
    },
    close() {
      raw(false);
      stdin.off("data", onData);
      stdin.off("end", onEnd);
      process.off("exit", restore);
      stdin.pause();
    },
  };
}
