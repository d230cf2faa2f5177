import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { parseBatch } from "../../../src/cli/batch-file.ts";
import { command } from "../../../src/cli/commands/queue.ts";
import { type PlanSources, planBatch } from "../../../src/cli/planned-run.ts";
import { type RunFlags, readVariables, runFlags, splitTags, wishesOf } from "../../../src/cli/submission.ts";
import { batchesOf, specsOf } from "../../../src/cli/submit.ts";
import { understand } from "../../../src/cli/understand.ts";
import { type Settings, settings } from "../../../src/config/settings.ts";
import { MlError } from "../../../src/core/error.ts";
import { quoteCommand } from "../../../src/core/shell-quote.ts";
import { shellWords } from "../../../src/core/shell-words.ts";
import { tempFolder } from "../../support/temp.ts";

const defaults = Object.fromEntries(Object.entries(settings).map(([key, one]) => [key, one.default])) as Settings;
const noFlags = Object.fromEntries(Object.entries(runFlags).map(([name, one]) => [name, one.fallback])) as RunFlags;

function thrown(act: () => unknown): MlError {
  try {
    act();
  } catch (cause) {
    if (cause instanceof MlError) return cause;
    throw cause;
  }
  throw new Error("nothing was thrown");
}

function folderWith(...names: string[]): string {
  const folder = tempFolder();
  for (const name of names) writeFileSync(join(folder, name), "");
  return folder;
}

const around = (cwd: string, env: Record<string, string> = {}, local = true) => ({ cwd, python: null, local, env });
const sources = (cwd: string): PlanSources => ({ cwd, local: true, env: {}, settings: defaults });

describe("words of a line", () => {
  test("[I1] whatever the arguments, quoting and splitting gives them back", () => {
    const word = fc.string({ unit: "binary" }).filter((text) => !/[\n\r\0]/.test(text));
    fc.assert(fc.property(fc.array(word), (words) => expect(shellWords(quoteCommand(words))).toEqual(words)));
  }, 120_000);
  test("quotes, escapes and comments are as in a shell, and nothing is expanded", () => {
    expect(shellWords(`a "b c" 'd $e' f\\ g h#i # rest`)).toEqual(["a", "b c", "d $e", "f g", "h#i"]);
    expect(shellWords("x $HOME *.py `id`")).toEqual(["x", "$HOME", "*.py", "`id`"]);
  });
  test("an open quote is refused", () => expect(thrown(() => shellWords("a 'b")).message).toContain("is not closed"));
});

describe("what will run", () => {
  test("a .py file runs with python3 where nothing else is said", () => {
    const cwd = folderWith("train.py");
    expect(understand(["train.py", "--lr", "1"], around(cwd)).argv).toEqual(["python3", "train.py", "--lr", "1"]);
  });
  test("a script whose name begins with a dash is no option of the interpreter", () => {
    expect(understand(["-x.py", "-1"], around(folderWith("-x.py"))).argv).toEqual(["python3", "./-x.py", "-1"]);
  });
  test("an active environment counts on this machine only, and is said", () => {
    const cwd = folderWith("train.py");
    const env = tempFolder();
    mkdirSync(join(env, "bin"));
    writeFileSync(join(env, "bin/python"), "");
    const here = understand(["train.py"], around(cwd, { VIRTUAL_ENV: env }));
    expect(here).toEqual({ argv: [join(env, "bin/python"), "train.py"], pythonFrom: "VIRTUAL_ENV" });
    expect(understand(["train.py"], around(cwd, { VIRTUAL_ENV: env }, false)).argv[0]).toBe("python3");
    expect(understand(["train.py"], { ...around(cwd, { VIRTUAL_ENV: env }), python: "py" }).argv[0]).toBe("py");
  });
  test("a script that is not there names the nearest", () => {
    const cwd = folderWith("train.py", "eval.py");
    const error = thrown(() => understand(["tran.py"], around(cwd)));
    expect(error.code).toBe("not_found");
    expect(error.detail.hint).toContain("did you mean `ml queue train.py`");
    expect(thrown(() => understand(["python", "tran.py"], around(cwd))).detail.hint).toContain("train.py");
  });
  test("a script by its absolute path inside the folder is named inside the snapshot", () => {
    const cwd = folderWith("train.py");
    expect(understand([join(cwd, "train.py")], around(cwd)).argv).toEqual(["python3", "train.py"]);
  });
  test("[P1] a program that cannot be started is refused before it waits in line", () => {
    const cwd = folderWith("run.sh");
    expect(thrown(() => understand(["./run.sh"], around(cwd))).detail.hint).toContain("chmod +x");
    chmodSync(join(cwd, "run.sh"), 0o755);
    expect(understand(["./run.sh", "x"], around(cwd)).argv).toEqual(["./run.sh", "x"]);
    expect(thrown(() => understand(["run.sh"], around(cwd))).detail.hint).toContain("./run.sh");
  });
  test("a folder is no command, and the script in it is named", () => {
    const cwd = folderWith("other.py", "train.py");
    mkdirSync(join(cwd, "net"));
    for (const word of [".", "..", "net", "./net", cwd]) {
      const error = thrown(() => understand([word], around(cwd)));
      expect([error.code, error.message]).toEqual(["not_found", expect.stringContaining("is a folder")]);
    }
    expect(thrown(() => understand(["."], around(cwd))).detail.hint).toContain("`ml queue train.py`");
  });
  test("[I1] an empty command is refused", () => expect(thrown(() => understand([], around("/"))).code).toBe("usage"));
});

