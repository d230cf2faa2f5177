import { describe, expect, test } from "bun:test";
import { lineWidth, paint } from "../../../src/view/face.ts";
import { fileTable } from "../../../src/view/file-page.ts";
import { findPage } from "../../../src/view/find-page.ts";
import { gpuLines } from "../../../src/view/gpu-lines.ts";
import { infoPage } from "../../../src/view/info-page.ts";
import { verdictCounts } from "../../../src/view/mark.ts";
import { lessonsPage } from "../../../src/view/memory-pages.ts";
import { curves } from "../../../src/view/metric.ts";
import { metricTable } from "../../../src/view/metric-page.ts";
import { reviewPage } from "../../../src/view/review-page.ts";
import { changeLine, plainRun, runRow } from "../../../src/view/run-row.ts";
import { similarPage } from "../../../src/view/similar-page.ts";
import { statusPage } from "../../../src/view/status-page.ts";
import { submittedLine } from "../../../src/view/submitted-line.ts";
import { verdictBlock } from "../../../src/view/verdict-block.ts";
import * as sample from "./sample.ts";

const { face, text } = sample;
const points = Array.from({ length: 50 }, (_, step) => [
  { name: "val_loss", value: 1 / (step + 1), step, t: step },
  { name: "val_acc", value: step === 30 ? 0.95 : step / 60, step, t: step },
]).flat();
const failedDetail = sample.detail(sample.failed, {
  failure: {
    kind: "gpu_oom",
    message: "CUDA out of memory: tried to allocate 2.00 GiB",
    hint: "use a smaller batch",
    traceback: Array.from({ length: 12 }, (_, line) => `line ${line}`).join("\n"),
  },
});

