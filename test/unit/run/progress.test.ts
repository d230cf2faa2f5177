/** Progress in recorded outputs of the usual tools, byte for byte as they write them, and in things that are none. */
import { describe, expect, test } from "bun:test";
import { etaFrom, PROGRESS_TAIL_BYTES, type Progress, parseProgress } from "../../../src/run/progress.ts";

const nothing = { done: null, total: null, fraction: null, unit: null, etaSeconds: null };
const expectProgress = (output: string, progress: Partial<Progress> & { text: string }) =>
  expect(parseProgress(output)).toEqual({ ...nothing, ...progress });
const epoch = (done: number, total: number, fraction: number, more = {}) => ({
  done,
  total,
  fraction,
  unit: "epoch",
  text: `epoch ${done}/${total}`,
  ...more,
});

describe("epoch and step counters", () => {
  for (const line of [
    "epoch 45/100",
    "Epoch 45/100",
    "Epoch [45/100]",
    "Epoch: 45 / 100",
    "Epoch: 45/100 - loss: 0.231 - acc: 0.93",
    "Epoch [45/100], Loss: 0.2310",
    "Epoch #45/100",
    "epoch=45/100 lr=3e-4",
    "Epoch 45 of 100",
    "Epoch 045/100 | train loss 0.231",
    "[2026-11-23 18:02:11] INFO Epoch 45/100 loss=0.23",
    "2026/11/23 18:02:11 - train - INFO - Epoch 45/100 loss=0.23",
    "epoch 45/100  loss 0.231  val_acc 0.948  2.1 s",
    "45/100 epochs done",
    "\x1b[32mEpoch\x1b[0m \x1b[1m45\x1b[0m/100",
  ]) {
    test(`an epoch of many: ${JSON.stringify(line)}`, () => {
      expectProgress(`some output\n${line}\n`, epoch(45, 100, 0.45));
      expectProgress(line, epoch(45, 100, 0.45));
    });
  }

  test("the latest counts, and what follows without a counter does not hide it", () => {
    expectProgress("epoch 1/3 loss 0.5\nepoch 2/3 loss 0.4\nsaved checkpoint\n", epoch(2, 3, 2 / 3));
  });

  test("steps, iterations and batches, with and without thousands separators", () => {
    expectProgress("step 1200/5000 loss 2.31", {
      done: 1200,
      total: 5000,
      fraction: 0.24,
      unit: "step",
      text: "step 1200/5000",
    });
    expectProgress("[Step 1,200/5,000] loss 2.31", {
      done: 1200,
      total: 5000,
      fraction: 0.24,
      unit: "step",
      text: "step 1200/5000",
    });
    expectProgress("iter 300/1000: loss 2.1", {
      done: 300,
      total: 1000,
      fraction: 0.3,
      unit: "iter",
      text: "iter 300/1000",
    });
    expectProgress(" iteration      300/    1000 | consumed samples:  2400 |", {
      done: 300,
      total: 1000,
      fraction: 0.3,
      unit: "iteration",
      text: "iteration 300/1000",
    });
    expectProgress("1200/5000 steps, 3.1 steps/s", {
      done: 1200,
      total: 5000,
      fraction: 0.24,
      unit: "step",
      text: "step 1200/5000",
    });
    expectProgress("Batches: 12 / 48", { done: 12, total: 48, fraction: 0.25, unit: "batch", text: "batch 12/48" });
    expectProgress("[45/100] train_loss=0.4", { done: 45, total: 100, fraction: 0.45, text: "45/100" });
  });

  test("an epoch with an inner counter on its line gives the fraction of the whole (PyTorch's tutorials)", () => {
    expectProgress(
      "Epoch [3/10], Step [100/600], Loss: 0.5123\nEpoch [3/10], Step [300/600], Loss: 0.4123\n",
      epoch(3, 10, 0.25, { text: "epoch 3/10, step 300/600" }),
    );
    expectProgress("Epoch: [3/10] [ 450/900] loss 0.3", epoch(3, 10, 0.25, { text: "epoch 3/10, 450/900" }));
  });

  test("an inner counter where nobody says how many epochs there are gives no fraction", () => {
    for (const [line, text] of [
      ["Train Epoch: 3 [640/60000 (1%)]\tLoss: 2.301", "epoch 3, 640/60000"],
      [
        "Epoch: [3]  [ 450/5000]  eta: 0:12:33  lr: 0.02  loss: 0.4 (0.5)  time: 0.16  max mem: 4213",
        "epoch 3, 450/5000",
      ],
      ["Epoch: [3][ 450/5000]\tTime  0.2 ( 0.3)\tLoss 4.1e+00", "epoch 3, 450/5000"],
      ["epoch 003:  45 / 100 loss=9.2, ppl=600", "epoch 3, 45/100"],
    ] as const) {
      const found = parseProgress(line);
      expect([found?.text, found?.fraction, found?.etaSeconds]).toEqual([text, null, null]);
    }
  });

  test("an epoch counted from zero begins at nothing", () => {
    expect(parseProgress("Epoch 0/24\n----------\ntrain Loss: 0.5 Acc: 0.7\n")?.fraction).toBe(0);
  });

  test("a line's own ETA is taken (MMEngine, plain scripts)", () => {
    expectProgress(
      "2026/11/23 18:44:01 - mmengine - INFO - Iter(train) [ 300/1000]  lr: 1.0e-02  eta: 1:23:45  time: 0.3",
      { done: 300, total: 1000, fraction: 0.3, unit: "iter", etaSeconds: 5025, text: "iter 300/1000" },
    );
    const mm = parseProgress(
      "11/23 18:44:01 - mmengine - INFO - Epoch(train)  [3][ 450/5000]  lr: 1.0e-02  eta: 1 day, 1:00:00",
    );
    expect([mm?.text, mm?.fraction, mm?.etaSeconds]).toEqual(["epoch 3, 450/5000", null, 90_000]);
    expect(parseProgress("epoch 45/100 loss 0.3 (ETA 12m 30s)")?.etaSeconds).toBe(750);
    expect(parseProgress("epoch 45/100 loss 0.3, 0:12:30 remaining")?.etaSeconds).toBe(750);
  });
});

