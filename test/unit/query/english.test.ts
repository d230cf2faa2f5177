/** Plain English as it is read. Each line is a promise of docs/find.md; the readings are echoed, so they are exact. */
import { expect, test } from "bun:test";
import { readSearch } from "../../../src/query/read-search.ts";
import { echo, present, words } from "./words.ts";

const readings: [english: string, query: string][] = [
  ["failed runs on GPU2 last week", "status:failed gpu:2 since:2026-11-16 until:2026-11-22"],
  ["best val_acc with warmup since March", "warmup since:2026-03-01 sort:-best:val_acc"],
  ["runs by ana that ran out of memory", "user:ana failure:oom,gpu_oom"],
  [
    "ana's failed or cancelled runs yesterday",
    "user:ana (status:failed or status:cancelled) since:2026-11-25 until:2026-11-25",
  ],
  ["top 5 runs by val_acc on imagenet", "dataset:imagenet sort:-best:val_acc limit:5"],
  ["runs longer than 4 hours on 2 gpus", "runtime>4h gpus:2"],
  ["without a verdict since 3 march", "-has:verdict since:2026-03-03"],
  ["learning rate above 1e-3", "learning_rate>0.001"],
  ["runs with val_acc better than 0.9", "val_acc>0.9"],
  ["val_loss better than 0.5", "val_loss<0.5"],
  ["lr between 1e-4 and 1e-3", "lr:0.0001..0.001"],
  ["optimizer adam and dropout 0.1", "optimizer:adam dropout:0.1"],
  ["refuted hypotheses about warmup", "verdict:refutes warmup"],
  ["what worked on cifar10 in october?", "status:completed dataset:cifar10 since:2026-10-01 until:2026-10-31"],
  ["runs from 2 weeks ago", "since:2026-11-09 until:2026-11-15"],
  ["longest runs on a100s", "gpu_model:*a100* sort:-runtime"],
  ["in group bs-scaling but not failed", "group:bs-scaling -status:failed"],
  ["my latest 3 runs", "user:me sort:newest limit:3"],
  ["notes mentioning warmup", "note~warmup"],
  ["ended yesterday", "ended>=2026-11-25 ended<2026-11-26"],
  ["runs with nan loss", "loss:NaN"],
  ["timed out overnight", "failure:timeout since:2026-11-25T18:00 before:2026-11-26T09:00"],
  ["what is running", "status:running,starting"],
  ["waiting runs of bob", "status:queued user:bob"],
  ["lowest perplexity this year", "since:2026-01-01 until:2026-12-31 sort:perplexity"],
  ["batch size of at least 128", "batch_size>=128"],
  ["runs tagged ablation without warmup", "tag:ablation -warmup"],
  ["experiments in the warmup-study group", "group:warmup-study"],
  ["cuda out of memory on gpu01", "failure:gpu_oom host:gpu01"],
  ["runs of train.py with seed 3", "script:train.py seed:3"],
  ["unreviewed runs in the last 3 days", "status:completed,failed -has:verdict since:2026-11-23T22:00"],
  ["worst val_acc on monday", "since:2026-11-23 until:2026-11-23 sort:+best:val_acc"],
  ["runs older than 2 months", "before:2026-09-27T22:00"],
  ["between march and may", "since:2026-03-01 until:2026-05-31"],
  ["using more than 20 GB of GPU memory", "gpu_memory_peak>20"],
  ["inconclusive or partial results", "verdict:inconclusive or verdict:partial"],
  ["show me all runs", ""],
  ["code errors in project vision", "failure:code_error project:vision"],
  ["shortest completed runs last month", "status:completed since:2026-10-01 until:2026-10-31 sort:runtime"],
  ["warmup cosine or step decay", "warmup cosine or step decay"],
  ["waited more than 2 hours", "waited>2h"],
  ["with a hypothesis but no outcome", "has:hypothesis -has:outcome"],
  ["ranked by val_loss, on branch exp", "branch:exp sort:+best:val_loss"],
  ["held runs", "is:held"],
];

