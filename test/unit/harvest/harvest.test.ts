import { beforeEach, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { Harvester } from "../../../src/harvest/harvest.ts";
import { maskedCrc } from "../../../src/harvest/tensorboard.ts";
import { type RunPaths, runPaths } from "../../../src/run/paths.ts";
import { tempFolder } from "../../support/temp.ts";
import { event, record, versionRecord } from "./tensorboard-file.ts";

let paths: RunPaths;
beforeEach(() => {
  paths = runPaths(tempFolder(), "2026-01-01_abcdef");
  fs.mkdirSync(paths.work);
});

function put(path: string, content: string | Uint8Array): void {
  fs.mkdirSync(dirname(join(paths.work, path)), { recursive: true });
  fs.writeFileSync(join(paths.work, path), content);
}

/** What metrics.passive.jsonl holds, as `name@step=value`. */
function found(): string[] {
  if (!fs.existsSync(paths.passiveMetrics)) return [];
  const lines = fs.readFileSync(paths.passiveMetrics, "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line)).map(({ name, step, value }) => `${name}@${step}=${value}`);
}

const harvester = (patterns: string[] = [], code = new Map<string, number>()) =>
  new Harvester(paths, { patterns, code });

describe("TensorBoard", () => {
  test("the sum of a record is CRC-32C, masked", () => {
    // "123456789" has the check value e3069283 (RFC 3720).
    const crc = 0xe3069283;
    expect(maskedCrc(Buffer.from("123456789"))).toBe((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  });

  test("scalars of both forms are read, images are not; what is appended later comes once", async () => {
    const name = "runs/a/events.out.tfevents.1.host";
    const large = record(Buffer.alloc(2 * 1024 * 1024));
    const first = [
      versionRecord,
      record(event("loss", 0.5, { step: 0, t: 10 })),
      large,
      record(event("acc", 0.25, { step: 300, t: 11, form: "tensor" })),
    ];
    const rest = record(event("loss", 0.125, { step: 301, t: 12 }));
    put(
      name,
      Buffer.concat([...first, record(event("pixels", 1, { step: 1, t: 1, form: "image" })), rest.subarray(0, 9)]),
    );
    const h = harvester();
    expect(await h.harvest({ ended: false })).toBe(2);
    fs.appendFileSync(join(paths.work, name), rest.subarray(9));
    expect(await h.harvest({ ended: true })).toBe(1);
    expect(found()).toEqual(["loss@0=0.5", "acc@300=0.25", "loss@301=0.125"]);
    expect(JSON.parse(fs.readFileSync(paths.passiveMetrics, "utf8").split("\n")[0] ?? "")).toMatchObject({
      t: 10,
      source: `work/${name}`,
    });
  });

  test("a damaged record ends the file, and what stood before it counts", async () => {
    const bad = record(event("loss", 9, { step: 2, t: 1 }));
    bad[20] = (bad[20] ?? 0) ^ 1;
    put(
      "events.out.tfevents.1",
      Buffer.concat([record(event("loss", 0.5, { step: 1, t: 1 })), bad, record(event("loss", 1, { step: 3, t: 1 }))]),
    );
    await harvester().harvest({ ended: true });
    expect(found()).toEqual(["loss@1=0.5"]);
  });

  test("folders with the same tags are told apart", async () => {
    for (const [folder, loss] of Object.entries({ "logs/train": 0.5, "logs/validation": 0.5, a: 0.5, b: 0.25 }))
      put(`${folder}/events.out.tfevents.1`, record(event("loss", loss, { step: 1, t: 1 })));
    await harvester().harvest({ ended: true });
    expect(found()).toEqual(["loss@1=0.5", "b/loss@1=0.25", "train/loss@1=0.5", "validation/loss@1=0.5"]);
  });
});

test("two loggers that tell the same are one; a value of its own stays, under its folder", async () => {
  put("a/metrics.csv", "step,loss\n1,0.1\n2,0.2\n");
  put(
    "b/events.out.tfevents.1",
    Buffer.concat([1, 2].map((step) => record(event("loss", step === 1 ? 0.1 : 0.7, { step, t: 1 })))),
  );
  await harvester().harvest({ ended: true });
  expect(found()).toEqual(["loss@1=0.1", "loss@2=0.2", `b/loss@2=${Math.fround(0.7)}`]);
});

describe("CSV logs", () => {
  test("Lightning's metrics.csv, with blank cells, and written anew with one more column", async () => {
    const path = "lightning_logs/version_0/metrics.csv";
    put(path, "epoch,step,train_loss\n0,49,0.5\n0,99,0.25\n1,1");
    const h = harvester();
    await h.harvest({ ended: false });
    expect(found()).toEqual(["train_loss@49=0.5", "train_loss@99=0.25"]);
    put(path, "epoch,step,train_loss,val_loss\n0,49,0.5,\n0,99,0.25,\n1,149,,0.75\n");
    await h.harvest({ ended: true });
    expect(found().slice(2)).toEqual(["val_loss@149=0.75"]);
  });

  test("what Keras' CSVLogger writes, with any separator, its last line unfinished", async () => {
    put("training.log", "epoch;accuracy;loss\n0;0.5;1e-1\n1;0.75;nan");
    await harvester().harvest({ ended: true });
    expect(found()).toEqual(["accuracy@0=0.5", "loss@0=0.1", "accuracy@1=0.75", "loss@1=NaN"]);
  });

  test("tables that are no logs are left: other columns, words in cells, code that was sent", async () => {
    put("iris.csv", "sepal,petal\n1,2\n");
    put("names.csv", "step,word\n1,hello\n");
    put("run.log", "starting\nstep 1\n");
    put("sent.csv", "step,loss\n1,2\n");
    await harvester([], new Map([["sent.csv", 14]])).harvest({ ended: true });
    expect(found()).toEqual([]);
  });
});

test("trainer_state.json: every copy of the history is one history", async () => {
  const history = [
    { epoch: 0.5, loss: 0.5, step: 10 },
    { epoch: 1, eval_loss: 0.25, step: 20 },
  ];
  const state = (entries: object[]) => JSON.stringify({ global_step: 20, log_history: entries });
  put("out/checkpoint-10/trainer_state.json", state(history.slice(0, 1)));
  const h = harvester();
  await h.harvest({ ended: false });
  put("out/checkpoint-20/trainer_state.json", state(history).replace("0.25", "NaN"));
  put("out/trainer_state.json", state(history));
  await h.harvest({ ended: true });
  expect(found()).toEqual(["loss@10=0.5", "eval_loss@20=NaN"]);
});

test("printed lines by the run's patterns; a name that the script logs itself is the script's", async () => {
  fs.writeFileSync(paths.metrics, '{"name":"acc","value":1,"t":1}\n');
  fs.writeFileSync(paths.outputLog, "epoch 1 loss: 0.5 acc: 0.25\nepoch 2 lo");
  const h = harvester(["epoch {epoch} loss: {loss} acc: {acc}"]);
  await h.harvest({ ended: false });
  fs.appendFileSync(paths.outputLog, "ss: 0.125 acc: 0.5");
  await h.harvest({ ended: true });
  expect(found()).toEqual(["loss@1=0.5", "loss@2=0.125"]);
});

test("a worker that takes the run over writes the file anew, and gets the same", async () => {
  put("training.log", "epoch,loss\n0,0.5\n");
  await harvester().harvest({ ended: false });
  const before = found();
  await harvester().harvest({ ended: true });
  expect(found()).toEqual(before);
});

test("[D13 S3] links and pipes are never followed nor opened", async () => {
  const outside = tempFolder();
  fs.writeFileSync(join(outside, "metrics.csv"), "step,loss\n1,2\n");
  fs.symlinkSync(outside, join(paths.work, "folder"));
  fs.symlinkSync(join(outside, "metrics.csv"), join(paths.work, "link.csv"));
  fs.symlinkSync("..", join(paths.work, "loop"));
  Bun.spawnSync(["mkfifo", join(paths.work, "pipe.csv")]);
  expect(await harvester().harvest({ ended: true, found: ["link.csv", "pipe.csv"] })).toBe(0);
  expect(await harvester().harvest({ ended: true })).toBe(0);
});
