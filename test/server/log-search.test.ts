/** Finding a text in a log: forward and back, over block borders, either case, in bounded stretches. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { searchLog } from "../../src/server/log-search.ts";
import { tempFolder } from "../support/temp.ts";

const line = "epoch 12/100 loss 0.4211 val_acc 0.8112 and some more words\n";

function logWith(text: string): string {
  const path = join(tempFolder(), "output.log");
  writeFileSync(path, text);
  return path;
}

describe("searching a log", () => {
  test("forward finds the first hit from a byte on, backward the last before it, by whole lines", async () => {
    const path = logWith(`one needle\n${line}two needle\n${line}`);
    const ahead = await searchLog(path, { text: "needle", from: 0, direction: "forward" });
    expect([ahead.line_offset, ahead.line_end]).toEqual([0, 11]);
    const next = await searchLog(path, { text: "needle", from: 11, direction: "forward" });
    expect(next.line_offset).toBe(11 + line.length);
    const back = await searchLog(path, { text: "needle", from: next.line_offset ?? 0, direction: "backward" });
    expect(back.line_offset).toBe(0);
    const none = await searchLog(path, { text: "needle", from: 0, direction: "backward" });
    expect([none.line_offset, none.next]).toEqual([null, null]);
  });

  test("a hit across the border of two blocks is found, both ways", async () => {
    const before = "x".repeat(1024 * 1024 - 4);
    const path = logWith(`${before}\nneedle\n${"y".repeat(1024 * 1024)}\n`);
    for (const direction of ["forward", "backward"] as const) {
      const from = direction === "forward" ? 0 : 10_000_000;
      const found = await searchLog(path, { text: "needle", from, direction });
      expect([direction, found.line_offset]).toEqual([direction, before.length + 1]);
    }
  });

  test("lower case finds both cases, capitals only themselves, other scripts exactly", async () => {
    const path = logWith("CUDA Out Of Memory\nжЖ größe\n");
    const offsetOf = async (text: string) =>
      (await searchLog(path, { text, from: 0, direction: "forward" })).line_offset;
    expect(await offsetOf("out of memory")).toBe(0);
    expect(await offsetOf("Out of Memory")).toBeNull();
    expect(await offsetOf("größe")).toBe(19);
  });

  test("[D11] one call looks at a bounded stretch and says where to go on", async () => {
    const path = logWith(line.repeat(2_400_000));
    const first = await searchLog(path, { text: "not there", from: 0, direction: "forward" });
    expect(first.line_offset).toBeNull();
    expect(first.next).toBe(128 * 1024 * 1024);
    const rest = await searchLog(path, { text: "not there", from: first.next ?? 0, direction: "forward" });
    expect(rest.next).toBeNull();
  });

  test("[S3] a link, a folder or nothing at all holds nothing", async () => {
    const folder = tempFolder();
    for (const path of [folder, join(folder, "missing"), "/dev/zero"])
      expect((await searchLog(path, { text: "x", from: 0, direction: "forward" })).line_offset).toBeNull();
  });
});
