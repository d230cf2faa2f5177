/** P9: one call of log_metric, against what a script would do by itself; and the cost of the import. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { plainEnv, realPython, type Spread, spread, timed } from "./measure.ts";
import type { BenchContext, Line, Row } from "./table.ts";

/** Microseconds a call, each way in turn; one JSON object of lists. */
const program = `
import json, os, sys, time
from ml_runner import log_metric
folder, rounds, calls = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
fd = os.open(folder + "/appended", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
text = open(folder + "/printed", "w")
def ours(i): log_metric("loss", 0.123456 + i, step=i)
def dumps(i): json.dumps({"name": "loss", "value": 0.123456 + i, "step": i, "t": 1700000000.123})
def write(i): os.write(fd, b'{"name":"loss","value":0.123456,"step":12345,"t":1700000000.123}\\n')
def printed(i): print(json.dumps({"name": "loss", "value": 0.123456 + i, "step": i, "t": 1700000000.123}), file=text)
def flushed(i): print(json.dumps({"name": "loss", "value": 0.123456 + i, "step": i, "t": 1700000000.123}), file=text, flush=True)
ways = [ours, dumps, write, printed, flushed]
found = {way.__name__: [] for way in ways}
for turn in range(-1, rounds):
    for way in ways:
        started = time.perf_counter()
        for i in range(calls): way(i)
        if turn >= 0: found[way.__name__].append((time.perf_counter() - started) / calls * 1e6)
print(json.dumps(found))
`;
const importing = (name: string) =>
  `import time; s = time.perf_counter(); import ${name}; print((time.perf_counter() - s) * 1e3)`;

function measureCalls(context: BenchContext, python: string, env: Record<string, string>): Record<string, Spread> {
  const [rounds, calls] = context.long ? [20, 20_000] : [7, 10_000];
  const file = join(context.folder, "calls.py");
  writeFileSync(file, program);
  const { stdout } = timed([python, file, context.folder, String(rounds), String(calls)], { env });
  const expected = calls * (rounds + 1);
  const lines = readFileSync(env.ML_METRICS_FILE ?? "", "utf8").split("\n").length - 1;
  if (lines !== expected) throw new Error(`${lines} of ${expected} metrics are in the file`);
  const found = JSON.parse(stdout) as Record<string, number[]>;
  return Object.fromEntries(Object.entries(found).map(([name, values]) => [name, spread(values)]));
}

export const row: Row = {
  id: "P9",
  title: "log_metric",
  withoutMl: true,
  async run(context): Promise<Line[]> {
    const python = realPython();
    if (python === null)
      return [{ what: "log_metric", unit: "us", ours: null, goal: "", met: null, note: "no python3" }];
    const env = {
      ...plainEnv(),
      PYTHONPATH: join(context.root, "python/ml_runner"),
      ML_METRICS_FILE: join(context.folder, "metrics.jsonl"),
    };
    const calls = measureCalls(context, python, env);
    const imports = (name: string) =>
      spread(
        Array.from({ length: context.long ? 30 : 10 }, () =>
          Number(timed([python, "-c", importing(name)], { env }).stdout),
        ),
      );
    const ours = calls.ours ?? null;
    const imported = imports("ml_runner");
    return [
      {
        ...{ what: "one call", unit: "us", ours, goal: "<= 8 us", met: (ours?.median ?? Infinity) <= 8 },
        peers: {
          "json.dumps": calls.dumps ?? null,
          "print(json)": calls.printed ?? null,
          "print(json), flushed": calls.flushed ?? null,
        },
        limit: calls.write ? { name: "os.write", value: calls.write } : null,
      },
      {
        ...{ what: "import", unit: "ms", ours: imported, goal: "<= 15 ms", met: imported.median <= 15 },
        peers: { json: imports("json") },
      },
    ];
  },
};