describe("tqdm", () => {
  const bar = (n: number, times = "00:12<00:15,  3.60it/s") =>
    `${String(n).padStart(3)}%|${"█".repeat(Math.floor(n / 10)).padEnd(10)}| ${n}/100 [${times}]`;

  test("a bar redrawn in place, with and without a description", () => {
    const half = { done: 45, total: 100, fraction: 0.45, unit: "it", etaSeconds: 15, text: "45/100" };
    expectProgress(`\r${bar(0, "00:00<?, ?it/s")}\r${bar(44)}\r${bar(45)}`, half);
    expectProgress(`loading\n\rTraining: ${bar(44)}\rTraining: ${bar(45)}`, half);
    expectProgress(`\r${bar(0, "00:00<?, ?it/s")}`, { ...half, done: 0, fraction: 0, etaSeconds: null, text: "0/100" });
    expectProgress("\r 45%|####5     | 45/100 [00:12<00:15,  3.60it/s, loss=0.31, acc=93%]", half);
    expectProgress("45% 45/100 [00:12<00:15,  3.60it/s]", half);
  });

  test("slow, scaled and endless ones", () => {
    expectProgress(" 10%|█         | 1/10 [1:00:00<9:00:00, 3600.00s/batch]", {
      done: 1,
      total: 10,
      fraction: 0.1,
      unit: "batch",
      etaSeconds: 32_400,
      text: "batch 1/10",
    });
    expectProgress(" 45%|████▌     | 45.0M/100M [00:12<00:15, 3.60MB/s]", {
      done: 45e6,
      total: 100e6,
      fraction: 0.45,
      unit: "MB",
      etaSeconds: 15,
      text: "45M/100M",
    });
    expectProgress("\r44it [00:11,  3.60it/s]\r45it [00:12,  3.60it/s]", { done: 45, unit: "it", text: "45" });
  });

  test("a description with an epoch of many", () => {
    // 2.45 of 10 epochs; this one has 15 s left of its 27 s, and seven follow.
    const whole = epoch(3, 10, 0.245, { etaSeconds: 15 + 7 * 27, text: "epoch 3/10, 45/100" });
    const found = parseProgress(`Epoch 2/10: ${bar(100, "00:27<00:00, 3.6it/s")}\nEpoch 3/10: ${bar(45)}`);
    expect(found).toEqual({
      ...(whole as unknown as Progress),
      fraction: expect.closeTo(0.245, 9) as unknown as number,
    });
    expect(parseProgress(`Epoch 3/10: ${bar(45, "00:01<00:01, 45.1it/s")}`)?.etaSeconds).toBeNull(); // too coarse
    expect(parseProgress(`Epoch 0/10: ${bar(45)}`)?.fraction).toBeLessThan(0.05);
  });

  test("a bar under an epoch's line belongs to it: to the next one where the line gives results", () => {
    expect(parseProgress(`Epoch 3/10\n\r${bar(45)}`)?.fraction).toBeCloseTo(0.245, 9);
    const found = parseProgress(`epoch 2/10 loss 0.4\n\r${bar(45)}`);
    expect([found?.text, found?.fraction]).toEqual([
      "epoch 3/10, 45/100",
      expect.closeTo(0.245, 9) as unknown as number,
    ]);
    expect(parseProgress(`epoch 10/10 loss 0.4\nTest: ${bar(45)}`)?.fraction).toBe(1);
  });

  test("nested bars: the outer one is the run, the inner one a part of its next step", () => {
    const outer = (n: number) => `Epochs:  ${n}0%|███       | ${n}/10 [01:21<03:09, 27.0s/it]`;
    const output = `\r${outer(3)}\n\r${bar(0)}\x1b[A\n\r${bar(20)}\x1b[A\n\r${bar(50)}\x1b[A`;
    expectProgress(output, { done: 3, total: 10, fraction: 0.35, unit: "it", etaSeconds: 189, text: "3/10, 50/100" });
    expectProgress(output.slice(output.indexOf("[00:12")), {
      done: 50,
      total: 100,
      fraction: 0.5,
      unit: "it",
      etaSeconds: 15,
      text: "50/100",
    });
    const closed = `${output}\n\r${" ".repeat(60)}\r\x1b[A\r${outer(4)}`;
    expectProgress(closed, { done: 4, total: 10, fraction: 0.4, unit: "it", etaSeconds: 189, text: "4/10" });
  });

  test("the same bar again and again is a part of an unknown whole", () => {
    const found = parseProgress(`\r${bar(100, "00:27<00:00, 3.6it/s")}\nloss 0.3\n\r${bar(45)}`);
    expect(found).toEqual({ done: 45, total: 100, fraction: null, unit: "it", etaSeconds: null, text: "45/100" });
  });

  test("a bar that is over and left behind is no progress", () => {
    const shards = "\rLoading checkpoint shards: 100%|██████████| 4/4 [00:05<00:00,  1.33s/it]\n";
    expect(parseProgress(shards)?.fraction).toBe(1);
    expect(parseProgress(`${shards}{'loss': 0.5}\n`)).toBeNull();
  });

  test("Hugging Face's Trainer: its bar is of the whole, evaluation is nested, its logs are between", () => {
    const main = (n: number) => `\r ${n / 10}%|█████     | ${n}/1000 [01:40<01:40,  5.00it/s]`;
    const log = "{'loss': 0.5123, 'grad_norm': 1.2, 'learning_rate': 2.5e-05, 'epoch': 1.5}";
    const output = `***** Running training *****\n  Num Epochs = 3\n${main(499)}${main(500)}\r${" ".repeat(60)}\r${log}\n${main(500)}`;
    const half = { done: 500, total: 1000, fraction: 0.5, unit: "it", etaSeconds: 100 };
    expectProgress(output, { ...half, text: "500/1000" });
    const evaluation = `${output}\n\r  0%|          | 0/63 [00:00<?, ?it/s]\x1b[A\n\r 33%|███▎      | 21/63 [00:01<00:02, 14.0it/s]\x1b[A`;
    const found = parseProgress(evaluation);
    expect([found?.text, found?.etaSeconds]).toEqual(["500/1000, 21/63", 100]);
    expect(found?.fraction).toBeCloseTo(0.5003, 4);
  });

  test("Ultralytics: the epoch stands before the memory", () => {
    const head = "      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size\n";
    const found = parseProgress(
      `${head}\r      3/100      2.38G      1.021      1.35      1.12         23        640:  50%|█████     | 4/8 [00:01<00:01,  3.9it/s]`,
    );
    expect([found?.text, found?.fraction]).toEqual(["epoch 3/100, 4/8", 0.025]);
  });
});

