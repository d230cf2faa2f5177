/** Which files of the code an environment is built from, and what is refused because many runs share it. */
import { beforeEach, expect, test } from "bun:test";
import { storeBlob } from "../../../src/run/objects.ts";
import { type BasePaths, basePaths } from "../../../src/run/paths.ts";
import type { Snapshot } from "../../../src/run/snapshot.ts";
import { prepareBase } from "../../../src/run/store.ts";
import { lockFiles, lockSum, makerOf } from "../../../src/run/venv-lock.ts";
import { blobHash } from "../../../src/transfer/blob-hash.ts";
import { tempFolder } from "../../support/temp.ts";

let base: BasePaths;
beforeEach(() => {
  base = basePaths(tempFolder());
  prepareBase(base);
});

async function snapshotOf(texts: Record<string, string>): Promise<Snapshot> {
  const files = Object.entries(texts).map(([path, text]) => ({
    ...{ path, kind: "file" as const, size: Buffer.byteLength(text), hash: blobHash(text) },
  }));
  for (const [at, text] of Object.values(texts).entries())
    await storeBlob(base, Buffer.from(text), files[at]?.hash ?? "");
  return { version: 1, files };
}

const pathsOf = async (texts: Record<string, string>, lock: string, cwd = ".") =>
  lockFiles(base, await snapshotOf(texts), { lock, cwd }).map(({ path }) => path);

test("a requirements file with all that it includes, from the folder in which the run starts", async () => {
  const texts = {
    "app/requirements.txt":
      "six==1.17.0  # -r not-this.txt\n-r more/dev.txt\n--constraint=../limits.txt\n-r https://x/y.txt\n",
    "app/more/dev.txt": "-rbase.txt\nidna \\\n  ==3.0\n-e git+https://x/y#egg=y\n",
    "app/more/base.txt": "--index-url https://pypi.example/simple\nattrs\n-r dev.txt\n",
    "limits.txt": "attrs<99\n",
    "other.txt": "numpy\n",
  };
  const found = ["app/more/base.txt", "app/more/dev.txt", "app/requirements.txt", "limits.txt"];
  expect(await pathsOf(texts, "requirements.txt", "app")).toEqual(found);
  expect(await pathsOf(texts, "./app/requirements.txt")).toEqual(found);
});

test("a uv.lock with what uv reads beside it, and nothing else of the code", async () => {
  const texts = {
    "uv.lock": 'name = "me"\nsource = { virtual = "." }\n',
    ...{
      "pyproject.toml": "",
      ".python-version": "3.12\n",
      "packages/a/pyproject.toml": "",
      "train.py": "",
      "x/uv.lock": "",
    },
  };
  expect(await pathsOf(texts, "uv.lock")).toEqual([
    ".python-version",
    "packages/a/pyproject.toml",
    "pyproject.toml",
    "uv.lock",
  ]);
});

test("the sum changes with a name or a content, and with nothing else of the code", async () => {
  const sum = async (texts: Record<string, string>) =>
    lockSum(lockFiles(base, await snapshotOf(texts), { lock: "requirements.txt", cwd: "." }));
  const one = await sum({ "requirements.txt": "six\n", "train.py": "1" });
  expect(await sum({ "requirements.txt": "six\n", "train.py": "2" })).toBe(one);
  expect(await sum({ "requirements.txt": "six\nidna\n" })).not.toBe(one);
});

test.each([
  ["-e .\n", "`-e .` in it is code that lies beside it"],
  ["--editable=../mine\n", "`--editable=../mine` in it"],
  ["./wheels/a.whl\n", "`./wheels/a.whl` in it"],
  ["mine @ file:///home/me/mine\n", "in it is code that lies beside it"],
  ["-r gone.txt\n", "`gone.txt` is not in the code"],
  ["-r ../../etc/passwd\n", "`../../etc/passwd` is not in the code"],
])("%j is refused, saying what and what to do", async (text, why) => {
  const refused = await pathsOf({ "requirements.txt": text }, "requirements.txt").catch((cause) => cause);
  expect(refused).toMatchObject({ code: "refused", detail: { hint: expect.any(String) } });
  expect(refused.message).toStartWith("no environment can be built from `requirements.txt`: ");
  expect(refused.message).toContain(why);
});

test("what is no lock, is not there, lies outside, or has a package in a folder is refused", async () => {
  const texts = {
    "train.py": "",
    "uv.lock": 'source = { directory = "../lib" }\n',
    "pyproject.toml": "",
    "x/uv.lock": "",
  };
  const why = async (lock: string) => String(await pathsOf(texts, lock).catch(({ message }) => message));
  expect(await why("train.py")).toContain("it is neither a uv.lock nor a requirements file");
  expect(await why("requirements.txt")).toContain("`requirements.txt` is not in the code");
  expect(await why("../requirements.txt")).toContain("it is outside of the code");
  expect(await why("uv.lock")).toContain('it takes a package from a folder (`source = { directory = "../lib" }`)');
  expect(await why("x/uv.lock")).toContain("`x/pyproject.toml` is not in the code");
});

test("an environment is made by the run's own Python, else by python3", () => {
  expect(["python3.12", "/opt/py/bin/python", "torchrun", "sh"].map((program) => makerOf([program, "x"]))).toEqual([
    ...["python3.12", "/opt/py/bin/python", "python3", "python3"],
  ]);
});
