/** What a run really read (`--trace-reads`): by strace where it is there, else by looking; datasets that nobody named. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import type { Manifest } from "../../src/run/manifest.ts";
import { matchReads } from "../../src/worker/reads.ts";
import { type Bench, openBench } from "../support/queued-run.ts";
import { registerFolder } from "../support/registered.ts";
import { needs } from "../support/require.ts";
import { tempFolder, until } from "../support/temp.ts";

let bench: Bench;
let nas = "";
beforeEach(() => {
  bench = openBench();
  nas = tempFolder();
  for (const name of ["a", "b c", "ä"]) fs.writeFileSync(join(nas, name), name);
});
afterEach(() => bench.close());

const traced = { launch: { trace_reads: true } } as Partial<Manifest>;
/** With a `strace` that can trace nothing, as in many containers. */
function withoutStrace(): Record<string, string> {
  const bin = tempFolder();
  fs.writeFileSync(join(bin, "strace"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  return { ...(process.env as Record<string, string>), PATH: `${bin}:${process.env.PATH}` };
}

test("what was open at some look is told with the looks, and that it is no more than that", async () => {
  await bench.work({ env: withoutStrace() });
  await registerFolder(bench.base, "letters", nas);
  const go = join(tempFolder(), "go");
  const wait = `exec 3< "$1/a"; until [ -e ${go} ]; do sleep 0.02; done`;
  const paths = await bench.submit({ argv: ["sh", "-c", wait, "sh", nas], manifest: traced });
  await until("a second look", () => fs.existsSync(paths.samples) || bench.manifest(paths).status === "running");
  await until("a row", () => fs.existsSync(paths.samples));
  fs.writeFileSync(go, "");
  const { reads, remarks } = await bench.sealed(paths);
  expect(reads).toMatchObject({ how: "samples", datasets: [{ name: "letters", files: 1, named: false }] });
  expect(reads?.looks).toBeGreaterThanOrEqual(reads?.datasets[0]?.looks ?? Number.POSITIVE_INFINITY);
  expect(remarks).toEqual([
    "it read a file of dataset letters (version 1), which it was not queued with: `--data letters` keeps that in its record",
  ]);
  expect(fs.readFileSync(join(paths.env, "reads.tsv"), "utf8")).toMatch(
    new RegExp(`^# samples \\d+\\n\\d+\\t${nas}/a\n$`),
  );
});

describe("with strace", () => {
  needs("strace")(
    "every file is told, however short it was open, by any process, and through links; the script ends as it would",
    async () => {
      await bench.work();
      const use = await registerFolder(bench.base, "letters", nas);
      const link = join(tempFolder(), "link");
      fs.symlinkSync(nas, link);
      const script = 'cat "$1/a" "$1/b c" "$1/ä"; echo x > "$1/new"; echo done; exit 7';
      const paths = await bench.submit({ argv: ["sh", "-c", script, "sh", link], manifest: traced });
      const { reads, exit_code, remarks } = await bench.sealed(paths);
      expect(fs.readFileSync(paths.outputLog, "utf8")).toBe("ab cädone\n");
      expect(exit_code).toBe(7);
      expect(reads).toMatchObject({
        how: "strace",
        looks: null,
        datasets: [{ name: "letters", files: 3, looks: null }],
      });
      expect(remarks.join()).toContain("it read 3 files of dataset letters");
      expect(fs.readFileSync(join(paths.env, "reads.tsv"), "utf8")).toContain(`-\t${nas}/ä\n`);
      expect(fs.readFileSync(paths.sums, "utf8")).toContain("env/reads.tsv");

      const named = await bench.submit({
        argv: ["cat", "{data:letters}/a"],
        manifest: { ...traced, datasets: [use] } as never,
      });
      const told = await bench.sealed(named);
      expect(told.reads?.datasets).toMatchObject([{ name: "letters", files: 1, named: true }]);
      expect(told.remarks.join()).not.toContain("not queued with");
    },
  );

  needs("strace")("a script that is stopped, or not there, ends as without it", async () => {
    await bench.work();
    const killed = await bench.submit({ argv: ["sh", "-c", "kill -9 $$"], manifest: traced });
    expect((await bench.sealed(killed)).signal).toBe("SIGKILL");
    const missing = await bench.submit({ argv: ["no-such-program"], manifest: traced });
    expect((await bench.sealed(missing)).failure?.message).toContain("no-such-program");
  });
});

test("files belong to a dataset by whole names of folders", () => {
  const place = { name: "a", version: "1", path: "/nas/a", folders: ["/nas/a", "/mnt/1/a"], named: true };
  const files = new Map<string, number | null>([
    ["/nas/a/x", 3],
    ["/mnt/1/a/y", 5],
    ["/nas/ab/x", 9],
  ]);
  expect(matchReads(files, [place])).toMatchObject([{ files: 2, looks: 5 }]);
  expect(matchReads(new Map([["/nas/ab/x", null]]), [place])).toEqual([]);
});
