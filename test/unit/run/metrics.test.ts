/** Reading metrics.jsonl and condensing it. */
import { expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { parseMetricLine, scanMetrics, summarizeMetrics } from "../../../src/run/metrics.ts";
import { tempFolder } from "../../support/temp.ts";

function metricsFile(text: string): string {
  const path = join(tempFolder(), "metrics.jsonl");
  fs.writeFileSync(path, text);
  return path;
}

test("[I6] NaN, infinities and numbers beyond a double keep their nature", () => {
  expect(parseMetricLine('{"name":"a","value":"NaN","t":1}')?.value).toBe("NaN");
  expect(parseMetricLine('{"name":"a","value":1e400}')).toEqual({ name: "a", value: "Infinity", step: null, t: 0 });
  expect(parseMetricLine('{"name":"a","value":"12"}')).toBeNull();
  expect(parseMetricLine('{"name":1,"value":1}')).toBeNull();
  expect(parseMetricLine("[]")).toBeNull();
  expect(parseMetricLine("null")).toBeNull();
});

test("a torn last line waits for its rest, torn lines before it are skipped and counted", async () => {
  const path = metricsFile('{"name":"a","value":1}\n{"name":"a","va\n\n{"name":"a","value":2}\n{"name":"a","val');
  const seen: unknown[] = [];
  const first = await scanMetrics(path, { onPoint: (point) => seen.push(point.value) });
  expect([seen, first.skipped]).toEqual([[1, 2], 1]);
  fs.appendFileSync(path, 'ue":3}\n');
  const second = await scanMetrics(path, { from: first.next, onPoint: (point) => seen.push(point.value) });
  expect([seen, second]).toEqual([[1, 2, 3], { next: fs.statSync(path).size, skipped: 0 }]);
});

test("[I6] steps that go back and two writers: order of arrival decides what is last", async () => {
  const lines = [
    { name: "loss", value: 3, step: 9 },
    { name: "loss", value: 1, step: 2 },
    { name: "loss", value: 2, step: 1 },
    { name: "val_accuracy", value: 0.9 },
    { name: "val_accuracy", value: 0.8 },
    { name: "single_loss", value: 1 },
    { name: "lr", value: 0.1 },
    { name: "lr", value: 0.01 },
    { name: "best_score", value: 5 },
    { name: "best_score", value: 4 },
    { name: "mse", value: "NaN" },
    { name: "mse", value: 7 },
    { name: "mse", value: "NaN" },
  ];
  const path = metricsFile(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  expect(await summarizeMetrics(path)).toEqual({
    loss: 2,
    val_accuracy: 0.8,
    single_loss: 1,
    lr: 0.01,
    best_score: 4,
    mse: "NaN",
    best_loss: 1,
    final_loss: 2,
    best_val_accuracy: 0.9,
    final_val_accuracy: 0.8,
    best_mse: 7,
    final_mse: "NaN",
  });
});

test("a file larger than the buffer, with a line longer than any metric, is read whole", async () => {
  const line = '{"name":"x","value":1,"step":1,"t":1}\n';
  const path = metricsFile(`${line.repeat(40_000)}${"y".repeat(3_000_000)}\n${line}`);
  let count = 0;
  await scanMetrics(path, { onPoint: () => (count += 1) });
  expect(count).toBe(40_001);
});

test("a missing file has no points", async () => {
  expect(await summarizeMetrics("/nowhere/metrics.jsonl")).toEqual({});
});
