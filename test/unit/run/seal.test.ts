/** Finding artifacts and sealing, without any process of ours around. */
import { describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { discoverArtifacts, hashFile, walkFiles } from "../../../src/run/artifacts.ts";
import { runPaths } from "../../../src/run/paths.ts";
import { sealRun } from "../../../src/run/seal.ts";
import type { Snapshot } from "../../../src/run/snapshot.ts";
import { parseSumLine, sumLine } from "../../../src/run/sum-line.ts";
import { needs } from "../../support/require.ts";
import { tempFolder, until } from "../../support/temp.ts";

const sha256 = (text: string | Uint8Array) => new Bun.CryptoHasher("sha256").update(text).digest("hex");
const now = "2026-11-23T00:00:00.000Z";

function runFolder() {
  const paths = runPaths(tempFolder(), "2026-11-23_abcdef");
  fs.mkdirSync(paths.private, { recursive: true });
  fs.mkdirSync(paths.work);
  return paths;
}

test("a line of SHA256SUMS and its path are the same thing, whatever the name", () => {
  const name = fc.string({ unit: "binary", minLength: 1 }).filter((text) => !text.includes("\0"));
  fc.assert(
    fc.property(name, (path) => {
      expect(parseSumLine(sumLine(path, sha256(path)).slice(0, -1))).toEqual({ path, sha256: sha256(path) });
    }),
  );
});

needs("sha256sum")("sums are written as sha256sum writes them", () => {
  const folder = tempFolder();
  for (const name of ["plain", "sp ace", "back\\slash", "new\nline", "ret\rurn", "\\n", "é"]) {
    fs.writeFileSync(join(folder, name), name);
    const theirs = Bun.spawnSync(["sha256sum", "--", name], { cwd: folder }).stdout.toString();
    expect(sumLine(name, sha256(name))).toBe(theirs);
  }
});

describe("artifacts", () => {
  test("new and changed files are artifacts; sent ones and byte code are not", async () => {
    const { work } = runFolder();
    const file = (path: string, text: string) => ({
      path,
      kind: "file" as const,
      size: text.length,
      hash: sha256(text),
    });
    const snapshot: Snapshot = { version: 1, files: [file("same", "x"), file("changed", "old"), file("gone", "y")] };
    fs.mkdirSync(join(work, "__pycache__"));
    for (const [path, text] of Object.entries({ same: "x", changed: "new", fresh: "z", "__pycache__/a.pyc": "p" })) {
      fs.writeFileSync(join(work, path), text);
    }
    const { artifacts } = await discoverArtifacts(work, { snapshot, now });
    expect(artifacts.files).toMatchObject([
      { path: "changed", size_bytes: 3, sha256: sha256("new") },
      { path: "fresh", size_bytes: 1, sha256: sha256("z") },
    ]);
    expect(artifacts).toMatchObject({ total_size_bytes: 4, not_listed: 0, discovery_time: now });
  });

  test("a file is taken for untouched only with the inode, size and change time of its laying out, all before the start", async () => {
    const { work } = runFolder();
    const names = ["kept", "written", "replaced", "late", "unknown"];
    for (const name of names) fs.writeFileSync(join(work, name), "true");
    const stateOf = (name: string) => {
      const { ino, ctimeMs, size } = fs.statSync(join(work, name));
      return { ino, ctimeMs, sizeBytes: size };
    };
    const laidOut = new Map(names.slice(0, 4).map((name) => [name, stateOf(name)]));
    const beforeMs = Math.max(...[...laidOut.values()].map((file) => file.ctimeMs)) + 1;
    await until("the clock of the file system to go on", () => {
      fs.writeFileSync(join(work, "written"), "lies");
      return fs.statSync(join(work, "written")).ctimeMs > beforeMs;
    });
    fs.utimesSync(join(work, "written"), new Date(0), new Date(0));
    fs.writeFileSync(join(work, "late"), "lies");
    laidOut.set("late", stateOf("late"));
    fs.writeFileSync(join(work, "new"), "lies");
    fs.renameSync(join(work, "new"), join(work, "replaced"));
    // A hash that fits no content shows which files were not read.
    const files = names.map((path) => ({ path, kind: "file" as const, size: 4, hash: sha256("as sent") }));
    const untouched = { laidOut, beforeMs };
    const { artifacts, hashes } = await discoverArtifacts(work, { snapshot: { version: 1, files }, now, untouched });
    expect(artifacts.files.map(({ path }) => path)).toEqual(["late", "replaced", "unknown", "written"]);
    expect(hashes.get("kept")?.sha256).toBe(sha256("as sent"));
    expect(hashes.get("written")?.sha256).toBe(sha256("lies"));
  });

  test("[D13] the list is bounded and says how many it leaves out; a loop of links ends", async () => {
    const { work } = runFolder();
    for (let at = 0; at < 50; at += 1) fs.writeFileSync(join(work, `f${String(at).padStart(2, "0")}`), "");
    fs.mkdirSync(join(work, "a"));
    fs.symlinkSync("..", join(work, "a", "up"));
    fs.symlinkSync(".", join(work, "self"));
    const { artifacts } = await discoverArtifacts(work, { snapshot: null, now, limit: 10 });
    expect([artifacts.files.length, artifacts.not_listed]).toEqual([10, 42]);
  });

  test("[D14] a file that is written while it is read is read twice and then marked", async () => {
    const path = join(tempFolder(), "growing");
    fs.writeFileSync(path, Buffer.alloc(40_000_000));
    const quiet = await hashFile(path);
    expect(quiet).toEqual({ sha256: sha256(Buffer.alloc(40_000_000)), changedWhileReading: false });
    const writer = setInterval(() => fs.appendFileSync(path, "x"), 1);
    const busy = await hashFile(path);
    clearInterval(writer);
    expect(busy?.changedWhileReading).toBe(true);
  });

  test("pipes and sockets are never opened", async () => {
    const { work } = runFolder();
    Bun.spawnSync(["mkfifo", join(work, "pipe")]);
    expect(walkFiles(work)).toMatchObject([{ path: "pipe", kind: "other" }]);
    expect((await discoverArtifacts(work, { snapshot: null, now })).artifacts.files).toEqual([]);
    expect(await hashFile(join(work, "pipe"))).toBeNull();
  });
});

describe("sealing", () => {
  test("covers logs, metrics, env and work, takes write permission, and happens once", async () => {
    const paths = runFolder();
    fs.mkdirSync(paths.env);
    fs.writeFileSync(paths.outputLog, "log");
    fs.writeFileSync(paths.metrics, "{}\n");
    fs.writeFileSync(join(paths.env, "pip_freeze.txt"), "a==1");
    fs.writeFileSync(join(paths.work, "out"), "o", { mode: 0o755 });
    fs.writeFileSync(join(paths.folder, "history.jsonl"), "");
    const sealed = await sealRun(paths);
    expect([...sealed!.sums.keys()]).toEqual(["output.log", "metrics.jsonl", "env/pip_freeze.txt", "work/out"]);
    expect(fs.statSync(join(paths.work, "out")).mode & 0o777).toBe(0o555);
    expect(fs.statSync(join(paths.folder, "history.jsonl")).mode & 0o200).toBe(0o200);
    expect(await sealRun(paths)).toBeNull();
  });

  test("a seal that was interrupted begins again", async () => {
    const paths = runFolder();
    for (const name of ["a", "b"]) fs.writeFileSync(join(paths.work, name), name);
    fs.chmodSync(join(paths.work, "a"), 0o444);
    const interrupted = () => {
      throw new Error("cut off");
    };
    await expect(sealRun(paths, { beforeSums: interrupted })).rejects.toThrow("cut off");
    expect(fs.existsSync(paths.sums)).toBe(false);
    expect((await sealRun(paths))?.files).toBe(3);
  });

  test("a run without any output has an empty log, so that there is something to check", async () => {
    const paths = runFolder();
    await sealRun(paths);
    expect(fs.readFileSync(paths.sums, "utf8")).toBe(`${sha256("")}  output.log\n`);
  });
});
