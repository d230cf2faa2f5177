/** The small words: ids, durations, sizes, quoting. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatDuration, parseDuration } from "../../../src/core/duration.ts";
import { asMlError, errorCodes, MlError } from "../../../src/core/error.ts";
import { isRunId, newRunId } from "../../../src/core/ids.ts";
import { quoteCommand } from "../../../src/core/shell-quote.ts";
import { formatSize, parseSize } from "../../../src/core/size.ts";

describe("ids", () => {
  test("[I7] a run id is lower case, so it is safe where file systems ignore case", () => {
    const runId = newRunId(Date.UTC(2026, 10, 23));
    expect(runId).toMatch(/^2026-11-23_[0-9a-hjkmnp-tv-z]{6}$/);
    expect(isRunId(runId)).toBe(true);
    expect(isRunId("../../etc")).toBe(false);
  });

  test("[T3] ids and times work at the ends of time", () => {
    for (const ms of [0, 2 ** 31 * 1000, Date.UTC(2099, 11, 31, 23, 59, 59), Date.UTC(2016, 11, 31, 23, 59, 60)]) {
      expect(isRunId(newRunId(ms))).toBe(true);
    }
  });
});

describe("durations and sizes", () => {
  test("are read as people write them", () => {
    expect(parseDuration("90s")).toBe(90_000);
    expect(parseDuration("1h30m")).toBe(5_400_000);
    expect(parseDuration("1h 30m")).toBe(5_400_000);
    expect(parseDuration("1:30:00")).toBe(5_400_000);
    expect(parseDuration("2", "limit", "h")).toBe(7_200_000);
    expect(parseSize("16G")).toBe(16e9);
    expect(parseSize("512MiB")).toBe(512 * 1024 ** 2);
    expect(parseSize("8", "size", "g")).toBe(8e9);
  });

  test("nonsense is refused with a hint", () => {
    for (const text of ["", "h", "12 parsecs", "1h30", "-5s"]) expect(() => parseDuration(text)).toThrow(MlError);
    for (const text of ["", "G", "1.2.3G", "lots"]) expect(() => parseSize(text)).toThrow(MlError);
  });

  test("are written in two units at most", () => {
    expect([850, 4200, 59_000, 192_000, 15_300_000, 183_600_000].map(formatDuration)).toEqual([
      "850 ms",
      "4.2 s",
      "59 s",
      "3m12s",
      "4h15m",
      "2d3h",
    ]);
    expect([0, 812, 4100, 1_234_567, 999_999].map(formatSize)).toEqual(["0 B", "812 B", "4.1 kB", "1.2 MB", "1.0 MB"]);
  });
});

test("[I1] a quoted command is what sh reads back, for any arguments", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.string({ unit: "binary" }).filter((s) => !s.includes("\0") && s.isWellFormed()),
        { minLength: 1 },
      ),
      (argv) => {
        const echoed = Bun.spawnSync(["sh", "-c", `printf '%s\\0' ${quoteCommand(argv)}`]).stdout.toString();
        expect(echoed.split("\0").slice(0, -1)).toEqual(argv);
      },
    ),
    { numRuns: 40 },
  );
});

test("[D1 D4] a full disk or missing inodes become one sentence with exit code 75", () => {
  const error = asMlError(
    Object.assign(new Error("ENOSPC: no space left on device, open"), { code: "ENOSPC" }),
    "queueing the run",
  );
  expect(error.exitCode).toBe(75);
  expect(error.message).toContain("inodes");
  expect(error.detail.hint).toContain("df -i");
});

test("every error code survives the wire", () => {
  for (const code of Object.keys(errorCodes) as (keyof typeof errorCodes)[]) {
    const error = new MlError(code, "it failed", { hint: "try this", data: { n: 1 } });
    expect(MlError.fromValue(JSON.parse(JSON.stringify(error.toValue()))).toValue()).toEqual(error.toValue());
  }
});
