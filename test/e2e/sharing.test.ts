/** One machine for three users, as they type: why a run waits, who used and did what, waiting for others, cards that are kept. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fakeGpus } from "../support/fake-gpus.ts";
import { until } from "../support/temp.ts";
import { type Lab, openLab, runsOnDisk } from "./lab.ts";

const long = 2 * 60_000;

interface Why {
  run: { status: string; position: number | null };
  blockers: { kind: string; lacks?: string }[];
}

/** A server on a free port, and a person for each name, with a key and a home of their own. */
async function shared(lab: Lab, names: readonly string[], start: readonly string[] = [], path?: string) {
  await lab.ml(["server", "start", ...start], path === undefined ? {} : { env: { PATH: path } });
  const { url } = await lab.json<{ url: string }>(["server", "status"]);
  const people = names.map(async (name) => {
    const key = (await lab.ml(["key", "add", name, "-q"])).stdout.trim();
    const env = { ML_SERVER_URL: url, ML_API_KEY: key, HOME: join(lab.project, name) };
    return (...args: string[]) => lab.ml(args, { env });
  });
  return Promise.all(people);
}

const sleeps = (...flags: string[]) => ["queue", "-q", ...flags, "--no-code", "--", "sleep", "60"];
const why = (lab: Lab, run: string) => lab.json<Why>(["why", run]);
const kinds = async (lab: Lab, run: string) => (await why(lab, run)).blockers.map(({ kind }) => kind);
const isRunning = async (lab: Lab, run: string) => (await why(lab, run)).run.status === "running";

test(
  "[Q8] three users are told why they wait, where a run would land, who used what and who did what",
  async () => {
    const lab = openLab();
    const [ana, bob, cem] = await shared(lab, ["ana", "bob", "cem"], ["--slots", "1"]);
    if (ana === undefined || bob === undefined || cem === undefined) throw new Error("three were asked for");
    await ana(...sleeps("--name", "busy", "--max-runtime", "1h"));
    await until("it to run", () => isRunning(lab, "busy"));
    await bob(...sleeps("--name", "urgent", "-p", "7"));
    await cem(...sleeps("--name", "patient"));
    await until("the reasons", async () => (await kinds(lab, "patient")).join() === "resource,turn");

    const page = (await cem("why", "patient")).stdout;
    expect(page).toMatch(/^○ patient {2}\w{6} {2}cem {2}waiting\n {2}position 2 · priority 5 · queued \S+/);
    expect(page).toMatch(/• it needs 1 slot and on \S+ none is free; held by busy \(\w{6}, ana\) until [^;]+;/);
    expect(page).toMatch(/• one run goes first, urgent \(\w{6}, bob\): its priority is higher\n/);
    expect((await lab.ml(["why", "patient"], { env: { LANG: "C" } })).stdout).toMatch(/^[\n -~]*$/);
    expect((await lab.ml(["why", "busy"])).stdout).toContain("it does not wait: it is running");
    const rows = (await lab.ml(["why", "patient", "--plain"])).stdout.trim().split("\n");
    expect(rows.map((row) => row.split("\t")[0])).toEqual(["resource", "turn"]);
    expect((await lab.ml(["why", "nobody"])).code).toBe(3);

    const before = runsOnDisk(lab).length;
    const dry = (await cem("queue", "-n", "-p", "9", "--no-code", "--", "sleep", "9")).stdout;
    expect(dry).toMatch(/^would queue \(position 1.*\): sleep 9\n {2}• it needs 1 slot /);
    expect(runsOnDisk(lab)).toHaveLength(before);

    expect((await bob("cancel", "patient", "--yes")).code).toBe(4);
    await lab.ml(["priority", "patient", "8", "-m", "the demo is at noon"]);
    await lab.ml(["cancel", "urgent", "--yes", "-m", "makes room"]);
    expect((await bob("info", "urgent")).stdout).toMatch(/cancelled +by \S+: makes room/);
    const seen = (await cem("audit")).stdout;
    expect(seen).toMatch(/ priority +\w{6} +from 5 to 8: the demo is at noon\n/);
    expect(seen).not.toContain("makes room");
    expect((await lab.ml(["audit", "--action", "cancel"])).stdout).toMatch(/bob .* REFUSED/);
    expect(await lab.json(["audit", "-n", "1"])).toMatchObject({ schema: "ml.audit/1" });

    const usage = await lab.json<{ rows: { key: string; runs: number; waiting: number }[] }>(["usage"]);
    const told = usage.rows.map(({ key, runs, waiting }) => `${key} ${runs} ${waiting}`).sort();
    expect(told).toEqual(["ana 1 0", "bob 1 0", "cem 0 1"]);
    expect((await ana("usage", "--by", "priority")).stdout).toContain("priority  runs  waiting");
    expect((await ana("usage", "--by", "colour")).code).toBe(2);
  },
  long,
);

