/** `ml dataset` and `ml queue --data`, as somebody types them. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../support/temp.ts";
import { openLab } from "./lab.ts";

describe("datasets", () => {
  test("registered, used, changed, told of, forgotten; every refusal says what to type", async () => {
    const lab = openLab();
    lab.put("set/a.txt", "one");
    lab.put("set/b/c.txt", "two");
    const added = await lab.json(["dataset", "add", "letters", "./set", "--version", "v1", "--samples", "2"]);
    expect(added).toMatchObject({
      schema: "ml.dataset.add/1",
      name: "letters",
      version: "v1",
      added: true,
      num_files: 2,
    });
    expect((await lab.json(["dataset", "add", "letters", "./set"])).added).toBe(false);

    const refused = await lab.ml(["queue", "--data", "leters", "true"]);
    expect([refused.code, refused.stderr]).toEqual([3, expect.stringContaining("did you mean `letters`?")]);
    const unnamed = await lab.ml(["queue", "cat", "{data:letters}/a.txt"]);
    expect([unnamed.code, unnamed.stderr]).toEqual([2, expect.stringContaining("add `--data letters`")]);

    const run = await lab.queue(["--data", "letters", "cat", "{data:letters}/a.txt"]);
    await lab.ml(["wait", run]);
    expect((await lab.ml(["logs", run])).stdout).toBe("one");
    const shown = await lab.json<{ runs: { version: string }[] }>(["dataset", "show", "letters"]);
    expect(shown.runs).toMatchObject([{ version: "v1", fetched_via: "direct", drift: false }]);
    const again = await lab.json<{ manifest: { datasets: unknown[] } }>(["info", await lab.queue(["true"])]);
    expect(again.manifest.datasets).toEqual([]);

    writeFileSync(join(lab.project, "set/a.txt"), "other");
    const verified = await lab.ml(["dataset", "verify", "letters"]);
    expect(verified.code).toBe(8);
    expect(verified.stdout).toContain("letters v1 has changed since it was registered: 1 file changed");
    expect(verified.stdout).toContain("~ a.txt");
    const clash = await lab.ml(["dataset", "add", "letters", "./set", "--version", "v1"]);
    expect([clash.code, clash.stderr]).toEqual([7, expect.stringContaining("choose another `--version`")]);
    expect(await lab.json(["dataset", "add", "letters", "./set"])).toMatchObject({ added: true, version: "1" });
    expect((await lab.ml(["dataset", "list", "--plain"])).stdout).toMatch(/^letters\t1\t8\t2\tsha256:/);

    expect((await lab.ml(["dataset", "remove", "letters"])).stdout).toContain("forgot letters v1, 1");
    expect((await lab.ml(["dataset", "show", "letters"])).code).toBe(3);
  });

  test("data that changed since it was registered is told to whoever queues a run with it, unless quiet", async () => {
    const lab = openLab();
    lab.put("set/a.txt", "one");
    await lab.ml(["dataset", "add", "letters", "./set"]);
    writeFileSync(join(lab.project, "set/a.txt"), "other");
    const queued = await lab.ml(["queue", "--hold", "--data", "letters", "true"]);
    expect([queued.code, queued.stderr]).toEqual([
      0,
      expect.stringContaining(
        "! dataset letters (version 1) has changed since it was registered: 1 file changed: ~ a.txt",
      ),
    ]);
    expect(queued.stdout).not.toContain("changed");
    const again = await lab.json(["clone", "@last"]);
    expect(again).toMatchObject({
      schema: "ml.clone/1",
      datasets: [
        { name: "letters", version: "1", going_on: false, check: { drift: { changed: 1, files: ["~ a.txt"] } } },
      ],
    });
    const swept = await lab.ml(["sweep", "--data", "letters", "--grid", "n=1,2", "true"]);
    expect(swept.stderr).toContain("1 file changed: ~ a.txt");
    const quiet = await lab.ml(["queue", "-q", "--data", "letters", "true"]);
    expect([quiet.code, quiet.stderr]).toEqual([0, ""]);
  });

  test("brought to the local disk by hand, pinned, seen, used by a run that says what that saved, let go", async () => {
    const lab = openLab();
    lab.put("set/a.txt", "one");
    const env = { ML_PREWARM: "all" };
    await lab.ml(["dataset", "add", "letters", "./set"], { env });
    const asked = await lab.ml(["prewarm", "letters", "--pin"]);
    expect(asked.stdout).toContain("asked for, and pinned: letters 1");
    await until("the copy", async () =>
      (await lab.ml(["prewarm", "--list"])).stdout.includes("nobody waits for it · pinned"),
    );
    const run = await lab.queue(["--data", "letters", "cat", "{data:letters}/a.txt"]);
    await lab.ml(["wait", run]);
    const info = (await lab.ml(["info", run])).stdout;
    expect(info).toMatch(/from the local copy, warm, copied in .+, saved \d/);
    let page = "";
    await until("nobody to use it", async () => {
      page = (await lab.ml(["dataset", "show", "letters"])).stdout;
      return /version 1, 3 B, used by one run, .*nobody waits for it, pinned/.test(page);
    });
    expect(page).toContain("On local disks");
    await lab.ml(["dataset", "add", "the-same", "./set"], { env });
    expect((await lab.ml(["dataset", "show", "the-same"])).stdout).toMatch(/version 1, 3 B, used by one run/);
    expect(page).toMatch(/version 1 {2}prewarm, saved \d/);
    expect((await lab.ml(["prewarm", "letters", "--unpin"])).stdout).toContain("not pinned any more");
    expect((await lab.ml(["prewarm", "letters", "--cancel"])).stdout).toBe("no longer asked for: letters 1\n");
    expect((await lab.ml(["prewarm", "letters", "--cancel"])).stdout).toBe("there was no such wish\n");
    expect([(await lab.ml(["prewarm", "--pin"])).code, (await lab.ml(["prewarm", "letterz"])).code]).toEqual([2, 3]);
  });
});
