/** The window on a log: opened at its end, moved in both directions, cut, flooded, without line ends. */
import { describe, expect, test } from "bun:test";
import type { Connection } from "../../../src/client/connection.ts";
import type { ServerEvent } from "../../../src/protocol/frames.ts";
import { LogWindow } from "../../../src/tui/log-window.ts";
import { until } from "../../support/temp.ts";

/** A log that grows under the window; counts the bytes that were asked for. */
function makeLog(text: string) {
  const log = { bytes: Buffer.from(text), sent: 0 };
  const ask = async (_: string, body: { offset?: number; tail_bytes?: number; limit?: number }) => {
    const { bytes } = log;
    const offset = Math.min(bytes.length, body.offset ?? Math.max(0, bytes.length - (body.tail_bytes ?? 0)));
    const part = bytes.subarray(offset, offset + (body.limit ?? 256 * 1024));
    log.sent += part.length;
    const data = part.toString("base64");
    return {
      run_id: "r",
      offset,
      next: offset + part.length,
      size: bytes.length,
      ended: false,
      encoding: "base64",
      data,
    };
  };
  const window = new LogWindow({ run: "r", stream: "output" }, { ask } as unknown as Connection, () => {});
  const event = (): ServerEvent => ({
    kind: "log",
    run_id: "r",
    stream: "output",
    size: log.bytes.length,
    ended: false,
  });
  const grow = (more: string) => {
    log.bytes = Buffer.concat([log.bytes, Buffer.from(more)]);
    window.onEvent(event());
  };
  const cut = (left: string) => {
    log.bytes = Buffer.from(left);
    window.onEvent(event());
  };
  return { log, window, grow, cut };
}

const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, at) => `line ${from + at}\n`).join("");
const last = (window: LogWindow) => window.shown.at(-1)?.raw;

describe("a window on a log", () => {
  test("[D11] a large log opens at its end with one piece, and all of it can be walked without being kept", async () => {
    const { log, window } = makeLog(numbered(200_000));
    await until("the end", () => window.loaded);
    expect([last(window), log.sent]).toEqual(["line 199999", 64 * 1024]);
    window.following = false;
    const seen = new Set<string>();
    while (window.shown[0]?.raw !== "line 0") {
      window.top = 0;
      await window.reach(40);
      seen.add(window.shown[window.top]?.raw ?? "");
      expect(window.lines.length).toBeLessThanOrEqual(8000);
    }
    expect(seen.has("undefined")).toBe(false);
    const numbers = window.lines.map((line) => Number(line.raw.slice(5)));
    expect(numbers.every((number, at) => number === at)).toBe(true);
    await window.toEnd();
    expect(last(window)).toBe("line 199999");
  });

  test("what is added is followed, an unfinished line included, with no line twice or left out", async () => {
    const { window, grow } = makeLog(numbered(10));
    await until("the end", () => window.loaded);
    for (const part of ["line 10\nline 1", "1\nli", "ne 12\n", "line 13"]) {
      grow(part);
      await until("the growth", () => window.shown.length > 0);
    }
    await until("the last line", () => last(window) === "line 13");
    expect(window.shown.map((line) => line.raw)).toEqual(Array.from({ length: 14 }, (_, at) => `line ${at}`));
  });

  test("[N2] a flood is followed by jumps to its end", async () => {
    const { log, window, grow } = makeLog(numbered(10));
    await until("the end", () => window.loaded);
    const before = log.sent;
    grow(numbered(1_000_000, 10));
    await until("the end of the flood", () => last(window) === "line 1000009");
    expect(log.sent - before).toBeLessThan(1024 * 1024);
  });

  test("[D12] a log that was cut is shown from its new end", async () => {
    const { window, cut } = makeLog(numbered(1000));
    await until("the end", () => window.loaded);
    cut("a new beginning\n");
    await until("the new end", () => last(window) === "a new beginning");
  });

  test("[D11] a line without end does not grow without limit", async () => {
    const { window, grow } = makeLog("x".repeat(1000));
    await until("the end", () => window.loaded);
    for (let part = 0; part < 40; part++) grow("y".repeat(10_000));
    await until("all of it", () => window.size === 401_000);
    expect(Math.max(...window.shown.map((line) => line.raw.length))).toBeLessThan(400_000);
  });
});
