/** Patterns guessed from printed lines find in those lines what stands there. */
import { expect, test } from "bun:test";
import { matchLine, parseTemplate } from "../../../src/harvest/printed.ts";
import { guessPattern } from "../../../src/view/pattern-guess.ts";

/** What the guess finds in the last of the lines, by name; the step under `step`. */
function found(...lines: string[]): Record<string, number | null> | null {
  const pattern = guessPattern(lines.join("\n"));
  if (pattern === null) return null;
  const points = matchLine(parseTemplate(pattern), lines.at(-1) ?? "");
  return { ...Object.fromEntries(points.map(({ name, value }) => [name, value])), step: points[0]?.step ?? null };
}

test("what training loops print is found by the pattern that is guessed from it", () => {
  expect(found("step 19 loss 0.9518, accuracy 55.0%")).toEqual({ loss: 0.9518, accuracy: 55, step: 19 });
  expect(found("iter 20: loss 4.12, time 123.45ms, mfu -100.00%")).toMatchObject({
    loss: 4.12,
    time: 123.45,
    step: 20,
  });
  expect(found("step 250: train loss 1.9, val loss 1.95")).toEqual({ train_loss: 1.9, val_loss: 1.95, step: 250 });
  expect(found("Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.300039")).toEqual({ loss: 2.300039, step: 1 });
  expect(found("Epoch 3/10 - 12s - loss: 0.25")).toEqual({ loss: 0.25, step: 3 });
  expect(found("begin", "epoch=1 lr=1e-3 acc=0.5", "epoch=2 lr=1e-3 acc=0.7")).toEqual({
    lr: 0.001,
    acc: 0.7,
    step: 2,
  });
});

test("where no number has a name nothing is guessed", () => {
  for (const text of ["", "hello", "1 2 3", "done in 12:30:01", "{'a': 1}", `loss 1 ${"x".repeat(300)}`])
    expect(guessPattern(text)).toBeNull();
});
