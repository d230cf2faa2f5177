/**
 * `ml_runner.py` under real Pythons: the default python3, the oldest supported and the newest one that is installed.
 * What a training script may rely on: nothing lost, nothing mixed up, nothing raised, nothing done by hand.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { tempFolder, until } from "../support/temp.ts";

setDefaultTimeout(120_000);
const moduleFolder = join(import.meta.dir, "../../python/ml_runner");
interface Line {
  name: string;
  value: number | string;
  step?: number;
  t: number;
}

/** Under pyenv, the interpreter itself: the shim of `python3` is a shell script that costs 50 ms. */
function pyenvPython(minor: string): string | null {
  const versions = join(homedir(), ".pyenv/versions");
  if (!existsSync(versions)) return null;
  const found = readdirSync(versions).find((name) => name === minor || name.startsWith(`${minor}.`));
  return found ? join(versions, found, "bin/python3") : null;
}

function defaultPython(): string | null {
  if (Bun.which("python3") === null) return null;
  return Bun.spawnSync(["python3", "-c", "import sys; print(sys.executable)"]).stdout.toString().trim() || null;
}

const pythons: [string, string | null][] = [
  ["python3", defaultPython()],
  ["python 3.8", pyenvPython("3.8")],
  ["python 3.13", pyenvPython("3.13")],
];

function environment(metrics?: string): Record<string, string> {
  const inherited = { ...process.env } as Record<string, string>;
  delete inherited.ML_METRICS_FILE;
  const own = { PYTHONPATH: moduleFolder, PYTHONDONTWRITEBYTECODE: "1", PYTHONIOENCODING: "utf-8" };
  return { ...inherited, ...own, ...(metrics === undefined ? {} : { ML_METRICS_FILE: metrics }) };
}

function runScript(python: string, script: string, metrics?: string) {
  const done = Bun.spawnSync([python, "-c", script], { env: environment(metrics), stdout: "pipe", stderr: "pipe" });
  return { exitCode: done.exitCode, stdout: done.stdout.toString(), stderr: done.stderr.toString() };
}

const readLines = (path: string): Line[] =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);

