import { describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { listInside, openInside, streamRange } from "../../src/transfer/open-inside.ts";
import { tempFolder } from "../support/temp.ts";

/** A run folder beside something that must stay private. */
function arranged(): string {
  const top = tempFolder();
  const folder = join(top, "run");
  fs.mkdirSync(join(folder, "work/deep/er"), { recursive: true });
  fs.writeFileSync(join(top, "secret"), "private");
  fs.writeFileSync(join(folder, "output.log"), "0123456789");
  fs.writeFileSync(join(folder, "work/model.pt"), "weights");
  fs.writeFileSync(join(folder, "work/deep/er/x"), "x");
  return folder;
}
const read = async (folder: string, path: string) => new Response(streamRange(openInside(folder, path))).text();
const codeOf = (act: () => unknown) => {
  try {
    act();
    return "opened";
  } catch (cause) {
    return (cause as { code: string }).code;
  }
};
const openDescriptors = () => fs.readdirSync("/proc/self/fd").length;

describe("opening a file of a run folder", () => {
  test("files and links that stay inside open, whole or from an offset", async () => {
    const folder = arranged();
    fs.symlinkSync("model.pt", join(folder, "work/latest"));
    fs.symlinkSync("../work/./deep", join(folder, "work/around"));
    fs.symlinkSync("../../output.log", join(folder, "work/deep/log"));
    expect(await read(folder, "work/latest")).toBe("weights");
    expect(await read(folder, "work/around/er/x")).toBe("x");
    expect(await read(folder, "work/deep/log")).toBe("0123456789");
    const file = openInside(folder, "output.log");
    expect(file.sizeBytes).toBe(10);
    expect(await new Response(streamRange(file, { from: 3, to: 6 })).text()).toBe("345");
  });

  test.each([
    "../secret",
    "work/../../secret",
    "/etc/passwd",
    "work//model.pt",
    "./output.log",
    "work/",
    "",
    "output.log\0.txt",
    "..",
    "%2e%2e/secret",
    "work/%2e%2e%2f%2e%2e%2fsecret",
    "work/%2E%2E/../secret",
    "output.log%00",
  ])("[S3] %j is refused", (path) => {
    expect(codeOf(() => openInside(arranged(), path))).toBe("bad_path");
  });

  test.each([
    ["a link to an absolute path", "/etc/passwd", "work/l"],
    ["a link up and out", "../../secret", "work/l"],
    ["a folder that is a link out", "../..", "work/l/secret"],
    ["/proc", "/proc/self", "work/l/environ"],
    ["/proc as a file", "/proc/self/environ", "work/l"],
    ["a link to itself", "l", "work/l"],
  ])("[S3] %s is refused", (_, target, path) => {
    const folder = arranged();
    fs.symlinkSync(target, join(folder, "work/l"));
    expect(codeOf(() => openInside(folder, path))).toBe("bad_path");
  });

  test("[S3] links that only together lead out are refused", () => {
    const folder = arranged();
    fs.symlinkSync("../../..", join(folder, "work/deep/er/up"));
    fs.symlinkSync("deep/er/up/../secret", join(folder, "work/l"));
    expect(codeOf(() => openInside(folder, "work/l"))).toBe("bad_path");
    expect(codeOf(() => openInside(folder, "work/deep/er/up/output.log"))).toBe("opened");
  });

  test("[S3] a FIFO does not block, sockets and devices are not opened", () => {
    const folder = arranged();
    Bun.spawnSync(["mkfifo", join(folder, "work/pipe")]);
    const listener = Bun.listen({ unix: join(folder, "work/socket"), socket: { data() {} } });
    try {
      expect(codeOf(() => openInside(folder, "work/pipe"))).toBe("bad_path");
      expect(codeOf(() => openInside(folder, "work/socket"))).toBe("bad_path");
      expect(codeOf(() => openInside("/dev", "null"))).toBe("bad_path");
    } finally {
      listener.stop(true);
    }
  });

  test("what is not there, a folder, and a file taken for a folder have their own errors", () => {
    const folder = arranged();
    expect(codeOf(() => openInside(folder, "work/none"))).toBe("not_found");
    expect(codeOf(() => openInside(folder, "work/model.pt/x"))).toBe("not_found");
    expect(codeOf(() => openInside(folder, "work/100%.txt"))).toBe("not_found");
    expect(codeOf(() => openInside(folder, "work/deep"))).toBe("usage");
  });

  test("no descriptor stays open, whatever was asked and however it ended", async () => {
    const folder = arranged();
    fs.symlinkSync("../../secret", join(folder, "work/out"));
    const before = openDescriptors();
    for (const path of ["output.log", "work/out", "work/none", "work/deep", "../x", "work/model.pt/y"]) {
      await read(folder, path).catch(() => {});
    }
    await streamRange(openInside(folder, "output.log")).cancel();
    await listInside(folder, "", { recursive: true });
    expect(openDescriptors()).toBe(before);
  });
});

describe("listing a run folder", () => {
  test("folders first, links as links, and nothing behind them", async () => {
    const folder = arranged();
    fs.symlinkSync("..", join(folder, "work/loop"));
    fs.symlinkSync("/etc", join(folder, "work/etc"));
    const { entries, truncated } = await listInside(folder, "", { recursive: true });
    expect(entries.map((entry) => [entry.path, entry.kind, entry.sizeBytes])).toEqual([
      ["work", "folder", 0],
      ["output.log", "file", 10],
      ["work/deep", "folder", 0],
      ["work/etc", "link", 4],
      ["work/loop", "link", 2],
      ["work/model.pt", "file", 7],
      ["work/deep/er", "folder", 0],
      ["work/deep/er/x", "file", 1],
    ]);
    expect(truncated).toBeFalse();
    expect((await listInside(folder, "work/loop/work")).entries.map((entry) => entry.path)).toContain(
      "work/loop/work/deep",
    );
    await expect(listInside(folder, "work/etc")).rejects.toMatchObject({ code: "bad_path" });
    await expect(listInside(folder, "../")).rejects.toMatchObject({ code: "bad_path" });
    await expect(listInside(folder, "output.log")).rejects.toMatchObject({ code: "usage" });
  });

  test("[D13] a limit ends it, and says so", async () => {
    const folder = arranged();
    for (let n = 0; n < 30; n += 1) fs.writeFileSync(join(folder, `f${n}`), "");
    const { entries, truncated } = await listInside(folder, "", { recursive: true, limit: 12 });
    expect(entries).toHaveLength(12);
    expect(truncated).toBeTrue();
  });
});
