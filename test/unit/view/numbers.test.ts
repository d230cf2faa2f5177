import { describe, expect, test } from "bun:test";
import { betterDirection } from "../../../src/core/better-direction.ts";
import { cutText, textWidth, wrapText } from "../../../src/view/face.ts";
import { curves, formatMetric, headline } from "../../../src/view/metric.ts";
import { progressBar, sparkline } from "../../../src/view/spark.ts";
import { fitColumns } from "../../../src/view/table.ts";
import { ago, clockTime, elapsedMs, roughDuration } from "../../../src/view/time.ts";

const nowMs = Date.parse("2026-11-23T21:14:00Z");

describe("times", () => {
  test("are as short as the day allows", () => {
    expect(clockTime("2026-11-23T09:05:00Z", nowMs)).toBe("09:05");
    expect(clockTime("2026-11-24T09:05:00Z", nowMs)).toBe("Tue 09:05");
    expect(clockTime("2026-10-03T09:05:00Z", nowMs)).toBe("Oct 3 09:05");
    expect(clockTime("2025-10-03T09:05:00Z", nowMs)).toBe("2025-10-03");
  });
  test("that are missing or no times are unknown, never a guess", () => {
    for (const time of [null, undefined, "soon"]) expect(clockTime(time, nowMs)).toBeNull();
    expect(elapsedMs(null, null, nowMs)).toBeNull();
  });
  test("[T1] a clock that jumped back makes no negative duration", () => {
    expect(elapsedMs("2026-11-23T22:00:00Z", "2026-11-23T21:00:00Z", nowMs)).toBe(0);
    expect(ago("2026-11-23T22:00:00Z", nowMs)).toBe("just now");
  });
  test("estimates are rough", () => {
    expect([400, 42_400, 3_120_000, 15_300_000].map(roughDuration)).toEqual(["1 s", "42 s", "52m", "4h15m"]);
  });
});

describe("metrics", () => {
  test("numbers are short", () => {
    const values = [0, 3, 0.87123456, 0.0003, 12345.678, 1e9, -0.5, "NaN", "Infinity", "-Infinity"];
    expect(values.map(formatMetric)).toEqual([
      "0",
      "3",
      "0.8712",
      "3e-4",
      "12346",
      "1e+9",
      "-0.5",
      "NaN",
      "inf",
      "-inf",
    ]);
  });
  test("the better direction is guessed only from clear names", () => {
    expect(["val_loss", "train/err", "acc", "test_f1", "lr", "glossy"].map(betterDirection)).toEqual([
      "min",
      "min",
      "max",
      "max",
      null,
      null,
    ]);
  });
  test("the headline is the held-out score", () => {
    expect(headline({ lr: 1, loss: 2, val_loss: 3, val_acc: 4, best_val_acc: 5 })?.name).toBe("val_acc");
    expect(headline({ training_time_hours: 1 })).toBeNull();
  });
  test("[I6] NaN and infinities are counted, and are never the best", () => {
    const point = (value: number | string, step: number) => ({ name: "loss", value, step, t: 0 });
    const [curve] = curves([point(2, 0), point("NaN", 1), point("-Infinity", 2), point(1, 3), point("NaN", 4)]);
    expect(curve).toMatchObject({ count: 5, last: Number.NaN, best: 1, bestStep: 3, min: 1, max: 2 });
  });
  test("[I6] a curve of nothing finite has no best, least or most", () => {
    const [curve] = curves([{ name: "loss", value: "NaN", step: null, t: 0 }]);
    expect(curve).toMatchObject({ best: null, min: Number.NaN });
  });
});

describe("pictures", () => {
  test("a sparkline rises with its values and leaves gaps for NaN", () => {
    expect(sparkline([0, 1, 2, 3], { width: 4, unicode: true })).toBe("▁▃▆█");
    expect(sparkline([0, Number.NaN, 3], { width: 3, unicode: false })).toBe("_ #");
    expect(
      sparkline(
        Array.from({ length: 1000 }, (_, i) => i),
        { width: 8, unicode: true },
      ),
    ).toBe("▁▂▃▄▅▆▇█");
  });
  test("a bar is full only at the end", () => {
    expect(progressBar(0.99, { width: 4, unicode: false })).toBe("###.");
    expect(progressBar(1, { width: 4, unicode: false })).toBe("####");
    expect(progressBar(Number.NaN, { width: 4, unicode: false })).toBe("....");
  });
});

describe("widths", () => {
  test("wide characters count two and are never split", () => {
    expect(cutText("预训练模型", 7, true)).toBe("预训练…");
    expect(textWidth(cutText("预训练模型", 6, true))).toBeLessThanOrEqual(6);
  });
  test("wrapping splits only what is longer than a line", () => {
    expect(wrapText("one two three", 8)).toEqual(["one two", "three"]);
    expect(wrapText("abcdefgh", 3)).toEqual(["abc", "def", "gh"]);
  });
  test("columns shrink before they go, the least important first", () => {
    const columns = [{ name: "a" }, { name: "b", least: 3 }, { name: "c", keep: 1 }];
    const row = {
      a: [{ text: "aaaa", tone: "plain" as const }],
      b: [{ text: "bbbbbbbb", tone: "plain" as const }],
      c: [{ text: "cccc", tone: "plain" as const }],
    };
    expect(fitColumns(columns, [row], 16).map((column) => column.width)).toEqual([4, 4, 4]);
    expect(fitColumns(columns, [row], 10).map((column) => column.width)).toEqual([4, 4]);
  });
});
