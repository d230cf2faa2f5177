/** `ml delete` through the executable: looks first, asks, and only takes what has ended. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { openLab } from "./lab.ts";

test("a dry run removes nothing; off a terminal --yes is wanted; live runs are refused", async () => {
  const lab = openLab();
  lab.put("train.py", "open('big', 'wb').write(b'x' * 500000)\n");
  const run = await lab.queue(["train.py"]);
  await lab.ml(["wait", run]);
  const dry = await lab.ml(["delete", run, "--dry-run"]);
  expect([dry.code, dry.stdout]).toEqual([0, expect.stringMatching(new RegExp(`^would delete ${run} +5\\d\\d kB\n$`))]);
  expect((await lab.ml(["delete", run])).code).toBe(2);
  expect(existsSync(lab.folder(run))).toBe(true);
  const held = await lab.queue(["--hold", "train.py"]);
  expect((await lab.ml(["delete", held, "--yes"])).code).toBe(7);
  expect(await lab.json(["delete", run, "--yes"])).toMatchObject({
    schema: "ml.delete/1",
    dry_run: false,
    runs: [{ run_id: run, deleted: true }],
  });
  expect(existsSync(lab.folder(run))).toBe(false);
  expect((await lab.ml(["info", run])).code).toBe(3);
}, 120_000);
