/** Virtual environments of `--venv`: built while runs wait, shared, told of where they cannot be built. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { isSameProcess, type ProcessIdentity } from "../../src/core/process-identity.ts";
import { entryFromManifest } from "../../src/queue/entry.ts";
import { unusedVenv } from "../../src/run/manifest-data.ts";
import type { RunPaths } from "../../src/run/paths.ts";
import { venvWishSum, writeWishes } from "../../src/run/prewarm-wishes.ts";
import { changeManifest } from "../../src/run/store.ts";
import { lockFilesOf, lockSum } from "../../src/run/venv-lock.ts";
import { afterTest } from "../support/after-test.ts";
import { askToStop, type Bench, makeQueuedRun, openBench, put } from "../support/queued-run.ts";
import { tempFolder, until } from "../support/temp.ts";

const oneSlot = { slots: 1, cpuCores: 64, ramGb: 64, diskGb: null, cards: [] };
const who = ["python3", "-c", "import sys, os; print(sys.executable, os.environ['VIRTUAL_ENV'])"];

let bench: Bench;
beforeEach(() => {
  bench = openBench();
});
afterEach(() => bench.close());

const venvs = (more = {}) => ({
  venvs: { folder: join(bench.base.base, "venvs"), limitBytes: 1e9, longestMs: 60_000, ...more },
});
const venvsHome = () => join(bench.base.base, "venvs", "w1");

/** Not the shim of a version manager: through a link to it Python would not know where it is. */
const realPython = () => Bun.spawnSync(["python3", "-c", "import sys; print(sys.executable)"]).stdout.toString().trim();

/** PATH with a `uv` that makes an environment of links to the real Python, and installs by running `install`, with the list in `$list`. */
function withUv(install: string): Record<string, string> {
  const bin = tempFolder();
  const make = (folder: string) =>
    `mkdir -p "${folder}/bin" "${folder}/lib" && ln -s ${realPython()} "${folder}/bin/python" && touch "${folder}/pyvenv.cfg"`;
  const body = [
    "#!/bin/sh",
    'case "$1 $2" in',
    '"--version "*) echo "uv 0.0.1 (a stand-in)" ;;',
    `"venv --quiet") ${make("$5")} ;;`,
    `"pip install") list=$6; ${install} ;;`,
    `"sync --frozen") shift 2; echo "synced: $*"; list=uv.lock; ${make("$UV_PROJECT_ENVIRONMENT")}; ${install} ;;`,
    "*) exit 9 ;;",
    "esac",
  ];
  fs.writeFileSync(join(bin, "uv"), `${body.join("\n")}\n`, { mode: 0o755 });
  return { ...(process.env as Record<string, string>), PATH: `${bin}:${process.env.PATH}` };
}

interface Asking {
  files: Record<string, string>;
  lock?: string;
  argv?: readonly string[];
  launch?: object;
}

/** A run with an environment, as the server would have queued it. */
async function submit({ files, lock = "requirements.txt", argv = who, launch = {} }: Asking): Promise<RunPaths> {
  const made = await makeQueuedRun(bench.base, { argv, files, manifest: { launch } as never });
  const queued = changeManifest(bench.base.run(made.run_id), (now) => {
    now.environment.venv = unusedVenv({ lock, lock_sha256: "" });
    now.environment.venv.lock_sha256 = lockSum(lockFilesOf(bench.base, now));
    return true;
  });
  await bench.queue.add([entryFromManifest(queued)]);
  return bench.base.run(made.run_id);
}

/** Takes the one slot until `go` is called. */
async function inTheWay() {
  const go = join(tempFolder(), "go");
  await bench.submit({ argv: ["sh", "-c", `until [ -e ${go} ]; do sleep 0.02; done`] });
  return () => fs.writeFileSync(go, "");
}

