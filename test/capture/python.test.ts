import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync, utimesSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { needs } from "../support/require.ts";
import { until } from "../support/temp.ts";
import { type Fixture, fixture } from "./fixture.ts";

/** A venv made by hand around a real interpreter, with packages of every kind that pip knows. */
function handMadeVenv(at: Fixture, python: string, version: string): string {
  const site = `venv/lib/python${version}/site-packages`;
  at.write("venv/pyvenv.cfg", `home = ${join(python, "..")}\ninclude-system-site-packages = false\n`);
  at.write("venv/bin/.keep", "");
  Bun.spawnSync(["ln", "-s", python, join(at.folder, "venv/bin/python")]);
  at.write(`${site}/PyYAML-6.0.dist-info/METADATA`, "Metadata-Version: 2.1\nName: PyYAML\nVersion: 6.0\n\nName: no\n");
  at.write(`${site}/numpy-1.26.4.dist-info/METADATA`, "Metadata-Version: 2.1\nName: numpy\nVersion: 1.26.4\n");
  at.write(`${site}/mine-0.1.dist-info/METADATA`, "Name: mine\nVersion: 0.1\n");
  at.write(
    `${site}/mine-0.1.dist-info/direct_url.json`,
    JSON.stringify({ url: "file:///src/mine", dir_info: { editable: true } }),
  );
  at.write(`${site}/repo-2.dist-info/METADATA`, "Name: repo\nVersion: 2\n");
  at.write(
    `${site}/repo-2.dist-info/direct_url.json`,
    JSON.stringify({ url: "https://u:hunter22@host/r", vcs_info: { vcs: "git", commit_id: "abc123" } }),
  );
  at.write(`${site}/old-3.egg-info/PKG-INFO`, "Name: old\nVersion: 3\n");
  at.write(`${site}/flat-4.egg-info`, "Name: flat\nVersion: 4\n");
  at.write(`${site}/linked.egg-link`, "/src/linked\n.\n");
  return join(at.folder, "venv/bin/python");
}

const expectedFreeze = [
  "flat==4",
  "linked @ file:///src/linked",
  "mine @ file:///src/mine",
  "numpy==1.26.4",
  "old==3",
  "PyYAML==6.0",
  "repo @ git+https://host/r@abc123",
  "",
].join("\n");

/** The system's own interpreter behind whatever stands first on PATH. */
function realPython(): { path: string; version: string } {
  const run = Bun.spawnSync(["python3", "-c", "import sys; print(sys.executable, '%d.%d' % sys.version_info[:2])"]);
  const [path = "", version = ""] = run.stdout.toString().trim().split(" ");
  return { path, version };
}

