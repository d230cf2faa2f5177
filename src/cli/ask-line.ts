/** One question on stderr, one line from stdin. An ended stdin answers with nothing. */
import { emit, flushStreams } from "./streams.ts";

let reader: AsyncIterator<string> | null = null;

/** Throws nothing; returns "" at the end of input. */
export async function askLine(question: string): Promise<string> {
  emit(2, question);
  await flushStreams();
  reader ??= (console as unknown as AsyncIterable<string>)[Symbol.asyncIterator]();
  const next = await reader.next();
  return next.done ? "" : next.value;
}
