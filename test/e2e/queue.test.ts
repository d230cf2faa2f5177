/** `ml queue` through the executable: what is understood, frozen, echoed; batches; interrupts. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { mlBinary } from "../support/binary.ts";
import { until } from "../support/temp.ts";
import { openLab, runsOnDisk } from "./lab.ts";

describe("queue", () => {
  test("echoes what was understood on stdout, and what was sent on stderr", async () => {
    const lab = openLab();
    lab.put("train.py", "print('x')\n");
    lab.put(".venv/big", "x");
    const ran = await lab.ml(["queue", "train.py", "--lr", "3e-4", "--note", "why not"]);
    expect(ran.stdout).toMatch(
      /^queued \d{4}-\d\d-\d\d_\w{6,} \(position 1, starts now\): python3 train.py --lr 3e-4\n$/,
    );
    expect(ran.stderr).toContain("code: 1 file, 11 B from ");
    expect(ran.stderr).toContain("left out, as ignored: .venv/\n");
    const { manifest } = await lab.json<{ manifest: { metadata: { note: string } } }>(["info", "@last"]);
    expect(manifest.metadata.note).toBe("why not");
  }, 120_000);

  test("-q prints the id alone, --json one value, and a dry run queues nothing", async () => {
    const lab = openLab();
    lab.put("train.py", "print('x')\n");
    const dry = await lab.ml(["queue", "--dry-run", "train.py"]);
    expect(dry.code).toBe(0);
    expect(dry.stdout).toMatch(/^would queue \(position 1, starts now\): python3 train.py\n$/);
    expect(runsOnDisk(lab)).toEqual([]);
    const quiet = await lab.ml(["queue", "-q", "train.py"]);
    expect(quiet.stdout).toMatch(/^\d{4}-\d\d-\d\d_\w{6,}\n$/);
    expect(quiet.stderr).toBe("");
    const value = await lab.json(["queue", "train.py"]);
    expect(value).toMatchObject({
      schema: "ml.queue/1",
      dry_run: false,
      code: { files: 1, sent_bytes: 0, left_out: [] },
    });
  }, 120_000);

  test("[I1] every argument arrives as it was typed", async () => {
    const lab = openLab();
    lab.put("show.py", "import sys, json\nprint(json.dumps(sys.argv[1:]))\n");
    const words = ["", " ", "a b", "new\nline", "'\"$HOME`id`\\", "-x", "--name", "é👩‍🔬", "*.py"];
    const ran = await lab.ml(["queue", "-f", "--", "python3", "show.py", ...words]);
    expect(JSON.parse(ran.stdout)).toEqual(words);
    const { manifest } = await lab.json<{ manifest: { argv: string[] } }>(["info", "@last"]);
    expect(manifest.argv).toEqual(["python3", "show.py", ...words]);
  }, 120_000);

  test("[I1] an argument that is no UTF-8 is refused rather than changed", async () => {
    const lab = openLab();
    const child = Bun.spawn(["sh", "-c", `"$1" queue --no-code -- echo ok "$(printf 'caf\\351')"`, "sh", mlBinary()], {
      env: { PATH: process.env.PATH ?? "", HOME: lab.home, LANG: "C.UTF-8" },
      stderr: "pipe",
    });
    expect(await child.stderr.text()).toContain("argument `caf\\xe9` is not valid UTF-8");
    expect(await child.exited).toBe(2);
    expect(runsOnDisk(lab)).toEqual([]);
  }, 120_000);

  test("editing and deleting after queueing changes nothing about the run", async () => {
    const lab = openLab();
    lab.put("train.py", "import part\nprint(part.word)\n");
    lab.put("part.py", "word = 'then'\n");
    const runId = await lab.queue(["--hold", "train.py"]);
    lab.put("part.py", "word = 'now'\n");
    lab.put("train.py", "raise SystemExit(1)\n");
    expect((await lab.ml(["release", runId])).code).toBe(0);
    expect((await lab.ml(["wait", runId])).code).toBe(0);
    expect((await lab.ml(["logs", runId])).stdout).toBe("then\n");
  }, 120_000);

  test("all that was said about a run is in its manifest", async () => {
    const lab = openLab();
    lab.put("train.py", "print('x')\n");
    const parent = await lab.queue(["--hold", "train.py"]);
    const flags = [
      "--name",
      "child",
      "--tag",
      "a,b",
      "--tag",
      "c",
      "--hypothesis",
      "H",
      "--context",
      "C",
      "--intent",
      "I",
    ];
    const more = [
      "--expect",
      "E",
      "--parent",
      parent,
      "--group",
      "G",
      "--cpus",
      "1",
      "--ram",
      "1G",
      "--max-runtime",
      "90m",
    ];
    const runId = await lab.queue(["-p", "7", "--hold", "--env", "FOO=1=2", ...flags, ...more, "train.py"]);
    const manifest = JSON.parse(readFileSync(join(lab.folder(runId), "run_manifest.json"), "utf8"));
    expect(manifest).toMatchObject({
      name: "child",
      priority: 7,
      narrative: {
        hypothesis: "H",
        context: "C",
        intent: "I",
        expected_outcome: "E",
        parent_run: parent,
        experiment_group: "G",
        tags: ["a", "b", "c"],
      },
      resources: { requested: { cpu_cores: 1, ram_gb: 1, max_runtime_hours: 1.5 } },
      launch: { held: true, env: { FOO: "1=2" } },
    });
  }, 120_000);

  test("what cannot run is refused before anything is queued, with the next step", async () => {
    const lab = openLab();
    lab.put("train.py", "");
    lab.put("run.sh", "echo x\n");
    lab.put(".mlignore", "secret.py\n");
    lab.put("secret.py", "");
    const cases: [string[], number, string][] = [
      [["tran.py"], 3, "did you mean `ml queue train.py`?"],
      [["./run.sh"], 7, "chmod +x ./run.sh"],
      [["secret.py"], 7, ".mlignore"],
      [["../outside.py"], 3, ""],
      [[], 2, "ml queue train.py"],
      [["--priority", "11", "train.py"], 2, ""],
      [["--ram", "lots", "train.py"], 2, "16G"],
      [["--gpus", "512", "train.py"], 7, ""],
      [["--hypotesis", "x", "train.py"], 2, "--hypothesis"],
    ];
    for (const [words, code, hint] of cases) {
      const ran = await lab.ml(["queue", ...words]);
      expect([words, ran.code, ran.stderr.includes(hint)]).toEqual([words, code, true]);
    }
    expect(runsOnDisk(lab)).toEqual([]);
  }, 120_000);
});

test("an empty home with a key queues, follows and pulls from a server elsewhere, and others' runs are not its own", async () => {
  const lab = openLab();
  await lab.ml(["server", "start"]);
  const { url } = await lab.json<{ url: string }>(["server", "status"]);
  const key = (await lab.ml(["key", "add", "ana", "-q"])).stdout.trim();
  lab.put("train.py", "open('out', 'w').write('x' * 1000)\nprint('far')\n");
  const far = { env: { ML_SERVER_URL: url, ML_API_KEY: key, HOME: join(lab.project, "empty"), VIRTUAL_ENV: "/usr" } };
  for (const transport of ["websocket", "polling"]) {
    const env = { ...far.env, ML_TRANSPORT: transport };
    const ran = await lab.ml(["queue", "-f", "train.py"], { env });
    expect([transport, ran.code, ran.stdout]).toEqual([transport, 0, "far\n"]);
    expect(ran.stderr).toContain(": python3 train.py\n");
  }
  expect((await lab.ml(["pull", "@last", "out", "--to", "got"], far)).code).toBe(0);
  expect(readFileSync(join(lab.project, "got/work/out"), "utf8")).toBe("x".repeat(1000));
  const foreign = await lab.queue(["--hold", "train.py"]);
  expect((await lab.ml(["cancel", foreign], far)).code).toBe(2);
  expect((await lab.ml(["cancel", foreign, "--yes"], far)).code).toBe(4);
}, 120_000);

describe("queue --from", () => {
  test("queues every line in order, in batches, with flags of their own", async () => {
    const lab = openLab();
    const lines = Array.from({ length: 300 }, (_, n) => `--name n${n} -- true ${n}`);
    lab.put("runs.txt", `# all of them\n${lines.join("\n")}\n`);
    const ran = await lab.ml(["queue", "--from", "runs.txt", "--no-code", "--hold", "--group", "g", "-q"]);
    const ids = ran.stdout.trim().split("\n");
    expect([ran.code, new Set(ids).size]).toEqual([0, 300]);
    const manifest = JSON.parse(readFileSync(join(lab.folder(ids[299]!), "run_manifest.json"), "utf8"));
    expect(manifest).toMatchObject({ name: "n299", argv: ["true", "299"], narrative: { experiment_group: "g" } });
  }, 120_000);

  test("one bad line queues nothing and is named", async () => {
    const lab = openLab();
    lab.put("train.py", "");
    const ran = await lab.ml(["queue", "--from", "-"], {
      input: '{"command": "train.py"}\ntrain.py\n--nmae x train.py\n',
    });
    expect([ran.code, runsOnDisk(lab)]).toEqual([2, []]);
    expect(ran.stderr).toContain("stdin:3: ");
    expect(ran.stderr).toContain("--name");
  }, 120_000);
});

describe("queue, interrupted", () => {
  const answers = (url: string) =>
    fetch(`${url.replace("ws:", "http:")}/healthz`, { signal: AbortSignal.timeout(300) }).then(
      () => true,
      () => false,
    );
  const faulty = (plan: string) => ({ binary: mlBinary({ faults: true }), env: { ML_FAULTS: plan } });

  test("[C6] Ctrl-C while the code is being sent leaves nothing queued, and says so", async () => {
    const lab = openLab();
    await lab.ml(["server", "start"], faulty("objects/write:1:delay=4000"));
    lab.put("train.py", "print('x')\n");
    const { url } = await lab.json<{ url: string }>(["server", "status"]);
    const queueing = lab.start(["queue", "train.py"]);
    await until("the server to be stuck in writing the code", async () => !(await answers(url)));
    queueing.kill("SIGINT");
    expect(await queueing.ended).toBe(130);
    expect(queueing.stderr()).toContain("interrupted: nothing was queued");
    await until("the server's answer", async () => (await lab.ml(["status", "--json"])).code === 0);
    expect(runsOnDisk(lab)).toEqual([]);
  }, 120_000);

  test("[C6] Ctrl-C during the last step leaves the run queued whole, and says so", async () => {
    const lab = openLab();
    await lab.ml(["server", "start"], faulty("server/before-reply:1:delay=3000"));
    lab.put("train.py", "print('x')\n");
    const queueing = lab.start(["queue", "train.py"]);
    await until("the run on disk", () => runsOnDisk(lab).length === 1);
    queueing.kill("SIGINT");
    expect(await queueing.ended).toBe(130);
    expect(queueing.stdout()).toStartWith("queued ");
    expect(queueing.stderr()).toContain("interrupted: the run was queued before that");
  }, 120_000);

  test("[K2] a server that is killed between taking the run and answering queues it once", async () => {
    const lab = openLab();
    await lab.ml(["server", "start"], faulty("server/before-reply:1:kill"));
    lab.put("train.py", "print('x')\n");
    const queueing = lab.start(["queue", "-q", "train.py"]);
    await until("the run on disk", () => runsOnDisk(lab).length === 1);
    await until("the server's death", async () =>
      (await lab.ml(["server", "status", "--json"])).stdout.includes('"running": false'),
    );
    await lab.ml(["server", "start"]);
    expect(await queueing.ended).toBe(0);
    expect(runsOnDisk(lab)).toEqual([queueing.stdout().trim()]);
  }, 120_000);
});