describe("the Python of a run", () => {
  needs("python3")("its version, its path and every kind of package, and no password from a URL", async () => {
    const at = fixture();
    const real = realPython();
    const python = handMadeVenv(at, real.path, real.version);
    const captured = await at.capture([python, "train.py"]);
    expect(captured.partial).toEqual(["system: no os-release file names the system"]);
    expect(captured.complete).toBe(true);
    expect(captured.environment.python_version).toStartWith(`${real.version}.`);
    expect(captured.environment.python_executable).toBe(python);
    expect(captured.environment.pip_freeze).toBe(expectedFreeze);
    const file = readFileSync(join(at.env, "pip_freeze.txt"));
    expect(file.toString()).toBe(expectedFreeze);
    expect(captured.environment.files?.["env/pip_freeze.txt"]).toBe(
      new Bun.CryptoHasher("sha256").update(file).digest("hex"),
    );
  });

  needs("python3")("the same packages as `pip freeze --all`", async () => {
    const at = fixture();
    const python = realPython().path;
    const env = { PATH: process.env.PATH ?? "", HOME: at.folder };
    const pip = Bun.spawnSync([python, "-m", "pip", "freeze", "--all"], { env, cwd: "/" });
    if (pip.exitCode !== 0) return console.log("SKIPPED comparing with pip: pip is not installed");
    const captured = await at.capture([python, "x.py"], { childEnv: env });
    const plain = (text: string) => text.split("\n").filter((line) => line.includes("=="));
    expect(plain(captured.environment.pip_freeze ?? "")).toEqual(plain(pip.stdout.toString()));
  });

  const versions = join(homedir(), ".pyenv/versions");
  const installed = existsSync(versions) ? readdirSync(versions).filter((name) => /^\d/.test(name)) : [];
  for (const version of installed) {
    test(`an installed Python ${version} tells its version and packages`, async () => {
      const captured = await fixture().capture([join(versions, version, "bin/python"), "x.py"]);
      expect(captured.environment.python_version).toBe(version);
      expect(captured.environment.pip_freeze).toMatch(/^pip==/m);
    });
  }

  test("the interpreter is started once, and again when it has changed", async () => {
    const at = fixture();
    const real = realPython();
    const python = handMadeVenv(at, real.path, real.version);
    const first = await at.capture([python, "x.py"]);
    const cached = readdirSync(join(at.folder, "cache")).map((name) => statSync(join(at.folder, "cache", name)).ino);
    const second = await at.capture([python, "x.py"]);
    const after = readdirSync(join(at.folder, "cache")).map((name) => statSync(join(at.folder, "cache", name)).ino);
    expect(second.environment.pip_freeze).toBe(first.environment.pip_freeze);
    expect(after).toEqual(cached);
    utimesSync(join(at.folder, "venv/pyvenv.cfg"), 1, 1);
    await at.capture([python, "x.py"]);
    const third = readdirSync(join(at.folder, "cache")).map((name) => statSync(join(at.folder, "cache", name)).ino);
    expect(third).not.toEqual(cached);
  });

  test("a package that is added is seen although the listing was cached", async () => {
    const at = fixture();
    const real = realPython();
    const python = handMadeVenv(at, real.path, real.version);
    const site = join(at.folder, `venv/lib/python${real.version}/site-packages`);
    Bun.spawnSync(["rm", join(site, "linked.egg-link")]);
    utimesSync(site, 1000, 1000);
    await at.capture([python, "x.py"]);
    at.write(`venv/lib/python${real.version}/site-packages/added-1.dist-info/METADATA`, "Name: added\nVersion: 1\n");
    const captured = await at.capture([python, "x.py"]);
    expect(captured.environment.pip_freeze).toContain("added==1\n");
  });

  test("[I9] a damaged package is left out, counted, and the others are listed", async () => {
    const at = fixture();
    const real = realPython();
    const python = handMadeVenv(at, real.path, real.version);
    at.write(`venv/lib/python${real.version}/site-packages/bad.egg-info/PKG-INFO`, "\0\0\0");
    const captured = await at.capture([python, "x.py"]);
    expect(captured.environment.pip_freeze).toBe(expectedFreeze);
    expect(captured.partial.join("\n")).toContain("1 damaged package in");
  });

  test("[I9] an interpreter that hangs costs no more than the budget, and is killed before sealing", async () => {
    const at = fixture();
    at.stub("python3", `echo $$ >"${at.folder}/pid"; sleep 600`);
    const stop = new AbortController();
    const captured = await at.capture(["python3", "x.py"], { budgetMs: 300, signal: stop.signal });
    expect(captured.complete).toBe(false);
    expect(captured.partial).toContain("python: not known yet");
    expect(captured.environment.kernel).toBeNull();
    const pidFile = join(at.folder, "pid");
    const pid = await until("the interpreter", () => existsSync(pidFile) && Number(readFileSync(pidFile, "utf8")));
    stop.abort();
    const all = await captured.rest;
    expect(all.partial.join("\n")).toMatch(/python: .*had not answered when the run was sealed/);
    const alive = () => existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, "utf8") !== "";
    await until("the interpreter's end", () => !alive());
    expect(existsSync(join(at.env, "hardware.json"))).toBe(true);
  });

  test("[I9] an interpreter that is missing, fails, or prints nonsense is named with the reason", async () => {
    const missing = await fixture().capture(["python9", "x.py"]);
    expect(missing.partial).toContain("python: `python9` was not found");
    const at = fixture();
    at.stub("python3", "echo no such module >&2; exit 7");
    const failing = await at.capture(["python3", "x.py"]);
    expect(failing.partial.join("\n")).toContain("python3` exited with 7: no such module");
    expect(failing.environment.python_executable).toBe(join(at.bin, "python3"));
    at.stub("python3", "echo hello");
    const nonsense = await at.capture(["python3", "x.py"]);
    expect(nonsense.environment.python_version).toBeUndefined();
    expect(nonsense.partial.join("\n")).toContain("exited with 0: hello");
  });

  test("[I9] an interpreter that floods its output is stopped", async () => {
    const at = fixture();
    at.stub("python3", "exec yes");
    const captured = await at.capture(["python3", "x.py"]);
    expect(captured.partial.join("\n")).toContain("python3`");
    expect(captured.environment.python_version).toBeUndefined();
  });
});

describe("which Python a command starts", () => {
  const versionStub = "printf '3.99.1\\0'\"$0\"'\\0/nowhere\\0lib\\0cpython\\0'";
  test.each([
    ["an env line", "#!/usr/bin/env -S python3 -u\nprint()\n", ["./run"]],
    ["a shell script that calls it", "#!/bin/sh\n# python2 no\nset -e\nexec python3 train.py\n", ["./run"]],
    ["a script given to sh", "cd x && python3 train.py\n", ["sh", "run"]],
    ["words given to sh -c", "", ["sh", "-c", "python3 train.py"]],
    ["a wrapper that is a program", "", ["nice", "-n", "5", "python3", "train.py"]],
  ])("%s", async (_name, script, argv) => {
    const at = fixture();
    const stub = at.stub("python3", versionStub);
    Bun.spawnSync(["chmod", "+x", at.write("work/run", script)]);
    const captured = await at.capture(argv);
    expect(captured.environment.python_executable).toBe(stub);
    expect(captured.environment.python_version).toBe("3.99.1");
  });

  test("a program that is no Python has none, and that is nothing missing", async () => {
    const captured = await fixture().capture(["/bin/true"]);
    expect(captured.environment.python_version).toBeUndefined();
    expect(captured.partial.filter((reason) => reason.startsWith("python"))).toEqual([]);
  });

  test("[I9] a launcher that picks the Python itself is said to", async () => {
    const captured = await fixture().capture(["uv", "run", "train.py"]);
    expect(captured.partial).toContain("python: `uv` picks the Python itself");
  });

  test("a pyenv shim is asked again when the version file of the code changes", async () => {
    const at = fixture();
    const shim = at.write(
      "pyenv/shims/python3",
      `#!/bin/sh\n# pyenv\nv=$(cat "$PYENV_DIR/.python-version")\nprintf '%s\\0/x/python\\0/x\\0lib\\0cpython\\0' "$v"\n`,
    );
    Bun.spawnSync(["chmod", "+x", shim]);
    at.write("work/.python-version", "3.50.1");
    expect((await at.capture([shim, "x.py"])).environment.python_version).toBe("3.50.1");
    at.write("work/.python-version", "3.50.2");
    expect((await at.capture([shim, "x.py"])).environment.python_version).toBe("3.50.2");
  });
});