for (const [label, python] of pythons) {
  if (python === null) {
    console.log(`SKIPPED ml_runner under ${label}: not installed`);
    test.skip(`ml_runner under ${label}`, () => {});
    continue;
  }
  describe(`ml_runner under ${label}`, () => {
    const values = (script: string) => {
      const metrics = join(tempFolder(), "metrics.jsonl");
      const done = runScript(python, script, metrics);
      return { ...done, lines: existsSync(metrics) ? readLines(metrics) : [], metrics };
    };

    test("by hand every call does nothing and says nothing", () => {
      const done = runScript(
        python,
        "from ml_runner import log_metric, log_metrics\nlog_metric('loss', 0.5)\nlog_metric('x', object())\nlog_metrics({'a': 1}, step=2)\nprint('ok')",
      );
      expect(done).toEqual({ exitCode: 0, stdout: "ok\n", stderr: "" });
    });

    test("a value is one JSON line with name, value, step where given, and the time to the millisecond", () => {
      const before = Date.now() / 1000;
      const { lines, stderr, metrics } = values(
        "from ml_runner import log_metric, log_metrics\nlog_metric('loss', 0.1, step=3)\nlog_metric('n', 7)\nlog_metrics({'a': True, 'b': 1e-300}, step=4)",
      );
      expect(stderr).toBe("");
      expect(lines.map(({ t, ...rest }) => rest)).toEqual([
        { name: "loss", value: 0.1, step: 3 },
        { name: "n", value: 7 },
        { name: "a", value: 1, step: 4 },
        { name: "b", value: 1e-300, step: 4 },
      ]);
      for (const { t } of lines) {
        expect(t).toBeGreaterThanOrEqual(Math.floor(before * 1000) / 1000 - 0.001);
        expect(t).toBeLessThanOrEqual(Date.now() / 1000 + 0.001);
      }
      expect(readFileSync(metrics, "utf8")).toMatch(
        /^\{"name":"loss","value":0\.1,"step":3,"t":\d+\.\d{3}\}\n\{"name":"n",/,
      );
    });

    test("NaN and the infinities survive as strings", () => {
      const { lines } = values(
        "from ml_runner import log_metric as log\nfor v in (float('nan'), float('inf'), -float('inf'), 10**400, -10**5000): log('v', v)",
      );
      expect(lines.map((line) => line.value)).toEqual(["NaN", "Infinity", "-Infinity", "Infinity", "-Infinity"]);
    });

    test("names with quotes, line breaks, unicode and lone surrogates come back as they were", () => {
      const { lines, metrics } = values(
        `from ml_runner import log_metric
for n in ('a"b\\\\c', 'two\\nlines\\r\\t\\0', 'précision/😀', 'sep\\u2028\\u2029\\x85', 'lone\\ud800'): log_metric(n, 1)`,
      );
      expect(lines.map((line) => line.name)).toEqual([
        'a"b\\c',
        "two\nlines\r\t\0",
        "précision/😀",
        "sep\u2028\u2029\x85",
        "lone\ud800",
      ]);
      expect(readFileSync(metrics, "utf8")).toContain("précision/😀");
    });

    test("numbers of other libraries are taken by item() or __float__, whole and broken steps too", () => {
      const { lines, stderr } = values(`
from decimal import Decimal
from fractions import Fraction
from ml_runner import log_metric
class Scalar:
    def __init__(self, v): self.v = v
    def item(self): return self.v
class Floaty:
    def __float__(self): return 2.5
class MyFloat(float):
    def __repr__(self): return 'MyFloat!'
log_metric('item', Scalar(0.25), step=Scalar(3))
log_metric('float', Floaty(), step=2.0)
log_metric('sub', MyFloat(1.5), step=0.5)
log_metric('decimal', Decimal('0.1'), step=True)
log_metric('fraction', Fraction(1, 4), step=-4)
log_metric('big', 2**63)
`);
      expect(stderr).toBe("");
      expect(lines.map(({ value, step }) => [value, step])).toEqual([
        [0.25, 3],
        [2.5, 2],
        [1.5, 0.5],
        [0.1, 1],
        [0.25, -4],
        [2 ** 63, undefined],
      ]);
    });

    test("nothing it is given makes it raise; it warns once and goes on", () => {
      const { lines, stderr, stdout, exitCode } = values(`
from ml_runner import log_metric, log_metrics
class Bad:
    def item(self): raise RuntimeError('a CUDA error')
    def __repr__(self): raise ValueError('no repr')
    def __str__(self): raise ValueError('no str')
    def __hash__(self): raise ValueError('no hash')
for value in (None, 'text', '0.5', b'1', [1], {}, object(), Bad(), 1j): log_metric('v', value)
for name in (None, 3, [], Bad()): log_metric(name, 1)
for step in ('three', float('nan'), [], Bad()): log_metric('s', 2, step=step)
log_metrics(None); log_metrics(5); log_metrics([1, 2]); log_metrics({}); log_metrics({'bad': None, 'good': 3})
log_metric('n' * 100000, 4); log_metric('', 5)
print('reached the end')
`);
      expect([exitCode, stdout]).toEqual([0, "reached the end\n"]);
      expect(stderr.split("\n").filter((line) => line !== "")).toHaveLength(1);
      expect(stderr).toContain("ml_runner: metric 'v' was not recorded: a NoneType is not a number");
      expect(lines.map(({ name, value }) => [name.slice(0, 4), value])).toEqual([
        ["None", 1],
        ["3", 1],
        ["[]", 1],
        ...["s", "s", "s", "s"].map((name) => [name, 2]),
        ["good", 3],
        ["nnnn", 4],
      ]);
      expect(lines.at(-1)?.name).toHaveLength(1000);
    });

    test("a folder that is not there, a full disk and a missing stderr are survived", () => {
      const missing = runScript(
        python,
        "from ml_runner import log_metric\nlog_metric('a', 1)\nprint('ok')",
        join(tempFolder(), "none/metrics.jsonl"),
      );
      expect([missing.exitCode, missing.stdout]).toEqual([0, "ok\n"]);
      expect(missing.stderr).toContain("was not recorded");
      const full = runScript(
        python,
        "from ml_runner import log_metric\nfor i in range(9): log_metric('a', i)\nprint('ok')",
        "/dev/full",
      );
      expect([full.exitCode, full.stdout]).toEqual([0, "ok\n"]);
      expect(full.stderr.trim().split("\n")).toHaveLength(1);
      const mute = runScript(
        python,
        "import sys\nfrom ml_runner import log_metric\nsys.stderr = None\nlog_metric('a', None)\nprint('ok')",
        "/dev/full",
      );
      expect([mute.exitCode, mute.stdout]).toEqual([0, "ok\n"]);
    });

    test("a line that the disk cut short does not spoil the one after it", () => {
      const metrics = join(tempFolder(), "metrics.jsonl");
      const script = `
import resource
from ml_runner import log_metric
log_metric('first', 1)
resource.setrlimit(resource.RLIMIT_FSIZE, (60, resource.RLIM_INFINITY))
log_metric('cut', 2)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log_metric('after', 3)
log_metric('last', 4)
`;
      expect(runScript(python, script, metrics).exitCode).toBe(0);
      const lines = readFileSync(metrics, "utf8").split("\n");
      expect(lines[1]).toStartWith('{"name');
      expect(lines[1]).not.toEndWith("}");
      expect([0, 2, 3].map((index) => (JSON.parse(lines[index] ?? "") as Line).name)).toEqual([
        "first",
        "after",
        "last",
      ]);
    });

    test("a closed descriptor is opened again, and one that became the script's own file is left alone", () => {
      const folder = tempFolder();
      const own = join(folder, "checkpoint.bin");
      const metrics = join(folder, "metrics.jsonl");
      const done = runScript(
        python,
        `
import os
from ml_runner import log_metric
log_metric('before', 1)
os.closerange(3, 64)
checkpoint = os.open(${JSON.stringify(own)}, os.O_CREAT | os.O_WRONLY)
log_metric('after', 2)
os.write(checkpoint, b'weights')
os.closerange(3, 4096)
log_metric('again', 3)
`,
        metrics,
      );
      expect([done.exitCode, done.stderr]).toEqual([0, ""]);
      expect(readFileSync(own, "utf8")).toBe("weights");
      expect(readLines(metrics).map((line) => line.name)).toEqual(["before", "after", "again"]);
    });

    test("what a killed process left of a line does not spoil the next process's first", () => {
      const metrics = join(tempFolder(), "metrics.jsonl");
      writeFileSync(metrics, '{"name":"a","value":1,"t":5.000}\n{"name":"a","val');
      for (const name of ["b", "c"])
        runScript(python, `from ml_runner import log_metric\nlog_metric('${name}', 1)`, metrics);
      const lines = readFileSync(metrics, "utf8").trimEnd().split("\n");
      expect([0, 2, 3].map((index) => (JSON.parse(lines[index] ?? "") as Line).name)).toEqual(["a", "b", "c"]);
      expect(lines).toHaveLength(4);
    });

    test("kill -9 in the middle of a loop loses nothing that was acknowledged", async () => {
      const folder = tempFolder();
      const metrics = join(folder, "metrics.jsonl");
      const said = join(folder, "said");
      const script = `
import os
from ml_runner import log_metric
out = os.open(${JSON.stringify(said)}, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
i = 0
while True:
    log_metric('i', i, step=i)
    os.write(out, b'%d\\n' % i)
    i += 1
`;
      const child = Bun.spawn([python, "-c", script], {
        env: environment(metrics),
        stdout: "ignore",
        stderr: "ignore",
      });
      await until("some thousand values", () => existsSync(said) && Bun.file(said).size > 20_000);
      child.kill("SIGKILL");
      await child.exited;
      const acknowledged = readFileSync(said, "utf8").trimEnd().split("\n").length;
      // The call that the kill fell into may leave a part of its line: the kernel copies a page at a time.
      const whole = readFileSync(metrics, "utf8").split("\n").slice(0, -1);
      const steps = whole.map((line) => (JSON.parse(line) as Line).step);
      expect(acknowledged).toBeGreaterThan(3000);
      expect(steps.length).toBeGreaterThanOrEqual(acknowledged);
      expect(steps).toEqual(Array.from({ length: steps.length }, (_, index) => index));
    });

    test("two processes writing 10,000 lines each never mix a line", async () => {
      const metrics = join(tempFolder(), "metrics.jsonl");
      const script = (name: string) =>
        `from ml_runner import log_metric\nfor i in range(10000): log_metric('${name}' * (1 + i % 40), i)`;
      const both = ["a", "é"].map((name) =>
        Bun.spawn([python, "-c", script(name)], { env: environment(metrics), stdout: "ignore", stderr: "inherit" }),
      );
      await Promise.all(both.map((child) => child.exited));
      const lines = readLines(metrics);
      for (const name of ["a", "é"]) {
        const own = lines.filter((line) => line.name.startsWith(name));
        expect(own.map((line) => line.value)).toEqual(Array.from({ length: 10_000 }, (_, index) => index));
      }
    });

    test("forked children and threads share the file without harm", () => {
      const { lines, exitCode } = values(`
import os, threading
from ml_runner import log_metric, log_metrics
log_metric('parent', 0)
children = []
for child in range(4):
    pid = os.fork()
    if pid == 0:
        for i in range(500): log_metrics({'child%d' % child: i, 'twin%d' % child: -i}, step=i)
        os._exit(0)
    children.append(pid)
threads = [threading.Thread(target=lambda: [log_metric('thread', i) for i in range(500)]) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
for pid in children: os.waitpid(pid, 0)
`);
      expect(exitCode).toBe(0);
      expect(lines).toHaveLength(1 + 4 * 1000 + 4 * 500);
      expect(lines.filter((line) => line.name === "twin3").map((line) => line.value)).toHaveLength(500);
    });

    test("a metric without a name is not recorded, which is said; the others are", () => {
      const script = "from ml_runner import log_metrics\nlog_metrics({'': 1, 'loss': 2})";
      const { lines, stderr } = values(script);
      expect(lines.map((line) => line.name)).toEqual(["loss"]);
      expect(stderr).toStartWith("ml_runner: metric '' was not recorded: a metric needs a name (said once;");
    });

    test("names made in a loop do not make it grow", () => {
      const { stdout, lines } = values(
        "import ml_runner\nfor i in range(10000): ml_runner.log_metric('m%d' % i, i)\nprint(len(ml_runner._heads) <= 4096)",
      );
      expect(stdout).toBe("True\n");
      expect(lines).toHaveLength(10_000);
    });

    // How long that takes is for the bench (P9): a time would fail on a busy machine.
    test("importing it loads no other Python module, which is what keeps it quick", () => {
      const { stdout } = runScript(
        python,
        "import sys, time\nhad = set(sys.modules)\nimport ml_runner\nprint(sorted(set(sys.modules) - had - {'time', 'errno', 'fcntl'}))",
      );
      expect(stdout).toBe("['ml_runner']\n");
    });

    test("numpy scalars and one-element arrays are taken where numpy is installed", () => {
      const { stdout, lines } = values(`
try:
    import numpy as np
except ImportError:
    print('no numpy')
else:
    from ml_runner import log_metric
    for v in (np.float32(0.5), np.int64(7), np.bool_(True), np.array([[1.25]]), np.float64('nan'), np.float16('inf')):
        log_metric('v', v, step=np.int32(2))
    log_metric('many', np.arange(3))
`);
      if (stdout.includes("no numpy")) {
        console.log(`SKIPPED numpy scalars under ${label}: numpy not installed`);
        return;
      }
      expect(lines.map(({ value, step }) => [value, step])).toEqual(
        [0.5, 7, 1, 1.25, "NaN", "Infinity"].map((value) => [value, 2]),
      );
    });
  });
}
