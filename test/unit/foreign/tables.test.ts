/** TensorBoard's folders and tables of results as runs: what is told apart by which rule, and what is refused. */
import { expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { readCsvRuns } from "../../../src/foreign/csv.ts";
import { momentOf } from "../../../src/foreign/csv-columns.ts";
import type { ForeignPoint, ForeignRun } from "../../../src/foreign/foreign-run.ts";
import { readTensorboard } from "../../../src/foreign/tensorboard.ts";
import { tempFolder } from "../../support/temp.ts";
import { event, record, versionRecord } from "../harvest/tensorboard-file.ts";

const wishes = { experiment: null, artifacts: true, unfinished: false, skipBroken: false };

async function pointsOf(run: ForeignRun | undefined): Promise<ForeignPoint[]> {
  const points: ForeignPoint[] = [];
  await run?.points((point) => points.push(point));
  return points;
}

function events(path: string, steps: number, rest = ""): void {
  fs.mkdirSync(join(path, ".."), { recursive: true });
  const all = Array.from({ length: steps }, (_, step) =>
    record(event("loss", 1 / (step + 1), { step, t: 1_700_000_000 + step })),
  );
  fs.writeFileSync(path, Buffer.concat([versionRecord, ...all, Buffer.from(rest)]));
}

test("a folder of event files is a run, its sides are one, and a damaged end is told", async () => {
  const root = tempFolder("tb-");
  events(join(root, "study/lr=0.1,bs=32/train/events.out.tfevents.1.a"), 3);
  events(join(root, "study/lr=0.1,bs=32/val/events.out.tfevents.1.a"), 2);
  events(join(root, "plain/events.out.tfevents.2.b"), 2, "damaged");
  const { runs } = await readTensorboard(root, "tb", wishes);
  expect(runs.map(({ originId, experiment }) => [originId, experiment])).toEqual([
    ["plain", null],
    ["study/lr=0.1,bs=32", "study"],
  ]);
  const [plain, study] = runs;
  expect(plain?.remarks.at(-1)).toMatch(/could be read up to byte \d+ alone/);
  expect(study).toMatchObject({
    parameters: { lr: "0.1", bs: "32" },
    status: "completed",
    startedMs: 1_700_000_000_000,
    endedMs: 1_700_000_002_000,
  });
  expect((await pointsOf(study)).map(({ name, step }) => `${name} ${step}`)).toEqual([
    ...["train/loss 0", "train/loss 1", "train/loss 2"],
    ...["val/loss 0", "val/loss 1"],
  ]);
  fs.writeFileSync(join(root, "plain/events.out.tfevents.2.b"), "nothing like an event file");
  expect(readTensorboard(root, "tb", wishes)).rejects.toThrow(/no event file of TensorBoard's/);
  const rest = await readTensorboard(root, "tb", { ...wishes, skipBroken: true });
  expect([rest.runs.length, rest.leftOut.length]).toEqual([1, 1]);
});

const none = { parameters: [], metrics: [], notes: [], ignored: [], dateMs: Date.UTC(2024, 4, 1) };

function table(text: string): string {
  const path = join(tempFolder("csv-"), "results.csv");
  fs.writeFileSync(path, text);
  return path;
}

test("columns are told apart by prefix, name and content, and a wish goes before the rule", async () => {
  const path = table(
    'lr;epochs;val_acc;time_ms;comment;status;params.depth\n3e-4;10;0.91;12;"why; not\nso ""good""";done;3\n1e-3;10;nan;13;;failed;4\n',
  );
  const { runs, columns } = await readCsvRuns(path, "x", none);
  expect(columns.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
    ...["lr parameter", "epochs parameter", "val_acc metric", "time_ms metric"],
    ...["comment note", "status status", "depth parameter"],
  ]);
  expect(runs.map(({ status, parameters, note }) => [status, parameters.depth, note])).toEqual([
    ["completed", "3", 'why; not\nso "good"'],
    ["failed", "4", null],
  ]);
  expect((await pointsOf(runs[1])).map(({ name, value }) => [name, value])).toEqual([
    ["val_acc", Number.NaN],
    ["time_ms", 13],
  ]);
  const wished = await readCsvRuns(path, "x", { ...none, parameters: ["time_ms"], metrics: ["epochs"] });
  expect(wished.columns.filter(({ why }) => why === "as you said").map(({ kind }) => kind)).toEqual([
    "metric",
    "parameter",
  ]);
  expect(readCsvRuns(path, "x", { ...none, metrics: ["nope"] })).rejects.toThrow("there is no column `nope`");
});

test("what MLflow exports as a table is read with its times, ids and prefixes", async () => {
  const path = table(
    "run_id,experiment_id,status,artifact_uri,start_time,end_time,metrics.loss,params.lr,tags.team\nab12,0,FINISHED,/x,2024-05-01 10:00:00+00:00,2024-05-01 11:00:00+00:00,0.25,0.1,vision\n",
  );
  const { runs } = await readCsvRuns(path, "x", { ...none, dateMs: null });
  expect(runs[0]).toMatchObject({
    ...{ originId: "ab12", status: "completed", parameters: { lr: "0.1" }, tags: { team: "vision" } },
    ...{ startedMs: Date.UTC(2024, 4, 1, 10), endedMs: Date.UTC(2024, 4, 1, 11) },
  });
});

test("a row keeps its id where rows are added above it, and equal rows are two", async () => {
  const ids = async (text: string) => (await readCsvRuns(table(text), "x", none)).runs.map(({ originId }) => originId);
  const before = await ids("lr,acc\n1,0.5\n");
  const after = await ids("lr,acc\n2,0.6\n1,0.5\n1,0.5\n");
  expect(after[1]).toBe(before[0] as string);
  expect(new Set(after).size).toBe(3);
});

test("a table that cannot be read says where", async () => {
  const why = (text: string, given = none) =>
    readCsvRuns(table(text), "x", given).catch((cause: Error) => cause.message);
  expect(await why("lr,acc\n")).toMatch(/no rows/);
  expect(await why('lr,acc\n1,"0.5\n')).toMatch(/quote of row 2 is never closed/);
  expect(await why("lr,lr\n1,2\n")).toMatch(/there twice/);
  expect(await why("lr,acc\n1,2,3\n")).toMatch(/row 1 has 3 cells for 2 columns/);
  expect(await why("lr,status\n1,maybe\n")).toMatch(/status `maybe`/);
  expect(await why("lr,acc\n1,2\n", { ...none, dateMs: null } as never)).toMatch(/does not say when it ran/);
});

test("moments are dates, times in a zone or in UTC, and seconds or milliseconds since 1970", () => {
  expect(momentOf("2024-05-01")).toBe(Date.UTC(2024, 4, 1));
  expect(momentOf("2024-05-01 10:00:00.5")).toBe(Date.UTC(2024, 4, 1, 10, 0, 0, 500));
  expect(momentOf("2024-05-01T10:00:00+02:00")).toBe(Date.UTC(2024, 4, 1, 8));
  expect([momentOf("1714557600"), momentOf("1714557600000")]).toEqual([1714557600000, 1714557600000]);
  expect([momentOf("12.5"), momentOf("May 1"), momentOf("2024-13-45")]).toEqual([null, null, null]);
});
