/** `ml queue --tty` and `ml attach`: a real terminal on a real terminal, with pdb in it, through crashes and between people. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { needs } from "../support/require.ts";
import { until } from "../support/temp.ts";
import { bare, type Lab, type OnTerminal, openLab } from "./lab.ts";

setDefaultTimeout(120_000);

const asks = `name = input("name? ")
print("hello", name)
total = 40
breakpoint()
print("total", total)
`;

const detach = "\u001c";
const shows = (window: OnTerminal, text: string) => until(text, () => bare(window.screen()).includes(text));
const manifestOf = (lab: Lab, runId: string) =>
  JSON.parse(readFileSync(join(lab.folder(runId), "run_manifest.json"), "utf8"));
const outputOf = (lab: Lab, runId: string) => readFileSync(join(lab.folder(runId), "output.log"), "utf8");

async function serverPid(lab: Lab): Promise<number> {
  return (await lab.json<{ pid: number }>(["server", "status"])).pid;
}

describe("ml attach", () => {
  needs("script", "python3")("pdb answers, and the run outlives the window and the server [K1 N1 P13]", async () => {
    const lab = openLab();
    lab.put("ask.py", asks);
    const runId = await lab.queue(["--tty", "ask.py"]);
    const first = lab.terminal(["attach", runId]);
    await shows(first, "ctrl-p ctrl-q leaves");
    await shows(first, "name?");
    first.type("Ada\r");
    await shows(first, "(Pdb)");
    first.type(detach);
    expect(await first.ended).toBe(0);
    expect(bare(first.screen())).toContain(`detached; run ${runId} goes on`);

    process.kill(await serverPid(lab), "SIGKILL");
    await lab.ml(["server", "start"]);
    const second = lab.terminal(["attach", runId]);
    await shows(second, "hello Ada");
    second.type("p total + 2\r");
    await shows(second, "\n42\n");
    second.type("c\r");
    expect(await second.ended).toBe(0);
    expect(bare(second.screen())).toContain("total 40");
    expect(manifestOf(lab, runId)).toMatchObject({ status: "completed", exit_code: 0, launch: { tty: true } });
    expect(existsSync(join(lab.folder(runId), ".run/terminal.in"))).toBe(false);
    const log = outputOf(lab, runId);
    expect(log.startsWith("name? ")).toBe(true);
    expect(log.match(/hello Ada\r\n/g)).toHaveLength(1);
  });

  needs("script", "python3")("a window goes on by itself when the server is killed under it [K1 N1]", async () => {
    const lab = openLab();
    lab.put("ask.py", asks);
    const runId = await lab.queue(["--tty", "ask.py"]);
    const window = lab.terminal(["attach", runId]);
    await shows(window, "name?");
    process.kill(await serverPid(lab), "SIGKILL");
    await shows(window, "connection lost");
    await lab.ml(["server", "start"]);
    await shows(window, "connected again");
    window.type("Eve\r");
    await shows(window, "hello Eve");
    window.type("\u0010\u0011");
    expect(await window.ended).toBe(0);
  });

  needs("script", "python3")("two windows see the same, and the smaller one decides the size", async () => {
    const lab = openLab();
    lab.put("size.py", "import os\nwhile (word := input('> ')) != 'end':\n    print(word, *os.get_terminal_size())\n");
    const runId = await lab.queue(["--tty", "size.py"]);
    const wide = lab.terminal(["attach", runId], { cols: 120, rows: 40 });
    await shows(wide, ">");
    wide.type("one\r");
    await shows(wide, "one 120 40");
    const narrow = lab.terminal(["attach", runId], { cols: 70, rows: 50 });
    await shows(narrow, "one 120 40");
    wide.type("two\r");
    await Promise.all([shows(narrow, "two 70 40"), shows(wide, "two 70 40")]);
    narrow.type(detach);
    await narrow.ended;
    wide.type("three\r");
    await shows(wide, "three 120 40");
    wide.type("end\r");
    expect(await wide.ended).toBe(0);
  });

  needs("script", "python3")("ctrl-c is the script's, and so is its end", async () => {
    const lab = openLab();
    lab.put("loop.py", "print('ready')\nimport time\ntime.sleep(600)\n");
    const runId = await lab.queue(["--tty", "loop.py"]);
    const window = lab.terminal(["attach", runId]);
    await shows(window, "ready");
    window.type("\u0003");
    expect(await window.ended).toBe(5);
    expect(manifestOf(lab, runId)).toMatchObject({ status: "failed", signal: "SIGINT" });
  });

  test("only the owner of a run and administrators attach, and a refusal is noted [S12]", async () => {
    const lab = openLab();
    const runId = await lab.queue(["--hold", "--tty", "--no-code", "--", "cat"]);
    const key = (await lab.json<{ key: string }>(["key", "add", "mallory"])).key;
    const { url } = await lab.json<{ url: string }>(["server", "status"]);
    const env = { ML_SERVER_URL: url, ML_API_KEY: key };
    const window = lab.terminal(["attach", runId], { env });
    expect(await window.ended).toBe(4);
    expect(bare(window.screen())).toContain(`attach of run \`${runId}\` was refused`);
    const audit = readFileSync(join(lab.home, ".ml/data/audit.jsonl"), "utf8");
    expect(audit).toMatch(/"by":"mallory".*"action":"attach","result":"refused"/);
  });

  test("a run without a terminal, and a window without one, get a sentence", async () => {
    const lab = openLab();
    const runId = await lab.queue(["--hold", "--no-code", "--", "cat"]);
    const off = await lab.ml(["attach", runId]);
    expect(off.code).toBe(2);
    expect(off.stderr).toContain("needs one itself");
    const window = lab.terminal(["attach", runId]);
    expect(await window.ended).toBe(7);
    expect(bare(window.screen())).toContain("it was queued without `--tty`");
    const both = await lab.ml(["queue", "--tty", "--split-output", "--no-code", "--", "cat"]);
    expect([both.code, both.stderr]).toEqual([2, expect.stringContaining("a terminal has one output")]);
  });
});
