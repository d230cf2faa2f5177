/**
 * A window on a log of any size: the lines around what is looked at, fetched by byte offset in both directions and
 * dropped again when they are far away. A log of 1 GB opens at its end with one request. While it is followed the end
 * moves along; a flood is followed by jumps to its end, not by reading it all.
 *
 * Invariant: `lines` are consecutive; each begins at its `offset` and the next one's offset is its end, except that the
 * last may be still unfinished.
 */
import type { Connection } from "../client/connection.ts";
import { messageOf } from "../core/error.ts";
import type { LogStream, ServerEvent } from "../protocol/frames.ts";
import type { Reply } from "../protocol/requests.ts";
import type { Row } from "./cells.ts";
import { logRow } from "./log-text.ts";

export interface LogLine {
  offset: number;
  raw: string;
  /** Made when it is first shown. */
  row?: Row;
}

type Chunk = Reply<"log.read">;

const chunkBytes = 64 * 1024;
/** Lines kept; what is farther from the view than half of it goes first. */
const mostLines = 8000;
/** Lines from the edge of the window at which the next piece is fetched. */
const nearEdge = 200;
/** Further behind than this, a followed log is read from its end again. */
const mostBehindBytes = 256 * 1024;

function bytesOf(chunk: Pick<Chunk, "encoding" | "data">): Buffer {
  return Buffer.from(chunk.data, chunk.encoding === "base64" ? "base64" : "utf8");
}

/** Whole lines of `bytes`, and what stands after the last line end. */
function splitLines(bytes: Buffer, offset: number): { lines: LogLine[]; rest: number } {
  const lines: LogLine[] = [];
  let start = 0;
  for (;;) {
    const end = bytes.indexOf(10, start);
    if (end < 0) return { lines, rest: start };
    lines.push({ offset: offset + start, raw: bytes.toString("utf8", start, end) });
    start = end + 1;
  }
}

export interface LogPlace {
  run: string;
  stream: LogStream;
}

export class LogWindow {
  lines: LogLine[] = [];
  size = 0;
  ended = false;
  /** Lines are shown from here: an index into `lines`, and how many rows of a wrapped line are above. */
  top = 0;
  topRow = 0;
  /** Columns scrolled to the right, where lines are not wrapped. */
  left = 0;
  following = true;
  loaded = false;
  problem: string | null = null;
  search = "";
  /** Where the line of the current hit begins and ends. */
  hit: { offset: number; end: number } | null = null;
  searching: { fraction: number; abort: AbortController } | null = null;
  private start = 0;
  /** Offset after the last whole line; what follows is the last, unfinished line. */
  private end = 0;
  private unfinished = Buffer.alloc(0);
  private busy = false;
  private again = false;
  private closed = false;

  constructor(
    readonly place: LogPlace,
    private readonly connection: Connection,
    private readonly onChange: () => void,
  ) {
    void this.toEnd();
  }

  /** All lines to show, the unfinished one included. */
  get shown(): LogLine[] {
    return this.unfinished.length === 0
      ? this.lines
      : [...this.lines, { offset: this.end, raw: this.unfinished.toString("utf8") }];
  }

  rowOf(line: LogLine): Row {
    line.row ??= logRow(line.raw);
    return line.row;
  }

  private async read(body: { offset?: number; tail_bytes?: number; limit?: number }): Promise<Chunk> {
    return this.connection.ask("log.read", { run: this.place.run, stream: this.place.stream, ...body });
  }

  /** One thing at a time; `act` that comes meanwhile is dropped, since the next picture asks again. */
  private async guard(act: () => Promise<void>): Promise<void> {
    if (this.busy || this.closed) {
      this.again = true;
      return;
    }
    this.busy = true;
    try {
      await act();
      this.problem = null;
    } catch (cause) {
      this.problem = messageOf(cause);
    } finally {
      this.busy = false;
      this.loaded = true;
      if (!this.closed) this.onChange();
    }
    if (this.again && !this.closed) {
      this.again = false;
      if (this.following) await this.grow();
    }
  }

  private take(chunk: Chunk): void {
    this.size = Math.max(chunk.size, chunk.next);
    this.ended = chunk.ended;
  }

  /** Begins anew with what `chunk` holds; a first line that is cut is left out, unless it is all there is. */
  private replace(chunk: Chunk): void {
    this.take(chunk);
    let bytes = bytesOf(chunk);
    let { offset } = chunk;
    const first = bytes.indexOf(10);
    if (offset > 0 && first >= 0 && first < bytes.length - 1) {
      bytes = bytes.subarray(first + 1);
      offset += first + 1;
    }
    const { lines, rest } = splitLines(bytes, offset);
    this.lines = lines;
    this.start = offset;
    this.end = offset + rest;
    this.unfinished = Buffer.from(bytes.subarray(rest));
  }

  private get readTo(): number {
    return this.end + this.unfinished.length;
  }

  /** Shows the end, and follows it. */
  async toEnd(): Promise<void> {
    this.following = true;
    await this.guard(async () => this.replace(await this.read({ tail_bytes: chunkBytes })));
  }

  async toStart(): Promise<void> {
    this.following = false;
    await this.guard(async () => {
      this.replace(await this.read({ offset: 0, limit: chunkBytes }));
      this.top = 0;
      this.topRow = 0;
    });
  }

  /** The window around a byte, which becomes the first line shown, with a few above. */
  async toOffset(offset: number): Promise<void> {
    this.following = false;
    await this.guard(async () => {
      this.replace(await this.read({ offset: Math.max(0, offset - chunkBytes / 2), limit: chunkBytes }));
      const at = this.lines.findLastIndex((line) => line.offset <= offset);
      this.top = Math.max(0, at - 3);
      this.topRow = 0;
    });
  }