/** What researchers typed who had not read the rules. */
const asked: readonly (readonly [english: string, query: string])[] = [
  ["runs that finished yesterday", "ended>=2026-11-25 ended<2026-11-26"],
  ["runs queued by bob today", "user:bob since:2026-11-26 until:2026-11-26"],
  ["experiments tagged ablation that refuted the hypothesis", "tag:ablation verdict:refutes"],
  ["what did I run on 3 March", "user:me since:2026-03-03 until:2026-03-03"],
  ["killed by timeout", "failure:timeout"],
  ["runs that hit the time limit in october", "failure:timeout since:2026-10-01 until:2026-10-31"],
  ["notes mentioning label smoothing", 'note~"label smoothing"'],
  ['failed runs with logs containing "CUDA error" since march', 'status:failed log~"CUDA error" since:2026-03-01'],
  ["runs using torch 2.1", 'package:"torch==2.1*"'],
  ["runs on python 3.11 using numpy", "python:3.11* package:numpy"],
  ["runs using seed 1", "seed:1"],
  ["everything except debug runs", "-debug"],
  ["runs with loss nan", "loss:NaN"],
  ["runs where val_loss became nan", "val_loss:NaN"],
  ["runs started before 10am today", "started>=2026-11-26 started<2026-11-26T10:00"],
  ["jobs started after 6pm yesterday", "started>=2026-11-25T18:00"],
  ["failed after 13pm", "status:failed after 13pm"],
  ["queued since noon", "since:2026-11-26T12:00"],
  ["failed since 23:30", "status:failed since:2026-11-25T23:30"],
  ["ended 2 days ago", "ended>=2026-11-24 ended<2026-11-25"],
  ["which ended within the last 3 hours", "ended>=2026-11-26T19:00"],
  ["runs in the last 24 hours with exit code 137", "since:2026-11-25T22:00 exit:137"],
  [
    "inconclusive runs from Q2 about augmentation",
    "verdict:inconclusive since:2026-04-01 until:2026-06-30 augmentation",
  ],
  ["the third quarter of 2025", "since:2025-07-01 until:2025-09-30"],
  ["runs over the weekend that crashed", "since:2026-11-21 until:2026-11-22 status:failed"],
  ["everything I ran this quarter", "user:me since:2026-10-01 until:2026-12-31"],
  ["what was I running last night", "user:me since:2026-11-25T18:00 before:2026-11-26T09:00"],
  ["runs submitted by ana since last friday", "user:ana since:2026-11-20"],
  ["runs from ana or bob", "user:ana,bob"],
  ["what did bob run", "user:bob"],
  ["runs that are neither failed nor cancelled", "-status:failed -status:cancelled"],
  ["best 3 runs of bs-scaling by val_acc", "group:bs-scaling sort:-best:val_acc limit:3"],
  ["top val_acc runs", "sort:-best:val_acc"],
  ["how many runs failed last month", "status:failed since:2026-10-01 until:2026-10-31"],
  // What no rule says is looked for, and shown to be.
  ["highest accuracy per group", "highest accuracy per group"],
  ["run 2 epochs by hand", "2 epochs hand"],
];

test("what was typed by people who knew no rules is read as they meant it", () => {
  expect(asked.map(([english]) => [english, echo(english)])).toEqual(asked.map((pair) => [...pair]));
});

test("forty English questions and more are read as the queries that they mean", () => {
  expect(readings.length).toBeGreaterThan(40);
  const read = readings.map(([english]) => [english, echo(english)]);
  expect(read).toEqual(readings.map(([english, query]) => [english, query]));
});

test("an echo typed again, literally, is the same query", () => {
  for (const [english] of [...readings, ...asked]) {
    const first = readSearch(english, { words, present, literal: false });
    const again = readSearch(first.echo, { words, present, literal: true });
    expect([english, again.echo]).toEqual([english, first.echo]);
  }
});

test("terms, phrases and denied words stand as they are between words that are read", () => {
  expect(echo('failed lr>=1e-3 "last week" yesterday')).toBe(
    'status:failed lr>=0.001 "last week" since:2026-11-25 until:2026-11-25',
  );
  expect(echo("failed -running")).toBe("status:failed -running");
  expect(echo("(failed yesterday) OR tag:x")).toBe("status:failed since:2026-11-25 until:2026-11-25 or tag:x");
});

test("literal: bare words are words", () => {
  expect(echo("failed runs last week", true)).toBe("failed runs last week");
});