describe("wishes", () => {
  test("units are converted and defaults come from the settings", () => {
    const wishes = wishesOf(
      { ...noFlags, ram: "16G", maxRuntime: "90m", grace: "5s" },
      { settings: { ...defaults, priority: 7 }, env: {} },
    );
    expect(wishes).toMatchObject({
      priority: 7,
      grace_seconds: 5,
      requested: { ram_gb: 16, max_runtime_hours: 1.5, gpus: 0 },
    });
  });
  test("tags split at commas, each once", () => expect(splitTags(["a,b", " b ", "c,"])).toEqual(["a", "b", "c"]));
  test("a variable without a value forwards ours, or is refused where it is not set", () => {
    expect(readVariables(["A=1=2", "B"], { B: "x" })).toEqual({ A: "1=2", B: "x" });
    expect(thrown(() => readVariables(["C"], {})).message).toContain("not set here");
    expect(thrown(() => readVariables(["1=2"], {})).code).toBe("usage");
  });
  test("[I2] a text beyond 64 KiB is refused by name", () => {
    for (const expect_ of ["", " \t"]) {
      const nothing = thrown(() => wishesOf({ ...noFlags, expect: expect_ }, { settings: defaults, env: {} }));
      expect([nothing.code, nothing.message]).toEqual(["usage", "`--expect` was given nothing to expect"]);
    }
    const error = thrown(() => wishesOf({ ...noFlags, note: "é".repeat(40_000) }, { settings: defaults, env: {} }));
    expect(error.message).toContain("--note");
  });
});

describe("a batch file", () => {
  const plan = (text: string, cwd: string) =>
    planBatch(parseBatch(text, "runs.txt"), { ...noFlags, tag: ["all"] }, { command, sources: sources(cwd) });

  test("a line is words with flags before the script, or JSON; the rest comes from the command line", () => {
    const cwd = folderWith("train.py");
    const runs = plan(
      '# a comment\n\n--name a --tag x train.py --name b\n{"command": "train.py --lr 1", "name": "c", "tags": ["y"], "requested": {"gpus": 2}}\n',
      cwd,
    );
    expect(runs.map((run) => run.argv)).toEqual([
      ["python3", "train.py"],
      ["python3", "train.py", "--lr", "1"],
    ]);
    expect(runs.map((run) => [run.wishes.name, run.wishes.tags])).toEqual([
      ["b", ["all", "x"]],
      ["c", ["all", "y"]],
    ]);
    expect(runs[1]?.wishes.requested).toMatchObject({ gpus: 2, cpu_cores: 1 });
  });
  test("errors name file and line", () => {
    const cwd = folderWith("train.py");
    expect(thrown(() => plan("train.py\n'open\n", cwd)).message).toStartWith("runs.txt:2: ");
    expect(thrown(() => plan("train.py\ntran.py\n", cwd)).message).toStartWith("runs.txt:2: ");
    expect(thrown(() => plan('{"command": "train.py", "nmae": "x"}', cwd)).detail.hint).toContain("`name`");
    expect(thrown(() => plan('{"command": "train.py", "priority": "x"}', cwd)).message).toContain("a number");
    expect(thrown(() => plan("--follow train.py", cwd)).message).toContain("--follow");
    expect(thrown(() => plan("{nonsense", cwd)).message).toStartWith("runs.txt:1: ");
  });
  test("[I3] a byte order mark and CRLF are no part of the words", () => {
    const cwd = folderWith("train.py");
    expect(plan("\ufefftrain.py a\r\ntrain.py b\r\n", cwd).map((run) => run.argv.at(-1))).toEqual(["a", "b"]);
  });
  test("batches hold at most 250 runs and fit a frame; a run that fits none is refused", () => {
    const cwd = folderWith("train.py");
    const runs = plan("train.py\n".repeat(600), cwd);
    expect(batchesOf(specsOf(runs, null)).map((batch) => batch.length)).toEqual([250, 250, 100]);
    const big = runs.slice(0, 3).map((run) => ({ ...run, argv: ["x", "y".repeat(600_000)] }));
    expect(batchesOf(specsOf(big, null)).map((batch) => batch.length)).toEqual([1, 1, 1]);
    expect(thrown(() => batchesOf(specsOf([{ ...runs[0]!, argv: ["x".repeat(2_000_000)] }], null))).code).toBe(
      "too_large",
    );
  });
});