describe("an environment is built", () => {
  test("while its run waits, in the order of the plan; the run finds it first on its PATH and says that it was a hit", async () => {
    const worker = await bench.work({ ...venvs(), capacity: oneSlot, env: withUv('cat "$list"') });
    const go = await inTheWay();
    const first = await submit({ files: { "requirements.txt": "six==1.17.0\n-r more.txt\n", "more.txt": "idna\n" } });
    const second = await submit({ files: { "requirements.txt": "attrs\n" } });
    worker.poke();
    await until("both", () => worker.state().venvs?.built.length === 2);
    expect(worker.state().venvs).toMatchObject({ needed: 2, warm: 2, building: [], failed: [] });
    const built = worker.state().venvs?.built.map(({ next_run }) => next_run);
    expect(built).toEqual([first.runId, second.runId]);
    go();
    const { environment, status } = await bench.sealed(first);
    const { venv } = environment;
    expect(status).toBe("completed");
    expect(venv).toMatchObject({ built_via: "prewarm", waited_seconds: 0, tool: "uv 0.0.1 (a stand-in)" });
    expect(venv?.time_saved_seconds).toBe(venv?.build_seconds ?? Number.NaN);
    expect(fs.readFileSync(first.outputLog, "utf8")).toBe(`${venv?.folder}/bin/python ${venv?.folder}\n`);
    expect(fs.readFileSync(join(first.env, "venv-build.log"), "utf8")).toContain("six==1.17.0");
    expect(fs.readFileSync(first.sums, "utf8")).toContain("env/venv-build.log");
    await bench.sealed(second);
  });

  test("once for runs with the same lock, whatever their code; another lock is another environment", async () => {
    const worker = await bench.work({ ...venvs(), env: withUv("true") });
    const same = { "requirements.txt": "six\n" };
    const one = await bench.sealed(await submit({ files: { ...same, "a.py": "1" } }));
    expect(one.environment.venv).toMatchObject({ built_via: "on_demand" });
    expect(one.environment.venv?.waited_seconds).toBeGreaterThan(0);
    const two = await bench.sealed(await submit({ files: { ...same, "a.py": "2" } }));
    expect(two.environment.venv).toMatchObject({ built_via: "prewarm", key: one.environment.venv?.key });
    const three = await bench.sealed(await submit({ files: { "requirements.txt": "six # but\nidna\n" } }));
    expect(three.environment.venv?.key).not.toBe(one.environment.venv?.key);
    expect(worker.state().venvs?.built).toMatchObject([{ hits: 2 }, { hits: 1 }]);
  });

  test("from uv.lock without the project itself, and nobody writes to it", async () => {
    await bench.work({ ...venvs(), env: withUv("true") });
    const files = { "uv.lock": "version = 1\n", "pyproject.toml": "[project]\n", "packages/a/pyproject.toml": "" };
    const paths = await submit({ files, lock: "uv.lock", argv: ["sh", "-c", 'ls -ld "$VIRTUAL_ENV/lib"'] });
    expect((await bench.sealed(paths)).status).toBe("completed");
    expect(fs.readFileSync(paths.outputLog, "utf8")).toStartWith("dr-xr-xr-x");
    const log = fs.readFileSync(join(paths.env, "venv-build.log"), "utf8");
    expect(log).toContain("synced: --no-install-project --no-install-workspace --compile-bytecode");
  });

  test("by whichever of uv and pip is there, really, and its packages can be imported", async () => {
    const wheels = tempFolder();
    const make = `import zipfile,sys
with zipfile.ZipFile(sys.argv[1]+"/tinypkg-1.0-py3-none-any.whl","w") as z:
  z.writestr("tinypkg.py","word='installed'")
  z.writestr("tinypkg-1.0.dist-info/METADATA","Metadata-Version: 2.1\\nName: tinypkg\\nVersion: 1.0\\n")
  z.writestr("tinypkg-1.0.dist-info/WHEEL","Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
  z.writestr("tinypkg-1.0.dist-info/RECORD","")`;
    expect(Bun.spawnSync(["python3", "-c", make, wheels]).exitCode).toBe(0);
    const offline = { PIP_NO_INDEX: "1", PIP_FIND_LINKS: wheels, UV_NO_INDEX: "1", UV_FIND_LINKS: wheels };
    const env = { ...process.env, ...offline } as Record<string, string>;
    await bench.work({ ...venvs(), env });
    const paths = await submit({
      files: { "requirements.txt": "tinypkg==1.0\n" },
      argv: ["python3", "-c", "import tinypkg; print(tinypkg.word)"],
    });
    const { environment, failure } = await bench.sealed(paths, 240_000);
    expect(failure).toBeNull();
    expect(fs.readFileSync(paths.outputLog, "utf8")).toBe("installed\n");
    expect(environment.venv?.tool).toMatch(/^(pip|uv) \d/);
    expect(environment.venv?.size_gb).toBeGreaterThan(0);
  }, 300_000);
});