  /** Takes in what was added at the end, while the end is in the window. */
  private async grow(): Promise<void> {
    await this.guard(async () => {
      for (;;) {
        if (this.size - this.readTo > mostBehindBytes) {
          this.replace(await this.read({ tail_bytes: chunkBytes }));
          return;
        }
        const chunk = await this.read({ offset: this.readTo, limit: chunkBytes });
        if (chunk.size < this.readTo) {
          // The file was cut or replaced.
          this.replace(await this.read({ tail_bytes: chunkBytes }));
          return;
        }
        this.append(chunk);
        if (this.readTo >= this.size || chunk.next === chunk.offset) return;
      }
    });
  }

  private append(chunk: Chunk): void {
    this.take(chunk);
    const bytes = Buffer.concat([this.unfinished, bytesOf(chunk)]);
    const { lines, rest } = splitLines(bytes, this.end);
    for (const line of lines) this.lines.push(line);
    this.end += rest;
    this.unfinished = Buffer.from(bytes.subarray(rest));
    if (this.unfinished.length > chunkBytes) {
      // A line without end: it is broken here, so that it cannot grow without limit.
      this.lines.push({ offset: this.end, raw: this.unfinished.toString("utf8") });
      this.end += this.unfinished.length;
      this.unfinished = Buffer.alloc(0);
    }
    this.trim("above");
  }

  /** Keeps the window small, dropping lines far above or far below of what is shown. */
  private trim(side: "above" | "below"): void {
    const excess = this.lines.length - mostLines;
    if (excess <= 0) return;
    if (side === "below") {
      this.end = this.lines[mostLines]?.offset ?? this.end;
      this.lines.length = mostLines;
      this.unfinished = Buffer.alloc(0);
      return;
    }
    const droppable = this.following ? excess : Math.min(excess, Math.max(0, this.top - mostLines / 2));
    this.lines.splice(0, droppable);
    this.start = this.lines[0]?.offset ?? this.end;
    this.top = Math.max(0, this.top - droppable);
  }

  /** Fetches what is about to be scrolled to. Throws nothing. */
  async reach(height: number): Promise<void> {
    if (!this.loaded || this.busy) return;
    if (!this.following && this.top < nearEdge && this.start > 0) {
      await this.guard(async () => this.prepend());
    } else if (!this.following && this.top + height > this.lines.length - nearEdge && this.readTo < this.size) {
      await this.guard(async () => this.append(await this.read({ offset: this.readTo, limit: chunkBytes })));
    }
  }

  private async prepend(): Promise<void> {
    const from = Math.max(0, this.start - chunkBytes);
    const chunk = await this.read({ offset: from, limit: this.start - from });
    let bytes = bytesOf(chunk).subarray(0, this.start - from);
    let offset = from;
    const first = bytes.indexOf(10);
    if (from > 0 && first >= 0 && first < bytes.length - 1) {
      bytes = bytes.subarray(first + 1);
      offset += first + 1;
    }
    const { lines, rest } = splitLines(bytes, offset);
    // Only where a line longer than a piece was broken.
    if (rest < bytes.length) lines.push({ offset: offset + rest, raw: bytes.toString("utf8", rest) });
    this.lines = [...lines, ...this.lines];
    this.start = offset;
    this.top += lines.length;
    this.trim("below");
  }

  onEvent(event: ServerEvent): void {
    if (event.kind !== "log" || event.run_id !== this.place.run || event.stream !== this.place.stream) return;
    const atEnd = this.readTo >= this.size;
    this.size = Math.max(this.size, event.size);
    if (event.size < this.readTo) void this.toEnd();
    this.ended = event.ended;
    if (this.following && atEnd && event.added !== undefined && event.added.offset === this.readTo && !this.busy) {
      this.append({ run_id: event.run_id, next: event.size, size: event.size, ended: event.ended, ...event.added });
      this.onChange();
    } else if (this.following) void this.grow();
    else this.onChange();
  }

  /** After a lost connection: what was added meanwhile. */
  resume(): void {
    if (this.following) void this.grow();
  }

  /** The next line that holds `search`, forward or back from the current hit or what is shown. */
  async find(direction: "forward" | "backward"): Promise<"found" | "none" | "stopped"> {
    this.searching?.abort.abort();
    const abort = new AbortController();
    this.searching = { fraction: 0, abort };
    const shownFirst = this.lines[this.top]?.offset ?? 0;
    const here = this.following ? this.size : shownFirst;
    try {
      let at = this.hit === null ? here : direction === "forward" ? this.hit.end : this.hit.offset;
      for (;;) {
        const body = { run: this.place.run, stream: this.place.stream, text: this.search, from: at, direction };
        const reply = await this.connection.ask("log.search", body, { signal: abort.signal });
        if (reply.line_offset !== null) {
          this.hit = { offset: reply.line_offset, end: reply.line_end ?? reply.line_offset + 1 };
          await this.toOffset(reply.line_offset);
          return "found";
        }
        if (reply.next === null) return "none";
        at = reply.next;
        this.searching = { fraction: direction === "forward" ? at / reply.size : 1 - at / reply.size, abort };
        this.onChange();
      }
    } catch (cause) {
      if (abort.signal.aborted) return "stopped";
      throw cause;
    } finally {
      if (this.searching?.abort === abort) this.searching = null;
      this.onChange();
    }
  }

  close(): void {
    this.closed = true;
    this.searching?.abort.abort();
  }
}