describe("Lightning", () => {
  const line = "Epoch 3:  45%|████▌     | 45/100 [00:12<00:15,  3.60it/s, v_num=0, train_loss=0.412]";

  test("says which epoch, and not of how many: no fraction of the whole, no ETA", () => {
    const found = { done: 45, total: 100, unit: "it", text: "epoch 3, 45/100" };
    expectProgress(`\rEpoch 3:  44%|████▍     | 44/100 [00:12<00:15,  3.60it/s, v_num=0]\r${line}`, found);
    expectProgress("Epoch 3: |          | 45/? [00:12<?,  3.60it/s, v_num=0]", {
      done: 45,
      unit: "it",
      text: "epoch 3, 45",
    });
  });

  test("validation's nested bar does not hide the epoch", () => {
    const output = `\r${line}\n\rValidation: |          | 0/? [00:00<?, ?it/s]\x1b[A\n\rValidation DataLoader 0:  30%|███       | 3/10 [00:00<00:00, 55.1it/s]\x1b[A`;
    expect(parseProgress(output)?.text).toBe("epoch 3, 45/100");
  });

  test("its rich bar counts from 0/9 to 9/9", () => {
    const output =
      "\x1b[37mEpoch 3/9 \x1b[0m \x1b[38;2;98;6;224m━━━━━━━━━━━━━━━━━━━━\x1b[0m\x1b[38;2;98;6;224m╺\x1b[0m\x1b[38;5;237m━━━━━━━━━━━━━━━━━━━\x1b[0m \x1b[37m50/100\x1b[0m \x1b[38;5;245m0:00:12 • 0:00:14\x1b[0m \x1b[38;5;249m3.60it/s\x1b[0m \x1b[37mv_num: 0 train_loss: 0.412\x1b[0m";
    expectProgress(output, {
      done: 3,
      total: 9,
      fraction: 0.35,
      unit: "epoch",
      etaSeconds: 14 + 6 * 26,
      text: "epoch 3/9, 50/100",
    });
    expect(parseProgress(`${output.replace("3/9", "9/9").replace("50/100", "100/100")}`)?.fraction).toBe(1);
  });
});

