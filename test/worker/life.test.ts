/** The life of a run under a worker: real scripts, real supervisors, in temporary bases. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import * as fs from "node:fs";
import { type Bench, openBench } from "../support/queued-run.ts";

let bench: Bench;
beforeEach(() => {
  bench = openBench();
});
afterEach(async () => {
  await bench.close();
});

test("a script runs to its end and its folder is sealed", async () => {
  await bench.work();
  const paths = await bench.submit({
    argv: ["sh", "-c", "echo hello; echo out > made.txt"],
    files: { "a.py": "x = 1\n" },
  });
  const manifest = await bench.sealed(paths);
  expect(manifest).toMatchObject({ status: "completed", exit_code: 0, failure: null });
  expect(fs.readFileSync(paths.outputLog, "utf8")).toBe("hello\n");
  expect(manifest.artifacts?.files.map((file) => file.path)).toEqual(["made.txt"]);
});