describe("an environment that cannot be built", () => {
  test("fails its run before the script starts, in one sentence with what the build said, and no other run", async () => {
    await bench.work({ ...venvs(), env: withUv("echo 'error: no such package nosuch' >&2; exit 1") });
    const paths = await submit({ files: { "requirements.txt": "nosuch\n" } });
    const other = await bench.submit({ argv: ["true"] });
    const { failure, environment } = await bench.sealed(paths);
    expect(failure).toMatchObject({
      kind: "environment_error",
      message:
        "its environment from `requirements.txt` is not to be had: uv could not install the packages; error: no such package nosuch",
    });
    expect(failure?.hint).toContain("env/venv-build.log");
    expect(environment.venv).toMatchObject({ built_via: "failed", time_saved_seconds: null });
    expect(fs.readFileSync(join(paths.env, "venv-build.log"), "utf8")).toContain("no such package");
    expect((await bench.sealed(other)).status).toBe("completed");
    expect(fs.readdirSync(venvsHome()).filter((name) => !name.endsWith(".log"))).toEqual([]);
  });

  test("does not hold a run that somebody cancels meanwhile, and the build ends with it", async () => {
    const worker = await bench.work({ ...venvs(), env: withUv("sleep 60") });
    const paths = await submit({ files: { "requirements.txt": "slow\n" } });
    await until(
      "the build",
      () => fs.existsSync(venvsHome()) && fs.readdirSync(venvsHome()).some((n) => n.endsWith(".pid")),
    );
    askToStop(paths);
    worker.poke();
    expect((await bench.sealed(paths)).status).toBe("cancelled");
    await until("the end of the build", () => worker.state().venvs?.building.length === 0);
  });

  test("in its time is given up", async () => {
    await bench.work({ ...venvs({ longestMs: 300 }), env: withUv("sleep 60") });
    const paths = await submit({ files: { "requirements.txt": "slow\n" } });
    expect((await bench.sealed(paths)).failure?.message).toContain("its build took longer than");
  });
});

test("a run that asked to wait stays in the line while others go ahead, until it is built", async () => {
  const go = join(tempFolder(), "go");
  const worker = await bench.work({ ...venvs(), env: withUv(`until [ -e ${go} ]; do sleep 0.05; done`) });
  const waits = await submit({ files: { "requirements.txt": "six\n" }, launch: { data_policy: "wait" } });
  const other = await bench.submit({ argv: ["true"] });
  expect((await bench.sealed(other)).status).toBe("completed");
  await until("the build", () => worker.state().venvs?.building.length === 1);
  expect(bench.manifest(waits).status).toBe("queued");
  put(go, "");
  expect((await bench.sealed(waits)).environment.venv).toMatchObject({ built_via: "prewarm" });
});

test("what a quota has no room for goes and says why, unused longest first, never what is pinned, a run uses or needs sooner", async () => {
  const worker = await bench.work({
    ...venvs({ limitBytes: 3_500_000 }),
    env: withUv(
      'head -c 1500000 /dev/zero > "$5/../lib/x" 2>/dev/null; head -c 1500000 /dev/zero > "$(dirname "$(dirname "$4")")/lib/x"',
    ),
  });
  const keys: string[] = [];
  for (const name of ["a", "b", "c"]) {
    const { environment } = await bench.sealed(await submit({ files: { "requirements.txt": `${name}\n` } }));
    keys.push(environment.venv?.key ?? "");
    if (name === "a") {
      const wish = { name: "requirements.txt", version: "", checksum: venvWishSum(keys[0] ?? ""), by: "me", at: "" };
      writeWishes(bench.base.prewarm, [{ ...wish, pinned: true }]);
    }
  }
  await until("the eviction", () => worker.state().venvs?.evicted.length === 1);
  const facts = worker.state().venvs;
  expect(facts?.evicted).toMatchObject([{ key: keys[1], why: "no waiting run needs it, and it was unused longest" }]);
  expect(facts?.built).toMatchObject([
    { key: keys[0], pinned: true },
    { key: keys[2], pinned: false },
  ]);
  expect(facts?.built).toHaveLength(2);
  expect(facts?.used_bytes).toBeLessThanOrEqual(3_500_000);
  const folders = fs.readdirSync(venvsHome()).filter((name) => !name.includes("."));
  expect(folders.sort()).toEqual((facts?.built ?? []).map(({ key }) => key).sort());
});

test("[K1] what a killed worker was building is ended by the next one, and built anew", async () => {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "child.ts"), bench.base.base, "w1"], {
    env: { ...withUv("exec sleep 600.5"), ML_TEST_AHEAD: JSON.stringify(venvs()) },
    stdio: ["ignore", "ignore", "inherit"],
  });
  afterTest(() => child.kill("SIGKILL"));
  const paths = await submit({ files: { "requirements.txt": "six\n" } });
  const left = await until("the build", () => {
    if (!fs.existsSync(venvsHome())) return null;
    const pidFile = fs.readdirSync(venvsHome()).find((name) => name.endsWith(".pid"));
    const text = pidFile === undefined ? "" : fs.readFileSync(join(venvsHome(), pidFile), "utf8");
    return text === "" ? null : (JSON.parse(text) as ProcessIdentity);
  });
  child.kill("SIGKILL");
  await child.exited;
  expect(isSameProcess(left)).toBe(true);
  await bench.work({ ...venvs(), env: withUv("true") });
  const { environment, status } = await bench.sealed(paths);
  expect(status).toBe("completed");
  expect(environment.venv).toMatchObject({ built_via: expect.stringMatching(/^(prewarm|on_demand)$/) });
  expect(isSameProcess(left)).toBe(false);
});