describe("waiting for something", () => {
  test(
    "[Q7] for other runs, an hour, an idle machine or a word, each says so; what cannot come ends the wait",
    async () => {
      const lab = openLab();
      await lab.ml(["server", "start", "--slots", "4"]);
      await lab.ml(["queue", "-q", "--name", "bad", "--hold", "--no-code", "--", "sh", "-c", "exit 3"]);
      await lab.ml(sleeps("--name", "busy"));
      await until("one to run", () => isRunning(lab, "busy"));
      const wait = (name: string, ...flags: string[]) =>
        lab.ml(["queue", "-q", "--name", name, ...flags, "--no-code", "--", "true"]);
      await wait("cleanup", "--after", "bad");
      await wait("heir", "--after-ok", "bad");
      await wait("later", "--at", "+2h");
      await wait("polite", "--when", "idle");
      const sentences = {
        bad: "it is held; `ml release` lets it go",
        cleanup: /it waits for bad \(\w{6}, \S+\) to end, which is waiting/,
        heir: /it waits for bad \(\w{6}, \S+\) to complete, which is waiting/,
        later: /it was asked to start no sooner than \d{4}-\d\d-\d\d \d\d:\d\d:\d\d/,
        polite: "it was queued for an idle machine, and something runs",
      };
      await until("the machine to be known", async () => (await kinds(lab, "polite")).includes("when"));
      for (const [name, sentence] of Object.entries(sentences))
        expect((await lab.ml(["why", name])).stdout).toMatch(sentence);
      await lab.ml(["release", "bad"]);
      expect((await lab.ml(["wait", "cleanup"])).code).toBe(0);
      expect((await lab.ml(["wait", "heir"])).code).toBe(5);
      expect((await lab.ml(["why", "heir"])).stdout).toMatch(
        /cancelled by ml: run `\S+`, which it needs to complete, failed/,
      );
      for (const [code, ...flags] of [
        [3, "--after", "nobody"],
        [2, "--at", "some day"],
        [2, "--when", "some day"],
        [2, "--group-limit", "2"],
        [7, "--after-ok", "bad"],
      ] as const)
        expect([...flags, (await wait("never", ...flags)).code]).toEqual([...flags, code]);
    },
    long,
  );

  test("a group is held and let go by one word", async () => {
    const lab = openLab();
    for (const name of ["one", "two"])
      await lab.queue(["--group", "g", "--name", name, "--hold", "--no-code", "--", "true"]);
    const released = (await lab.ml(["release", "--group", "g"])).stdout;
    expect(released).toMatch(/^released \S+\nreleased \S+\n$/);
    expect((await lab.ml(["wait", "one", "two"])).code).toBe(0);
    expect((await lab.ml(["release", "--group", "g"])).code).toBe(3);
    expect((await lab.ml(["release"])).code).toBe(2);
  }, 120_000);

  test("a sweep runs no more at a time than it was given, and what is made from its runs counts among them", async () => {
    const lab = openLab();
    lab.put("t.py", "import time\ntime.sleep(60)\n");
    await lab.ml(["server", "start", "--slots", "4"]);
    await lab.ml(["sweep", "t.py", "--grid", "lr=1,2,3", "--max-concurrent", "1", "--name", "s"]);
    await until("the first to run", () => isRunning(lab, "s.1"));
    for (const other of ["s.2", "s.3"])
      await until(`${other} to be told`, async () => (await kinds(lab, other)).join() === "group_limit");
    expect((await lab.ml(["why", "s.2"])).stdout).toMatch(/of group s at most 1 run at a time: s\.1 \(/);
    const again = (await lab.ml(["requeue", "s.1", "-q"])).stdout.trim();
    const { launch } = JSON.parse(readFileSync(join(lab.folder(again), "run_manifest.json"), "utf8"));
    expect(launch.terms.group_limit).toBe(1);
    expect(await kinds(lab, again)).toContain("group_limit");
  }, 120_000);
});

test(
  "[G3] cards are kept for somebody, and set aside and returned, by an administrator alone",
  async () => {
    const lab = openLab();
    const [ana, bob] = await shared(lab, ["ana", "bob"], ["--slots", "4"], fakeGpus("one").path);
    if (ana === undefined || bob === undefined) throw new Error("two were asked for");
    const wish = ["reserve", "add", "ana", "--gpus", "1", "--for", "2h"];
    expect((await bob(...wish)).code).toBe(4);
    const reservation = (await lab.ml([...wish, "-q"])).stdout.trim();
    expect((await bob("reserve", "list", "--plain")).stdout).toStartWith(`${reservation}\t`);
    await bob("queue", "-q", "--gpus", "1", "--name", "his", "--no-code", "--", "true");
    await until("the reason", async () => (await why(lab, "his")).blockers[0]?.lacks === "gpus");
    expect((await bob("why", "his")).stdout).toMatch(/reserved for `ana` until [^TZ;]+;/);
    await ana("queue", "-q", "--gpus", "1", "--name", "hers", "--no-code", "--", "true");
    expect((await ana("wait", "hers")).code).toBe(0);

    expect((await bob("disable", "gpu", "0")).code).toBe(4);
    expect((await lab.ml(["disable", "gpu", "9"])).code).toBe(3);
    expect((await lab.ml(["disable", "fan", "0"])).code).toBe(2);
    await lab.ml(["disable", "gpu", "0", "-m", "its fan is broken"]);
    expect((await lab.ml(["status"])).stdout).toMatch(
      /! card `GPU-\w{8}` of `\S+` is set aside: its fan is broken; `ml enable gpu GPU-\w{8}`/,
    );
    expect((await lab.ml(["reserve", "remove", reservation])).code).toBe(0);
    await until("the reason", async () => (await bob("why", "his")).stdout.includes("set aside: its fan is broken"));
    await lab.ml(["enable", "gpu", "0"]);
    expect((await bob("wait", "his")).code).toBe(0);
  },
  long,
);
