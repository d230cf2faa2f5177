/** `ml status` through the executable: the page, its other shapes, and watching. */
import { describe, expect, test } from "bun:test";
import { until } from "../support/temp.ts";
import { bare, openLab } from "./lab.ts";

const waiting = "import os, time\nprint('epoch 3/10', flush=True)\nwhile not os.path.exists('go'): time.sleep(0.02)\n";

describe("status", () => {
  test("shows what runs, what waits and what ended, in the order in which it matters", async () => {
    const lab = openLab();
    lab.put("train.py", waiting);
    lab.put("fail.py", "1 / 0\n");
    await lab.ml(["queue", "-q", "-f", "fail.py"]);
    await lab.queue(["--name", "busy", "--hypothesis", "it helps", "train.py"]);
    await lab.queue(["--name", "parked", "--hold", "train.py"]);
    await until("progress", async () => (await lab.ml(["status"])).stdout.includes("epoch 3/10"));
    const page = (await lab.ml(["status"])).stdout;
    expect(page).toMatch(/^ml \S+ on /);
    const at = [
      "Running",
      "▶ busy",
      "epoch 3/10",
      "“it helps”",
      "Waiting",
      "‖ parked",
      "held",
      "Ended",
      "✗ fail",
      "code_error",
    ];
    const found = at.map((word) => page.indexOf(word));
    expect(found).toEqual([...found].sort((a, b) => a - b));
    expect(found).not.toContain(-1);
    expect(page).not.toContain("\x1b");
  }, 120_000);

  test("an empty server is exit 0 and says what to type", async () => {
    const lab = openLab();
    await lab.ml(["server", "start"]);
    const ran = await lab.ml(["status"]);
    expect([ran.code, ran.stdout.includes("ml queue train.py")]).toEqual([0, true]);
    expect(await lab.json(["status"])).toMatchObject({ schema: "ml.status/1", running: [], waiting: [], recent: [] });
    expect((await lab.ml(["status", "-q"])).stdout).toBe("");
  }, 120_000);

  test("[C4] ASCII where the locale is not UTF-8, colour only where it is wanted", async () => {
    const lab = openLab();
    await lab.ml(["queue", "-q", "-f", "--no-code", "--name", "n", "--note", "why", "--", "true"]);
    const ascii = (await lab.ml(["status"], { env: { LANG: "C" } })).stdout;
    expect(ascii).toMatch(/^[\n -~]*$/);
    expect(ascii).toContain("+ n");
    expect((await lab.ml(["status", "--color", "always"])).stdout).toContain("\x1b[32m");
    const shown = lab.terminal(["status"], { env: { NO_COLOR: "1" } });
    await shown.ended;
    expect(shown.screen()).not.toContain("\x1b[3");
  }, 120_000);

  test("--plain has the same twelve fields for every run", async () => {
    const lab = openLab();
    await lab.ml(["queue", "-q", "-f", "--no-code", "--name", "a\tb".replace("\t", "-"), "--", "echo", "x\ty"]);
    await lab.queue(["--hold", "--no-code", "--", "true"]);
    const rows = (await lab.ml(["status", "--plain"])).stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.split("\t"));
    expect(rows.map((row) => row.length)).toEqual([12, 12]);
    expect(rows.map((row) => row[1])).toEqual(["held", "completed"]);
  }, 120_000);
});

describe("status --watch", () => {
  test("off a terminal each change is a line; with --json each is the whole status", async () => {
    const lab = openLab();
    await lab.ml(["server", "start"]);
    const lines = lab.start(["status", "--watch"]);
    const values = lab.start(["status", "--watch", "--json"]);
    await until("the first value", () => values.stdout().includes("\n"));
    await lab.ml(["queue", "-q", "-f", "--no-code", "--name", "quick", "--", "true"]);
    await until("the end in lines", () => lines.stdout().includes("✓ completed  quick"));
    await until("the end in values", () => values.stdout().includes('"status":"completed"'));
    for (const watching of [lines, values]) {
      watching.kill("SIGINT");
      expect(await watching.ended).toBe(130);
    }
    for (const line of values.stdout().trim().split("\n")) expect(JSON.parse(line).schema).toBe("ml.status/1");
  }, 120_000);

  test("[C4] on a dumb terminal it prints lines and no control codes", async () => {
    const lab = openLab();
    await lab.ml(["server", "start"]);
    const shown = lab.terminal(["status", "--watch"], { env: { TERM: "dumb" } });
    await until("the watcher", async () => (await lab.json<{ clients: number }>(["server", "status"])).clients > 1);
    await lab.ml(["queue", "-q", "-f", "--no-code", "--name", "quick", "--", "true"]);
    await until("the run", () => shown.screen().includes("✓ completed  quick"));
    expect(shown.screen()).not.toContain("\x1b");
  }, 120_000);

  test("on a terminal it redraws in place, survives the server, and leaves the terminal as it was", async () => {
    const lab = openLab();
    await lab.ml(["server", "start"]);
    const shown = lab.terminal(["status", "--watch"], { cols: 80, rows: 24 });
    await until("the page", () => bare(shown.screen()).includes("live"));
    await lab.ml(["queue", "-q", "-f", "--no-code", "--name", "quick", "--", "true"]);
    await until("the run", () => bare(shown.screen()).includes("✓ quick"));
    await lab.ml(["server", "stop"]);
    await until("the loss", () => bare(shown.screen()).includes("reconnecting"));
    await lab.ml(["server", "start"]);
    const before = shown.screen().length;
    await until("the return", () => bare(shown.screen().slice(before)).includes("live"));
    shown.type("\x03");
    expect(await shown.ended).toBe(130);
    expect(shown.screen()).not.toMatch(/\x1b\[\?(1049|25)/);
  }, 120_000);
});