describe("Keras", () => {
  const two = (n: number, rest: string) => `\r${String(n).padStart(3)}/469 [==========>...................] - ${rest}`;

  test("version 2: a heading, then a bar with its ETA", () => {
    const output = `Epoch 1/10\n${two(469, "3s 7ms/step - loss: 0.6")}\nEpoch 2/10\n${two(1, "ETA: 2:03 - loss: 0.5")}${"\b".repeat(60)}${two(67, "ETA: 12s - loss: 0.4 - accuracy: 0.8812")}`;
    const found = parseProgress(output);
    expect([found?.text, found?.etaSeconds]).toEqual(["epoch 2/10, step 67/469", null]);
    expect(found?.fraction).toBeCloseTo((1 + 67 / 469) / 10, 9);
  });

  test("version 3: colours, and a line instead of a box", () => {
    const output =
      "Epoch 3/10\n\r\x1b[1m  1/469\x1b[0m \x1b[37m━━━━━━━━━━━━━━━━━━━━\x1b[0m \x1b[1m3:22\x1b[0m 434ms/step - accuracy: 0.0938 - loss: 2.41\b\b\b\r\x1b[1m 67/469\x1b[0m \x1b[32m━━\x1b[0m\x1b[37m━━━━━━━━━━━━━━━━━━\x1b[0m \x1b[1m1s\x1b[0m 3ms/step - accuracy: 0.4427 - loss: 1.81";
    const found = parseProgress(output);
    expect([found?.text, found?.unit]).toEqual(["epoch 3/10, step 67/469", "epoch"]);
    expect(found?.fraction).toBeCloseTo((2 + 67 / 469) / 10, 9);
  });

  test("an epoch that is over counts whole, its quiet form too, and a fresh heading adds nothing", () => {
    expect(parseProgress(`Epoch 2/10\n${two(469, "3s 7ms/step - loss: 0.6")}\n`)?.fraction).toBe(0.2);
    expect(parseProgress("Epoch 2/10\n469/469 - 3s - loss: 0.6 - 3s/epoch - 7ms/step\n")?.fraction).toBe(0.2);
    expect(parseProgress(`Epoch 2/10\n${two(469, "3s 7ms/step")}\nEpoch 3/10\n`)?.fraction).toBe(0.2);
  });

  test("a bar without its heading, or without a total, says nothing of the whole", () => {
    expectProgress(two(67, "ETA: 12s - loss: 0.4"), { done: 67, total: 469, unit: "step", text: "step 67/469" });
    expectProgress("\r     45/Unknown - 3s 26ms/step - loss: 0.4", { done: 45, unit: "step", text: "step 45" });
  });
});

