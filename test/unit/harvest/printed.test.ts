import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { matchLine, parseTemplate } from "../../../src/harvest/printed.ts";

/** `name@step=value` of each. */
const points = (pattern: string, line: string) =>
  matchLine(parseTemplate(pattern), line).map(
    ({ name, step, value }) => `${name}${step === null ? "" : `@${step}`}=${value}`,
  );

describe("a pattern of printed lines", () => {
  const cases: [pattern: string, line: string, found: string[]][] = [
    ["loss: {loss}", "Epoch 1 | loss:   0.5, acc 1", ["loss=0.5"]],
    ["loss={loss} acc={acc}", "loss=1e-3 acc=93.2%", ["loss=0.001", "acc=93.2"]],
    ["Epoch {epoch}/{*} loss {val/loss}", "Epoch 3/10 - 12s - loss nan", ["val/loss@3=NaN"]],
    ["[{step}] {*} loss {loss}", "[1,200] a b c loss -inf", ["loss@1200=-Infinity"]],
    ["{key}: {value}", "step: 7 loss: 0.25 val_acc: .5", ["loss@7=0.25", "val_acc@7=0.5"]],
    ["{key}={value}", "lr=1e-4, mode=fast loss=2", ["lr=0.0001", "loss=2"]],
    ["took {seconds}", "took 1:02:03", []],
    ["v{version}", "v1.2rc", []],
    ["loss {loss}", "\u001b[32mloss 0.5\u001b[0m", ["loss=0.5"]],
    ["loss {loss}", "loss 9\rloss 0.5", ["loss=0.5"]],
    ["loss {loss}", "closs 5 nothing", ["loss=5"]],
  ];
  for (const [pattern, line, found] of cases)
    test(`\`${pattern}\` in ${JSON.stringify(line)}`, () => expect(points(pattern, line)).toEqual(found));

  for (const wrong of ["loss", "{loss", "loss}", "{a}{b}", "{key} x", "{*}", "{lo(ss}"])
    test(`\`${wrong}\` is refused with a hint`, () =>
      expect(() => parseTemplate(wrong)).toThrow(`the pattern \`${wrong}\``));

  test("no line and no pattern makes it slow", () => {
    const hostile = parseTemplate("{a} {*} {b} {*} {c} {*} x");
    const before = process.cpuUsage();
    matchLine(hostile, "1 ".repeat(2048));
    matchLine(hostile, "1".repeat(4096));
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (line) => {
        matchLine(hostile, line);
      }),
    );
    // Of our own time: what else the machine does is no fault of the code.
    const used = process.cpuUsage(before);
    expect((used.user + used.system) / 1000).toBeLessThan(5000);
  });
});
