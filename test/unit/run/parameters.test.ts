/** Parameters of runs, from command lines in all usual forms and from config files named in them. */
import { expect, test } from "bun:test";
import { runParameters } from "../../../src/run/config-parameters.ts";
import { parameterValues, readCommand } from "../../../src/run/parameters.ts";

const valuesOf = (...argv: string[]) => parameterValues(readCommand(argv).parameters);

test("every usual form of an argument is a parameter", () => {
  expect(valuesOf("python", "train.py", "--lr", "3e-4", "--batch-size=64", "-j4", "-e", "10")).toEqual({
    ...{ lr: 3e-4, batch_size: 64, j: 4, e: 10 },
  });
  expect(valuesOf("python", "train.py", "--amp", "--no-shuffle", "--name", "a b", "-v")).toEqual({
    ...{ amp: true, shuffle: false, name: "a b", v: true },
  });
  expect(valuesOf("python", "-m", "lab.train", "optim.lr=1e-3", "+model.depth=50", "++seed=1", "on=true")).toEqual({
    ...{ "optim.lr": 1e-3, "model.depth": 50, seed: 1, on: true },
  });
  expect(valuesOf("./fit", "--offset", "-5", "--layers", "64", "128", "--tag", "a", "--tag", "b")).toEqual({
    ...{ offset: -5, layers: "64 128", tag: "a, b" },
  });
});

test("options of the launcher are not the script's", () => {
  const read = readCommand(["torchrun", "--nproc-per-node", "2", "src/train.py", "--lr", "1", "data.csv"]);
  expect(read.script).toBe("src/train.py");
  expect(parameterValues(read.parameters)).toEqual({ lr: 1 });
  expect(readCommand(["python", "train.py", "--debug", "--", "data.csv"]).positionals).toEqual([
    { text: "data.csv", at: 4 },
  ]);
  expect(readCommand(["python", "-m", "lab.train"]).script).toBe("lab.train");
});

test("a value that looks like a credential is not repeated", () => {
  expect(valuesOf("python", "train.py", "--api-key", "sk-123", "--lr", "1")).toEqual({ lr: 1 });
});

test("each parameter says where it stood and how it was written", () => {
  const [lr, layers] = readCommand(["python", "train.py", "--lr=1e-3", "--layers", "1", "2"]).parameters;
  expect(lr).toMatchObject({ at: 2, words: 1, form: "equals", text: "1e-3" });
  expect(layers).toMatchObject({ at: 3, words: 3, form: "spaced", text: "1 2" });
});

test("config files named in the arguments are read, and arguments win", () => {
  const files: Record<string, string> = {
    "exp/conf/base.yaml": "optim:\n  lr: 1e-3\n  name: adam\nseed: 1\nsecret_key: x\n",
    "exp/more.toml": "[data]\nworkers = 4\n",
    "exp/broken.json": "{",
  };
  const read = (path: string) => files[path] ?? null;
  const argv = ["python", "train.py", "--config", "conf/base.yaml", "more.toml", "broken.json", "seed=2"];
  const { values } = runParameters({ argv, cwd: "exp" }, read);
  expect(values).toMatchObject({ "optim.lr": 1e-3, "optim.name": "adam", seed: 2, "data.workers": 4 });
  expect(Object.keys(values)).not.toContain("secret_key");
  const hydra = runParameters({ argv: ["python", "exp/train.py", "--config-name", "base"], cwd: "." }, read);
  expect(hydra.values["optim.lr"]).toBe(1e-3);
});

test("no file outside of the snapshot is asked for", () => {
  const asked: string[] = [];
  const argv = ["python", "train.py", "--config", "../../etc/secret.yaml", "--other", "/etc/x.json"];
  runParameters({ argv, cwd: "." }, (path) => {
    asked.push(path);
    return null;
  });
  expect(asked).toEqual([]);
});