describe("other bars and percentages", () => {
  test("rich, pip, wget, click, progressbar2, fastprogress", () => {
    expectProgress("Working... ━━━━━━━━━━━━━━━━━━╸━━━━━━━━━━━━━━━━━━━━━  45% 0:00:15", {
      fraction: 0.45,
      etaSeconds: 15,
      text: "45%",
    });
    expectProgress("   ━━━━━━━━━━━━━━━━━━╸━━━━━━━━━━━━ 12.0/48.0 MB 5.6 MB/s eta 0:00:06", {
      done: 12,
      total: 48,
      fraction: 0.25,
      unit: "MB",
      etaSeconds: 6,
      text: "12/48",
    });
    expectProgress("data.tar     45%[=======>            ]  1.23M  3.60MB/s    eta 15s", {
      fraction: 0.45,
      etaSeconds: 15,
      text: "45%",
    });
    expectProgress("  [################--------------------]   45%  00:00:15", {
      fraction: 0.45,
      etaSeconds: 15,
      text: "45%",
    });
    expectProgress(" 45% (45 of 100) |#########           | Elapsed Time: 0:00:12 ETA:   0:00:15", {
      done: 45,
      total: 100,
      fraction: 0.45,
      etaSeconds: 15,
      text: "45/100",
    });
    expect(parseProgress("Epoch 3/10 : |████------| 45.00% [45/100 00:12<00:15 0.41]")?.fraction).toBeCloseTo(0.245, 9);
  });

  test("percentages that stand alone or say what they are", () => {
    for (const line of ["45%", " 45.0 % ", "(45%)", "45% done", "45 % complete", "Progress: 45%", "progress=45%"]) {
      expectProgress(`${line}\n`, { fraction: 0.45, text: "45%" });
    }
    expectProgress("45.5 % done\n", { fraction: 0.455, text: "45.5%" });
  });
});

