/** `ml find` and `ml similar` as they are typed: answers, echoes, refusals, saved searches, and the word at queue time. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeCorpus } from "../support/corpus.ts";
import { until } from "../support/temp.ts";
import { openLab } from "./lab.ts";

interface Found {
  query: string;
  interpreted: boolean;
  columns: string[];
  runs: {
    run: { run_id: string; name: string };
    values: Record<string, number | null>;
    snippet: { field: string } | null;
  }[];
  behind: number;
  total: number | null;
}

test("[I4] a search is echoed as read; what cannot be read ends with 2, a caret and a hint", async () => {
  const lab = openLab();
  const data = join(lab.home, ".ml/data");
  writeCorpus(data, { count: 60, seed: 2 });
  writeFileSync(join(data, "synonyms.toml"), 'batch_size = ["crowd"]\n');
  expect((await lab.ml(["server", "start"])).code).toBe(0);
  await until("the index", async () => (await lab.json<Found>(["find", "-n", "1"])).behind === 0);
  const found = await lab.json<Found>(["find", "failed runs with warmup since january", "--count", "-c", "lr"]);
  expect(found).toMatchObject({ query: "status:failed warmup since:2026-01-01", interpreted: true, behind: 0 });
  expect(found.columns).toEqual(["lr"]);
  const page = await lab.ml(["find", "best val_acc with warmup", "-n", "2"]);
  expect(page.stdout).toStartWith("read as warmup sort:-best:val_acc\n");
  expect(page.stdout).toContain("warmup-study-");
  const ids = await lab.ml(["find", "-q", "crowd>=64", "-n", "100"]);
  expect(ids.stdout).toBe((await lab.ml(["find", "-q", "batch_size>=64", "-n", "100"])).stdout);
  const noted = await lab.json<Found>(["find", "--note", "warmup", "-n", "3"]);
  expect(noted.runs.map(({ snippet }) => snippet?.field)).toEqual(["note", "note", "note"]);
  const plain = await lab.ml(["find", "--plain", "--note", "warmup", "-u", "ana"]);
  expect(plain.stderr).toContain("search note~warmup user:ana");
  const wrong = await lab.ml(["find", "statuz:failed"]);
  expect(wrong).toMatchObject({ code: 2, stdout: "" });
  expect(wrong.stderr).toBe(
    "ml: bad search: there is no field, parameter or metric `statuz`, at column 1\ncause:\n  statuz:failed\n  ^^^^^^\nhint: did you mean `status`? Quotes make it plain words\n",
  );
  const none = await lab.json<{ unmatched: string[] }>(["find", "status:completed lr>100 warmup"]);
  expect(none.unmatched).toEqual(["lr>100"]);
  expect((await lab.ml(["find", "--save", "very good", "val_acc>0.87"])).stderr).toContain(
    "cannot be saved as `very good`",
  );
  writeFileSync(join(data, "synonyms.toml"), "batch_size = 5\n");
  expect((await lab.ml(["find", "warmup"])).stderr).toContain("what `batch_size` stands for is no word");
  writeFileSync(join(data, "synonyms.toml"), 'batch_size = ["crowd"]\n');
  expect((await lab.ml(["find", "--save", "good", "val_acc>0.87"])).stdout).toBe("saved @good: val_acc>0.87\n");
  expect((await lab.json<Found>(["find", "@good lr:*"])).query).toBe("val_acc>0.87 lr:*");
  expect((await lab.ml(["find", "@goood"])).code).toBe(3);
  expect((await lab.ml(["find", "--saved", "--plain"])).stdout).toBe("good\tval_acc>0.87\n");
  expect((await lab.ml(["find", "--forget", "good"])).code).toBe(0);
  await lab.ml(["server", "stop"]);
}, 120_000);

test("a run that ran before, or whose like was refuted, is told of when it is queued", async () => {
  const lab = openLab();
  lab.put("train.py", "import sys\nprint(sys.argv)\n");
  const first = await lab.queue(["train.py", "--lr", "1e-3", "--depth", "2"]);
  await lab.ml(["wait", first]);
  await lab.ml(["conclude", first, "--refutes", "--outcome", "it diverged at once"]);
  await lab.ml(["find", "is:ended"]);
  const again = await lab.ml(["queue", "train.py", "--lr", "1e-3", "--depth", "2"]);
  expect(again.stderr).toContain("! the same as train");
  expect(again.stderr).toContain("because it diverged at once");
  const near = await lab.ml(["queue", "train.py", "--lr", "3e-3", "--depth", "2"]);
  expect(near.stderr).toContain("! like train");
  expect(near.stderr).toContain("lr 0.001");
  const repeat = await lab.ml(["queue", "train.py", "--lr", "1e-3", "--depth", "2", "--seed", "7"]);
  expect(repeat.stderr).toContain("because it diverged at once (seed none → 7)");
  const other = await lab.ml(["queue", "train.py", "--lr", "1", "--depth", "9"]);
  expect(other.stderr).not.toContain("! ");
  const similar = await lab.json<{ runs: { run: { run_id: string }; score: number }[] }>(["similar", first]);
  expect(similar.runs[0]?.score).toBe(1);
  expect(similar.runs.length).toBe(4);
}, 120_000);
