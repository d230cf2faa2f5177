/** Metrics on a script's output: which lines are some, and a scan that no chunk, long line or torn end can mislead. */
import { describe, expect, test } from "bun:test";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeMetricValue, encodeMetricValue, readMetricText } from "../../../src/run/metric-value.ts";
import {
  MAX_METRIC_LINE_BYTES,
  type MetricRecord,
  parseMetricLine,
  scanOutputMetrics,
} from "../../../src/run/stdout-metrics.ts";
import { tempFolder } from "../../support/temp.ts";

describe("a metric value", () => {
  test("survives JSON, whatever number it is", () => {
    for (const value of [0, -0.1, 1e-300, 2 ** 60, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(decodeMetricValue(JSON.parse(JSON.stringify(encodeMetricValue(value))))).toBe(value);
    }
    expect([Number.NaN, 1 / 0, -1 / 0].map(encodeMetricValue)).toEqual(["NaN", "Infinity", "-Infinity"]);
    expect(decodeMetricValue(JSON.parse("1e400"))).toBe(Number.POSITIVE_INFINITY);
    expect(decodeMetricValue(JSON.parse("-1e400"))).toBe(Number.NEGATIVE_INFINITY);
  });

  test("is nothing else", () => {
    for (const value of ["0.5", "nan", "", null, undefined, true, [], {}, 1n])
      expect(decodeMetricValue(value)).toBeNull();
  });

  test("in plain text is a number as Python, C or JavaScript print it", () => {
    const read = ["0.25", "-1", "+3.", ".5", "1e-3", "1E+3", "1e400", "nan", "NaN", "inf", "-inf", "Infinity"].map(
      readMetricText,
    );
    expect(read).toEqual([0.25, -1, 3, 0.5, 1e-3, 1e3, 1 / 0, Number.NaN, Number.NaN, 1 / 0, -1 / 0, 1 / 0]);
    for (const text of ["", "-", ".", "1,5", "0x10", "1e", "1_000", "0.5s", "none", "infinite", " 1"]) {
      expect(readMetricText(text)).toBeNull();
    }
  });
});

describe("a metric line", () => {
  const cases: [string, MetricRecord[]][] = [
    ["ml:metric loss=0.25", [{ name: "loss", value: 0.25 }]],
    [
      "ml:metric loss=0.25 acc=0.9 step=12",
      [
        { name: "loss", value: 0.25, step: 12 },
        { name: "acc", value: 0.9, step: 12 },
      ],
    ],
    [
      "ml:metric step=3, train/loss=1e-3,\tacc@5=.9",
      [
        { name: "train/loss", value: 1e-3, step: 3 },
        { name: "acc@5", value: 0.9, step: 3 },
      ],
    ],
    ["ml:metric loss=nan", [{ name: "loss", value: Number.NaN }]],
    ["ml:metric loss=oops =3 x= acc=0.9 step=inf", [{ name: "acc", value: 0.9 }]],
    ["ml:metric ", []],
    ["ml:metrics loss=1", []],
    [" ml:metric loss=1", []],
    ["say ml:metric loss=1", []],
    ['{"ml_metric":"loss","value":0.25,"step":12}', [{ name: "loss", value: 0.25, step: 12 }]],
    [
      '  {"step": 12, "value": "NaN", "ml_metric": "a \\"b\\"", "t": 5.5}  ',
      [{ name: 'a "b"', value: Number.NaN, step: 12, t: 5.5 }],
    ],
    ['{"ml_metric": "loss NaN", "value": NaN}', [{ name: "loss NaN", value: Number.NaN }]],
    ['{"ml_metric": "loss", "value": -Infinity, "step": 1}', [{ name: "loss", value: -1 / 0, step: 1 }]],
    ['{"ml_metric":"loss","value":1e400}', [{ name: "loss", value: 1 / 0 }]],
    ['{"ml_metric":"loss","value":1,"step":"3","t":"now"}', [{ name: "loss", value: 1 }]],
    ['{"ml_metric":"loss","value":"0.25"}', []],
    ['{"ml_metric":"loss","value":0.25', []],
    ['{"ml_metric":3,"value":0.25}', []],
    ['{"ml_metric":"","value":0.25}', []],
    ['{"ml_metric":"loss"}', []],
    ['{"x":{"ml_metric":"loss","value":1}}', []],
    ['[{"ml_metric":"loss","value":1}]', []],
    ['log: {"ml_metric":"loss","value":1}', []],
    ["loss=0.25", []],
    ["", []],
  ];
  for (const [line, records] of cases) {
    test(JSON.stringify(line), () => expect(parseMetricLine(line)).toEqual(records));
  }
});

describe("scanning a log", () => {
  const write = (content: string | Buffer) => {
    const path = join(tempFolder(), "output.log");
    writeFileSync(path, content);
    return path;
  };
  async function scanAll(path: string, options: { from?: number; to?: number; ended?: boolean } = {}) {
    const found: [string, number, number][] = [];
    const onRecord = (record: MetricRecord, offset: number) => found.push([record.name, record.value, offset]);
    const end = await scanOutputMetrics(path, { ...options, onRecord });
    return { found, end };
  }

  test("finds both forms in their order, with where they are", async () => {
    const text = 'start\nml:metric a=1\r\n{"ml_metric":"b","value":2}\nml:metric c=3 d=4\n';
    const { found, end } = await scanAll(write(text));
    expect(found).toEqual([
      ["a", 1, 6],
      ["b", 2, 21],
      ["c", 3, text.indexOf("ml:metric c")],
      ["d", 4, text.indexOf("ml:metric c")],
    ]);
    expect(end).toBe(text.length);
  });

  test("an unfinished line waits for its end, unless nobody writes any more", async () => {
    const path = write("ml:metric a=1\nml:metric b=2");
    expect(await scanAll(path)).toEqual({ found: [["a", 1, 0]], end: 14 });
    expect(await scanAll(path, { from: 14 })).toEqual({ found: [], end: 14 });
    expect(await scanAll(path, { from: 14, ended: true })).toEqual({ found: [["b", 2, 14]], end: 27 });
    expect(await scanAll(path, { from: 27 })).toEqual({ found: [], end: 27 });
    expect((await scanAll(path, { to: 20 })).end).toBe(14);
  });

  test("a carriage return ends a line, so a progress bar may come before", async () => {
    const { found } = await scanAll(write("\r 45%|████| 45/100\rml:metric a=1\r 46%|████|"));
    expect(found.map(([name]) => name)).toEqual(["a"]);
  });

  test("lines across the chunks' borders are found exactly once, wherever they fall", async () => {
    const lines: string[] = [];
    let size = 0;
    for (let index = 0; size < 3.3e6; index += 1) {
      const line = index % 7 === 0 ? `ml:metric m=${index} step=${index}` : `${"é".repeat(index % 613)}x`;
      lines.push(line);
      size += Buffer.byteLength(line) + 1;
    }
    const { found, end } = await scanAll(write(`${lines.join("\n")}\n`));
    expect(end).toBe(size);
    expect(found.map(([, value]) => value)).toEqual(
      lines.flatMap((line, index) => (line.startsWith("ml:") ? [index] : [])),
    );
  });

  test("scanned in pieces of any size it gives the same as at once", async () => {
    const long = `ml:metric long=${"1".repeat(MAX_METRIC_LINE_BYTES)} ml:metric inside=1`;
    const text = `ml:metric a=1\n${"y".repeat(5000)}\n${long}\nml:metric b=2\r\n{"ml_metric":"c","value":3}\n`;
    const path = write(text);
    const whole = await scanAll(path);
    expect(whole.found.map(([name]) => name)).toEqual(["a", "b", "c"]);
    for (const piece of [997, 30_011, 65_536, 70_001]) {
      const found: [string, number, number][] = [];
      let from = 0;
      for (let to = piece; from < text.length; to = Math.min(text.length, to + piece)) {
        const part = await scanAll(path, { from, to });
        found.push(...part.found);
        from = part.end;
      }
      expect(found).toEqual(whole.found);
    }
  });

  test("a line as long as the limit is read, one byte more is not, and huge ones cost no memory", async () => {
    const fitting = `ml:metric a=1 ${"x".repeat(MAX_METRIC_LINE_BYTES - 15)}\n`;
    expect(fitting).toHaveLength(MAX_METRIC_LINE_BYTES);
    expect((await scanAll(write(fitting))).found).toEqual([["a", 1, 0]]);
    expect((await scanAll(write(`${fitting.trimEnd()}x\n`))).found).toEqual([]);
    expect(
      (await scanAll(write(`${fitting.trimEnd()}xml:metric b=1\nml:metric c=1\n`))).found.map(([name]) => name),
    ).toEqual(["c"]);
    const huge = Buffer.concat([Buffer.alloc(8 << 20, "z"), Buffer.from("ml:metric no=1\nml:metric yes=2\n")]);
    expect((await scanAll(write(huge))).found.map(([name]) => name)).toEqual(["yes"]);
    expect((await scanAll(write(Buffer.alloc(3 << 20, "z")))).end).toBe(3 << 20);
  });

  test("bytes that are no UTF-8 and zero bytes do no harm", async () => {
    const bytes = Buffer.concat([
      Buffer.from([0xff, 0xfe, 0, 0x0a]),
      Buffer.from("ml:metric a=1\n"),
      Buffer.from([0xc3, 0x0a]),
    ]);
    expect((await scanAll(write(bytes))).found).toEqual([["a", 1, 4]]);
  });

  test("a descriptor is read as well as a path, and stays open; an empty log is nothing", async () => {
    const fd = openSync(write("ml:metric a=1\n"), "r");
    const found: string[] = [];
    for (let round = 0; round < 2; round += 1)
      await scanOutputMetrics(fd, { onRecord: (record) => found.push(record.name) });
    closeSync(fd);
    expect(found).toEqual(["a", "a"]);
    expect(await scanAll(write(""))).toEqual({ found: [], end: 0 });
    await expect(scanOutputMetrics("/nowhere/output.log", { onRecord: () => {} })).rejects.toThrow("ENOENT");
  });
});