describe("no progress", () => {
  for (const line of [
    "",
    "accuracy 93%",
    "accuracy: 93% (best 94%)",
    "val_acc=0.93 top5 99.1%",
    "3/4 of the data is used for training",
    "11/23",
    "11/23 18:30:01 starting",
    "2026/11/23 18:30:01 starting",
    "on 11/23/2026 step 11/23/2026 failed",
    "GPU 1/2",
    "using GPU 1/2, rank 0/4",
    "Model: 12/16 layers frozen",
    "batch size 32/64",
    "learning rate 1/2 of before",
    "GPU utilisation 45%",
    "memory: 45% used",
    "downloaded 3 files, 12% smaller",
    "km/h 120/130",
    "http://example.org/epoch/3/10",
    "epoch 3.5/10.2",
    "epoch 12/10",
    "step 5/0",
    "| model | acc |\n|-------|-----|\n|        | 93% |",
    'Traceback (most recent call last):\n  File "train.py", line 45/100',
    "{'loss': 0.5, 'learning_rate': 5e-05, 'epoch': 0.45}",
    "timesteps 3/4",
    "150%",
    "epoch 3 loss 0.4",
    "and/or 5 of the 10",
  ]) {
    test(JSON.stringify(line), () => expect(parseProgress(`before\n${line}\n`)).toBeNull());
  }
});

describe("reading as a terminal does", () => {
  test("a line that was erased, or overwritten, is not there", () => {
    expect(parseProgress(`\rstep 5/10\r${" ".repeat(20)}\rdone\n`)).toBeNull();
    expect(parseProgress("\rstep 5/10\x1b[2K\r")).toBeNull();
    expect(parseProgress("\rstep 5/10\r\x1b[Kready")).toBeNull();
    expect(parseProgress("step 5/10\rstep 6/10")?.done).toBe(6);
    expect(parseProgress("step 5/10\r\nother\r\n")?.done).toBe(5);
  });

  test("titles, links and torn escapes leave no trace", () => {
    expect(parseProgress("\x1b]0;epoch 9/9\x07\x1b[1mepoch\x1b[22m 5/10\x1b[")?.text).toBe("epoch 5/10");
  });

  test("any bytes are survived, quickly, and what is given is in range", () => {
    const pieces = [
      "\x1b[A",
      "\x1b[99B",
      "\r",
      "\n",
      "epoch ",
      "3/10",
      " 45%|██",
      "| 45/100 [00:12<00:15, 3it/s]",
      "\b",
      "[",
      "━━━━━━",
      "x".repeat(50),
    ];
    let seed = 1;
    const next = (limit: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % limit;
    };
    for (let round = 0; round < 300; round += 1) {
      const found = parseProgress(Array.from({ length: 200 }, () => pieces[next(pieces.length)]).join(""));
      if (found?.fraction != null) expect(found.fraction >= 0 && found.fraction <= 1).toBe(true);
      if (found?.done != null && found.total !== null) expect(found.done).toBeLessThanOrEqual(found.total);
    }
    const before = process.cpuUsage();
    for (const piece of [
      ...pieces,
      "x\b",
      "1",
      "1 ",
      "45%",
      "|",
      "[",
      "[ 1/",
      "epoch 1",
      "1d ",
      "━",
      "\x1b[200A",
      ",1",
    ]) {
      parseProgress(piece.repeat(PROGRESS_TAIL_BYTES));
    }
    // Of our own time: what else the machine does is no fault of the code.
    const used = process.cpuUsage(before);
    expect((used.user + used.system) / 1000).toBeLessThan(3000);
  });
});

test("etaFrom: the rest goes as fast as what is done", () => {
  expect(etaFrom(0.25, 60)).toBe(180);
  expect(etaFrom(1, 60)).toBe(0);
  for (const fraction of [null, 0, -0.1, 1.1, Number.NaN]) expect(etaFrom(fraction, 60)).toBeNull();
  expect(etaFrom(0.5, -1)).toBeNull();
});