describe("status page", () => {
  test("wide", () => expect(text(statusPage(sample.status(), face(120)))).toMatchSnapshot());
  test("80 columns", () => expect(text(statusPage(sample.status(), face(80)))).toMatchSnapshot());
  test("narrow", () => expect(text(statusPage(sample.status(), face(44)))).toMatchSnapshot());
  test("ASCII", () => expect(text(statusPage(sample.status(), face(100, false)))).toMatchSnapshot());
  test("not cut off a terminal", () =>
    expect(text(statusPage(sample.status(), face(Infinity)))).toContain(sample.waiting.command));
  test("with nothing to show, it says what to type", () =>
    expect(text(statusPage(sample.status({ running: [], waiting: [], recent: [] }), face(80)))).toContain(
      "ml queue train.py",
    ));

  test("what closes the door to new runs is said once", () => {
    const [worker] = sample.status().workers;
    if (worker === undefined) throw new Error("the sample has a worker");
    const hot = "GPU 0 is at 91 °C and `max_temperature_c` is 85";
    const door = ["this host is set aside: moving it", hot, "these are quiet hours"].map((why) => ({
      why,
      until: null,
    }));
    const { server } = sample.status();
    const page = statusPage(
      sample.status({
        server: { ...server, problems: ["host `gpu01` is set aside: moving it; `ml enable host gpu01` returns it"] },
        workers: [{ ...worker, door, problems: [`${hot}: no run starts`] }],
      }),
      face(200),
    );
    for (const words of ["is set aside", hot, "these are quiet hours"])
      expect([words, text(page).split(words).length - 1]).toEqual([words, 1]);
  });

  test("a line a card: who has it, how far, how long still; cards of the same state together", () => {
    const whole = sample.status();
    const [worker] = whole.workers;
    const [run] = whole.running;
    const [busy, idle] = worker?.gpus ?? [];
    if (worker === undefined || run === undefined || busy === undefined || idle === undefined)
      throw new Error("sample");
    const gpus = [
      busy,
      idle,
      { ...idle, index: 2, blocked: "process 4711 (python3) of user bob, 18 GB, uses it" },
      { ...idle, index: 3 },
    ];
    const running = [
      { ...run, eta: "2026-11-23T23:14:00Z", progress: { text: "50/100", fraction: 0.5, eta_seconds: null } },
    ];
    const lines = text(gpuLines({ ...whole, running, workers: [{ ...worker, gpus }] }, face(80)));
    expect(lines).toBe(
      "GPU 0: running batch_size_64 k3f9ab (50% complete, ETA 2h00m)\n" +
        "GPU 1,3: idle\nGPU 2: not free: process 4711 (python3) of user bob, 18 GB, uses it\n",
    );
    expect(gpuLines({ ...whole, workers: [{ ...worker, gpus: [] }] }, face(80))).toEqual([]);
  });

  test("no line is wider than the terminal, at any width", () => {
    for (let width = 20; width <= 160; width += 7)
      for (const unicode of [true, false])
        for (const line of statusPage(sample.status(), face(width, unicode)))
          expect(lineWidth(line)).toBeLessThanOrEqual(width);
  });

  test("problems come first, wrapped and never cut", () => {
    const problem =
      "redis is down: connection refused at 127.0.0.1:6379; new runs go to the filesystem queue meanwhile";
    const { server } = sample.status();
    const page = text(statusPage(sample.status({ server: { ...server, problems: [problem] } }), face(50)));
    expect(page.replaceAll(/\s+/g, " ")).toContain(problem);
    expect(page.indexOf("redis")).toBeLessThan(page.indexOf("Running"));
  });

  test("waiting runs without a worker alive are explained", () => {
    const [worker] = sample.status().workers;
    const page = statusPage(sample.status({ workers: [{ ...worker!, alive: false }] }), face(100));
    expect(text(page)).toContain("no worker is alive");
  });

  test("what server and worker both say is said once", () => {
    const status = sample.status();
    const [worker] = status.workers;
    const said = { ...worker!, problems: ["the disk is full"] };
    const problems = [`worker \`${said.worker}\`: the disk is full`];
    const page = text(statusPage({ ...status, workers: [said], server: { ...status.server, problems } }, face(100)));
    expect(page.split("the disk is full").length).toBe(2);
  });

  test("subtitles give way where the screen is low", () => {
    expect(text(statusPage(sample.status(), face(100), { height: 12 }))).not.toContain("linear LR");
    expect(text(statusPage(sample.status(), face(100), { height: 40 }))).toContain("linear LR");
  });

  test("[S6] names, notes and messages cannot reach the terminal", () => {
    const evil = "\x1b]0;x\x07\u202e";
    const run = sample.summary({
      name: evil,
      command: evil,
      hypothesis: evil,
      progress: { text: evil, fraction: null, eta_seconds: null },
    });
    const painted = statusPage(sample.status({ running: [run] }), face(120))
      .map((line) => paint(line, true))
      .join("\n");
    expect(painted.replaceAll(/\x1b\[\d*m/g, "")).not.toMatch(/[\x00-\x09\x0b-\x1f\u202e]/);
  });

  test("without colour there is no escape code", () => {
    for (const line of statusPage(sample.status(), face(100))) expect(paint(line, false)).not.toContain("\x1b");
  });
});

describe("one run", () => {
  test("verdict of a failure", () =>
    expect(text(verdictBlock(failedDetail, curves(points), face(90)))).toMatchSnapshot());
  test("verdict of a success", () => {
    const detail = sample.detail(sample.completed, {
      artifacts: {
        discovery_time: sample.now,
        total_size_bytes: 12_300_000,
        not_listed: 0,
        files: [
          { path: "checkpoints/best.pt", size_bytes: 12_000_000, modified: sample.now },
          { path: "results.csv", size_bytes: 300_000, modified: sample.now },
        ],
      },
    });
    expect(text(verdictBlock(detail, curves(points), face(100)))).toMatchSnapshot();
  });
  test("a run that was cancelled in the line never started", () =>
    expect(text(verdictBlock(sample.detail(sample.cancelled), [], face(100)))).toContain(
      "cancelled before it started",
    ));
  test("info, narrow", () => expect(text(infoPage(failedDetail, curves(points), face(70)))).toMatchSnapshot());
  test("a change as a line of a log", () =>
    expect(text([changeLine(sample.failed, face(Infinity))])).toBe(
      "21:14:00 ✗ failed  batch_128 2026-11-23_bbbbbb  after 3m12s  gpu_oom: CUDA out of memory: tried to allocate 2.00 GiB\n",
    ));
  test("a verdict has the tone of what it means, the same in every list and page", () => {
    const tones = { validates: "good", refutes: "bad", inconclusive: "warn", partial: "warn" } as const;
    for (const [verdict, tone] of Object.entries(tones)) {
      const run = { ...sample.completed, validation_status: verdict };
      const similar = { run, score: 1, same_code: true, differs: [], outcome: null, learnings: [] };
      const detail = sample.detail(run);
      detail.manifest.narrative.validation_status = verdict as keyof typeof tones;
      const found = { run, values: {}, snippet: null };
      const search = {
        query: "",
        interpreted: false,
        columns: [],
        next: null,
        more: false,
        total: 1,
        behind: 0,
        explain: [],
        unmatched: [],
      };
      const pages = [
        [runRow(run, { face: face(100), showUser: false }).state ?? []],
        similarPage({ run_id: null, runs: [similar], behind: 0 }, face(100)),
        infoPage(detail, null, face(100)),
        findPage({ ...search, runs: [found] }, face(100)),
        [verdictCounts({ [verdict]: 2 }, face(100))],
      ];
      for (const page of pages)
        expect(page.flat().find((part) => part.text.startsWith(verdict.slice(0, 4)))?.tone).toBe(tone);
    }
  });
  test("plain fields are whole, and null where unknown", () =>
    expect(plainRun(sample.waiting)).toEqual([
      ...["2026-11-23_x2k4aa", "queued", "warmup_test", "ana", 5, 1, "2026-11-23T20:00:00Z", null, null, null, null],
      "python train.py --lr 1e-4 --warmup 500",
    ]));
  test("the echo of a submission", () => {
    const run = {
      run_id: "2026-11-23_k3f9ab",
      name: "train",
      status: "queued" as const,
      position: 2,
      folder: "/data",
      duplicate: false,
      eta_range: null,
      waits_for: [],
    };
    const line = submittedLine(
      { ...run, eta: "2026-11-23T22:30:00Z", command: "python train.py --lr 3e-4" },
      { face: face(20) },
    );
    expect(text([line])).toBe("queued 2026-11-23_k3f9ab (position 2, ETA 22:30): python train.py --lr 3e-4\n");
  });
});

describe("tables", () => {
  test("metrics", () => expect(text(metricTable(curves(points), face(100)))).toMatchSnapshot());
  test("metrics in ASCII", () => expect(text(metricTable(curves(points), face(60, false)))).toMatchSnapshot());
  test("files", () => {
    const entry = { kind: "file" as const, modified: sample.now, origin: "artifact" as const };
    const entries = [
      { ...entry, path: "work", kind: "folder" as const, size_bytes: 0, origin: "code" as const },
      { ...entry, path: "work/best.pt", size_bytes: 12_000_000 },
      { ...entry, path: "output.log", size_bytes: 812, origin: "record" as const },
    ];
    expect(text(fileTable(entries, face(80)))).toMatchSnapshot();
  });
});

describe("memory and searches in few words", () => {
  const nothing = {
    interpreted: false,
    columns: [],
    runs: [],
    next: null,
    more: false,
    total: null,
    behind: 0,
    explain: [],
  };
  const said = (query: string, unmatched: string[]) =>
    text(findPage({ ...nothing, query, unmatched }, face(100))).split("\n")[2];
  test("a search that finds nothing says which part of it is at fault", () => {
    expect(said("zzz", ["zzz"])).toBe("No run matches.");
    expect(said("status:failed lr>100 zzz", ["lr>100", "zzz"])).toBe(
      "No run matches. lr>100 and zzz fit none by themselves.",
    );
    expect(said("status:failed lr>100", ["lr>100"])).toBe("No run matches. lr>100 fits none by itself.");
    expect(said("status:failed lr>1", [])).toBe("No run matches. Each part fits some run, but none fits all.");
  });
  test("what follows a page is older, or newer where the oldest come first", () => {
    const one = { run: sample.failed, values: {}, snippet: null };
    const follows = (query: string) =>
      text(findPage({ ...nothing, query, unmatched: [], runs: [one], next: "2026-11-23_k3f9ab" }, face(100)));
    expect(follows("lr>1")).toContain("older ones follow: add --before k3f9ab");
    expect(follows("lr>1 sort:oldest")).toContain("newer ones follow: add --before k3f9ab");
  });
  test("a lesson that many drew says how many, what they came to, and the latest", () => {
    const source = (at: number) => ({
      kind: "run" as const,
      id: `2026-11-23_k3f9a${at}`,
      name: "train",
      user: "ana",
      at: sample.now,
      verdict: at < 3 ? "refutes" : null,
    });
    const page = (many: number) =>
      text(
        lessonsPage([{ text: "less is more", sources: Array.from({ length: many }, (_, at) => source(at)) }], face(80)),
      );
    expect(page(5)).toBe(
      "• less is more\n  5 times: 3 refutes, 2 without a verdict\n  latest train k3f9a0 refutes  ana, 21:14\n",
    );
    expect(page(2)).toBe("• less is more\n  train k3f9a0 refutes  ana, 21:14\n  train k3f9a1 refutes  ana, 21:14\n");
  });
  test("a review tells the whole hypothesis and the command, which runs of a sweep differ in", () => {
    const hypothesis = "a long thought that does not fit into one line of a narrow terminal and is wrapped";
    const judged = sample.detail(sample.completed, {});
    const { narrative } = judged.manifest;
    const page = text(
      reviewPage(
        { ...judged, manifest: { ...judged.manifest, narrative: { ...narrative, hypothesis } } },
        { face: face(60), at: 1, of: "2" },
      ),
    );
    expect(page).toContain("terminal and is wrapped");
    expect(page).toMatch(/^ {2}command +python /m);
  });
});
