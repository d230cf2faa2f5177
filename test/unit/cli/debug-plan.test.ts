/** How a command is put under a debugger, and what gets a shell instead. */
import { describe, expect, test } from "bun:test";
import { type DebugWish, debugPlan, failingLine, shellArgv } from "../../../src/cli/debug-plan.ts";
import { shellWords } from "../../../src/core/shell-words.ts";

const failing = { path: "pkg/model.py", line: 4, below: 3, script: "train.py" };
const wish: DebugWish = { failing, cwd: ".", work: "/tmp/s/work", breaks: false, fromStart: false };
const line = (command: string, more: Partial<DebugWish> = {}) => {
  const plan = debugPlan(shellWords(command), { ...wish, ...more });
  return plan.how === "pdb" ? plan.argv.join(" ") : plan.why;
};

const traceback = `Traceback (most recent call last):
  File "/base/runs/r/work/train.py", line 7, in <module>
    main()
  File "/base/runs/r/work/pkg/model.py", line 4, in step
    return json.loads("{bad")
  File "/usr/lib/python3.11/json/__init__.py", line 346, in loads
    return _default_decoder.decode(s)
  File "/base/runs/r/work/.venv/lib/python3.11/site-packages/x.py", line 3, in y
    z()
  File "<frozen importlib._bootstrap>", line 241, in _call
json.decoder.JSONDecodeError: Expecting property name
`;

describe("the line that failed", () => {
  test("is the innermost one of the run's own code, with the frames of libraries below it counted", () => {
    expect(failingLine(traceback, "/base/runs/r")).toEqual(failing);
  });

  test("is not known without a traceback, and with one of libraries alone", () => {
    expect(failingLine(null, "/base/runs/r")).toBeNull();
    expect(failingLine(traceback, "/base/runs/other")).toBeNull();
  });

  test("may be named from the folder in which an old Python was started", () => {
    expect(failingLine('  File "train.py", line 2, in <module>', "/base/runs/r")?.path).toBe("train.py");
  });
});

describe("under pdb", () => {
  test("a script goes on to its exception, and up to the line of its own code", () => {
    expect(line("python3 train.py --lr 3e-4")).toBe("python3 -m pdb -c continue -c up 3 train.py --lr 3e-4");
  });

  test("options of the interpreter stay before it", () => {
    expect(line("/v/bin/python3.11 -u -X dev -Wignore -OO train.py -c x")).toBe(
      "/v/bin/python3.11 -u -X dev -Wignore -OO -m pdb -c continue -c up 3 train.py -c x",
    );
  });

  test("a module stays a module, also behind other options in one word", () => {
    expect(line("python -m pkg.train --x 1")).toBe("python -m pdb -c continue -c up 3 -m pkg.train --x 1");
    expect(line("python -um pkg.train")).toBe("python -u -m pdb -c continue -c up 3 -m pkg.train");
  });

  test("a breakpoint stands on the failing line, by its path or as seen from the script", () => {
    expect(line("python a.py", { breaks: true })).toBe(
      "python -m pdb -c break /tmp/s/work/pkg/model.py:4 -c continue a.py",
    );
    expect(line("python src/a.py", { breaks: true, work: null })).toContain("break ../pkg/model.py:4");
    expect(line("python -m a", { breaks: true, work: null, cwd: "pkg" })).toContain("break model.py:4");
  });

  test("without a traceback, and where that is asked for, it stops before the first line", () => {
    expect(line("python a.py", { failing: null })).toBe("python -m pdb a.py");
    expect(line("python a.py", { fromStart: true })).toBe("python -m pdb a.py");
  });

  test("what starts an interpreter and steps aside stays around it", () => {
    expect(line("uv run --with x python a.py")).toBe("uv run --with x python -m pdb -c continue -c up 3 a.py");
    expect(line("uv run a.py b")).toBe("uv run python -m pdb -c continue -c up 3 a.py b");
    expect(line("conda run -n e python a.py")).toStartWith("conda run --no-capture-output -n e python -m pdb");
    expect(line("env A=1 python3 a.py")).toStartWith("env A=1 python3 -m pdb");
  });
});

describe("a shell", () => {
  test.each([
    ["torchrun --nproc-per-node 2 train.py", "`torchrun` starts processes of its own"],
    ["accelerate launch train.py", "`accelerate` starts processes of its own"],
    ["python -m torch.distributed.run train.py", "`torch.distributed.run` starts processes of its own"],
    ["python -c 'print(1)'", "`-c`"],
    ["python -", "no script"],
    ["sh train.sh", "`sh` is no Python"],
    ["./train", "`train` is no Python"],
    ["python -m pdb train.py", "pdb already"],
  ])("is what `%s` gets, and why", (command, why) => {
    expect(line(command)).toContain(why);
  });

  test("on the worker's terminal says what to type, word for word", () => {
    const argv = shellArgv({ argv: ["sh", "it's.sh"], why: "`sh` is no Python" });
    const ran = Bun.spawnSync({ cmd: argv, env: { SHELL: "/bin/true" } });
    expect(ran.stdout.toString()).toBe("a shell, because `sh` is no Python\nthe command was: sh 'it'\\''s.sh'\n");
  });
});
