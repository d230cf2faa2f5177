/**
 * A temporary server with a believable past and present: ten months of runs from test/support/corpus.ts, and some that
 * run, wait and fail now. For trying the terminal UI and for its pictures; everything is gone at the end.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeCorpus } from "../test/support/corpus.ts";

const ml = join(import.meta.dir, "../dist/ml");

const trainPy = `import math, random, sys, time
args = dict(zip(sys.argv[1::2], sys.argv[2::2]))
epochs, pause, lr = int(args.get("--epochs", 60)), float(args.get("--pause", 1)), float(args.get("--lr", 3e-4))
random.seed(int(lr * 1e6))
print(f"\\x1b[1mtraining\\x1b[0m with lr {lr:g} for {epochs} epochs", flush=True)
for epoch in range(1, epochs + 1):
    loss = 0.4 + 2.2 * math.exp(-epoch / (epochs / 4)) + random.uniform(-0.04, 0.04)
    acc = 0.91 - 0.6 * math.exp(-epoch / (epochs / 5)) + random.uniform(-0.012, 0.012)
    print(f"epoch {epoch}/{epochs}  loss {loss:.4f}  \\x1b[32mval_acc {acc:.4f}\\x1b[0m")
    print(f"ml:metric loss={loss:.5f} val_acc={acc:.5f} step={epoch}", flush=True)
    if "--fail" in args and epoch == int(args["--fail"]):
        print("torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", file=sys.stderr, flush=True)
        sys.exit(1)
    time.sleep(pause)
`;

export interface Sandbox {
  home: string;
  project: string;
  env: Record<string, string>;
  /** One of our commands, to its end; its standard output. */
  run(...words: string[]): Promise<string>;
  end(): Promise<void>;
}

/** `pastRuns`: how many runs of the past. */
export async function openSandbox(options: { pastRuns: number }): Promise<Sandbox> {
  const home = mkdtempSync(join(tmpdir(), "ml-sandbox-"));
  const project = join(home, "project");
  mkdirSync(project);
  writeFileSync(join(project, "train.py"), trainPy);
  for (const [name, count] of [
    ["imagenet-mini", 40],
    ["tiny-images", 12],
  ] as const) {
    mkdirSync(join(home, "nas", name), { recursive: true });
    for (let at = 0; at < count; at++) writeFileSync(join(home, "nas", name, `${at}.bin`), Buffer.alloc(500_000, at));
  }
  writeCorpus(join(home, ".ml/data"), { count: options.pastRuns, seed: 7, untilMs: Date.now() - 3_600_000 });
  const env: Record<string, string> = {
    PATH: process.env.PATH ?? "",
    HOME: home,
    LANG: "C.UTF-8",
    ML_SLOTS: "2",
    ML_PREWARM: "all",
  };
  const run = async (...words: string[]) => {
    const child = Bun.spawn([ml, ...words], { cwd: project, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    if ((await child.exited) !== 0) throw new Error(`ml ${words.join(" ")}: ${stderr}`);
    return stdout.trim();
  };
  await run("server", "start");
  return {
    home,
    project,
    env,
    run,
    async end() {
      const live = JSON.parse(await run("status", "--json")) as Record<"running" | "waiting", { run_id: string }[]>;
      const ids = [...live.waiting, ...live.running].map((one) => one.run_id);
      if (ids.length > 0) await run("cancel", "--now", "--yes", ...ids);
      await run("server", "stop");
      Bun.spawnSync(["chmod", "-R", "u+rwX", home]);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** What is going on now: two runs under way, a line behind them, one that has just failed and one that went well. */
export async function fillPresent({ home, run }: Sandbox): Promise<void> {
  const queue = (name: string, flags: readonly string[], ...words: string[]) =>
    run("queue", "-q", "--name", name, ...flags, "train.py", ...words);
  const ended = await Promise.all([
    queue("batch_128", ["--hypothesis", "128 still fits"], "--epochs", "9", "--pause", "0.01", "--fail", "3"),
    queue("imagenet_baseline", ["--expect", "val_acc>=0.85"], "--epochs", "40", "--pause", "0.01"),
    queue("lr_3e-4", ["--group", "lr", "--hypothesis", "3e-4 is best"], "--epochs", "40", "--pause", "0.01"),
    queue(
      "lr_1e-3",
      ["--group", "lr", "--hypothesis", "1e-3 is best"],
      "--epochs",
      "40",
      "--pause",
      "0.01",
      "--lr",
      "1e-3",
    ),
  ]);
  await run("wait", ...ended).catch(() => {});
  const grid = ["--name", "lr-sweep", "--grid", "lr=1e-2,3e-3,1e-3,3e-4", "--goal", "val_acc"];
  await run("sweep", "-q", ...grid, "train.py", "--epochs", "40", "--pause", "0.01");
  await run("dataset", "add", "imagenet-mini", join(home, "nas/imagenet-mini"), "--version", "ILSVRC2012");
  await run("dataset", "add", "tiny-images", join(home, "nas/tiny-images"));
  await run("prewarm", "tiny-images", "--pin");
  await queue("batch_size_64", ["--hypothesis", "linear LR scaling holds"], "--epochs", "100", "--pause", "1");
  const why = ["--hypothesis", "warmup removes the early loss spike", "--expect", "val_acc>=0.85 in <4h"];
  await queue("warmup_test", why, "--epochs", "60", "--pause", "1.5");
  await queue(
    "smaller_lr",
    ["--note", "advisor: try a smaller learning rate with warmup", "--priority", "7"],
    "--lr",
    "1e-4",
  );
  await queue(
    "long_context",
    ["--data", "imagenet-mini", "--hypothesis", "longer context lowers perplexity"],
    "--epochs",
    "200",
  );
  await queue("ablate_dropout", ["--hold", "--tag", "ablation"], "--epochs", "50");
}
