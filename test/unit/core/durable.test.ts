/**
 * Durable files against a simulated power cut: every operation is recorded with what was synced, and each prefix of the
 * record is replayed with everything unsynced lost. Whatever the moment, a reader finds the old content or the new.
 */
import { afterEach, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { basename, join } from "node:path";
import { appendDurable, createDurable, fileOps, writeDurable, writeDurableAside } from "../../../src/core/durable.ts";
import { parseJsonLines } from "../../../src/core/json-lines.ts";
import { tempFolder } from "../../support/temp.ts";

const realOps = { ...fileOps };
afterEach(() => Object.assign(fileOps, realOps));

interface Operation {
  kind: "open" | "write" | "fsync" | "rename" | "link" | "unlink";
  path: string;
  to?: string;
  data?: Uint8Array;
}

/** Records what durable writing does while `act` runs, by path instead of by descriptor. */
function record(act: () => void): Operation[] {
  const operations: Operation[] = [];
  const paths = new Map<number, string>();
  Object.assign(fileOps, {
    open: (path: string, flags: string, mode: number) => {
      const fd = realOps.open(path, flags, mode);
      paths.set(fd, path);
      if (flags !== "r") operations.push({ kind: "open", path });
      return fd;
    },
    write: (fd: number, data: Uint8Array) => {
      operations.push({ kind: "write", path: paths.get(fd) ?? "", data: data.slice() });
      return realOps.write(fd, data);
    },
    fsync: (fd: number) => {
      operations.push({ kind: "fsync", path: paths.get(fd) ?? "" });
      realOps.fsync(fd);
    },
    rename: (path: string, to: string) => {
      operations.push({ kind: "rename", path, to });
      realOps.rename(path, to);
    },
    link: (path: string, to: string) => {
      operations.push({ kind: "link", path, to });
      realOps.link(path, to);
    },
  });
  act();
  Object.assign(fileOps, realOps);
  return operations;
}

/**
 * What `target` holds after a power cut behind the first `count` operations, in the worst case: file data that was not
 * fsynced is gone, names that were not made durable by an fsync of their folder are as before.
 */
function afterPowerCut(
  operations: readonly Operation[],
  count: number,
  before: Map<string, string>,
  folder: string,
): Map<string, string> {
  const written = new Map([...before].map(([name, text]) => [name, { synced: text, all: text }]));
  const names = new Map([...before.keys()].map((name) => [name, name]));
  const durableNames = new Map(names);
  for (const operation of operations.slice(0, count)) {
    const name = basename(operation.path);
    if (operation.kind === "open" && !written.has(name)) {
      written.set(name, { synced: "", all: "" });
      names.set(name, name);
    }
    if (operation.kind === "write") written.get(name)!.all += new TextDecoder().decode(operation.data);
    if (operation.kind === "fsync" && operation.path === folder) {
      durableNames.clear();
      for (const [to, from] of names) durableNames.set(to, from);
    } else if (operation.kind === "fsync") written.get(name)!.synced = written.get(name)!.all;
    if (operation.kind === "rename" || operation.kind === "link")
      names.set(basename(operation.to!), names.get(name) ?? name);
  }
  return new Map([...durableNames].map(([to, from]) => [to, written.get(from)?.synced ?? ""]));
}

describe("durable files", () => {
  test("[K8] a power cut at any moment of a replacement leaves the old content or the new", () => {
    const folder = tempFolder();
    const path = join(folder, "record.json");
    fs.writeFileSync(path, "old");
    const operations = record(() => writeDurable(path, "new"));
    const seen = new Set<string>();
    for (let count = 0; count <= operations.length; count++) {
      seen.add(afterPowerCut(operations, count, new Map([["record.json", "old"]]), folder).get("record.json") ?? "");
    }
    expect([...seen].sort()).toEqual(["new", "old"]);
    expect(
      afterPowerCut(operations, operations.length, new Map([["record.json", "old"]]), folder).get("record.json"),
    ).toBe("new");
  });

  test("[K8] a replacement with the syncs aside syncs the same things in the same order", async () => {
    const path = join(tempFolder(), "record.json");
    const steps: string[] = [];
    const open = new Map<number, string>();
    Object.assign(fileOps, {
      open: (opened: string, flags: string, mode: number) => {
        const fd = realOps.open(opened, flags, mode);
        open.set(fd, opened === path ? "target" : opened.endsWith(".tmp") ? "temporary" : "folder");
        return fd;
      },
      fsyncAside: (fd: number) => {
        steps.push(`sync ${open.get(fd)}`);
        return realOps.fsyncAside(fd);
      },
      rename: (from: string, to: string) => {
        steps.push("rename");
        realOps.rename(from, to);
      },
    });
    await writeDurableAside(path, "new");
    expect(steps).toEqual(["sync temporary", "rename", "sync folder"]);
    expect(fs.readFileSync(path, "utf8")).toBe("new");
  });

  test("[K8] what appendDurable returned from is there after a power cut", () => {
    const folder = tempFolder();
    const path = join(folder, "journal.jsonl");
    const operations = record(() => appendDurable(path, '{"n":1}'));
    expect(afterPowerCut(operations, operations.length, new Map(), folder).get("journal.jsonl")).toBe('{"n":1}\n');
  });

  test("of two creations of one name exactly one succeeds", () => {
    const path = join(tempFolder(), "once");
    expect(createDurable(path, "a")).toBe(true);
    expect(createDurable(path, "b")).toBe(false);
    expect(fs.readFileSync(path, "utf8")).toBe("a");
  });

  test("[D1] a full disk leaves the old file and no temporary one", () => {
    const folder = tempFolder();
    const path = join(folder, "record.json");
    fs.writeFileSync(path, "old");
    fileOps.write = () => {
      throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
    };
    expect(() => writeDurable(path, "new")).toThrow("ENOSPC");
    expect(fs.readFileSync(path, "utf8")).toBe("old");
    expect(fs.readdirSync(folder)).toEqual(["record.json"]);
  });

  test("[K9] a torn last line spoils only itself, whatever is appended after it", () => {
    const path = join(tempFolder(), "journal.jsonl");
    fs.writeFileSync(path, '{"n":1}\n{"n":2');
    appendDurable(path, '{"n":3}');
    expect(parseJsonLines(fs.readFileSync(path, "utf8"))).toEqual({ records: [{ n: 1 }, { n: 3 }], skipped: 1 });
  });
});
