/** The grammar: what it takes, how it is echoed, and how it refuses. */
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { MlError } from "../../../src/core/error.ts";
import { readSearch } from "../../../src/query/read-search.ts";
import { echo, present, words } from "./words.ts";

const literal = (text: string) => echo(text, true);

function refusal(text: string): { message: string; cause: string; hint: string } {
  try {
    echo(text, true);
  } catch (cause) {
    if (cause instanceof MlError) {
      expect(cause.exitCode).toBe(2);
      return { message: cause.message, cause: cause.detail.cause ?? "", hint: cause.detail.hint ?? "" };
    }
    throw cause;
  }
  throw new Error(`\`${text}\` was taken`);
}

test("the query of the tour is taken term by term", () => {
  expect(literal("status:failed gpu:2 tag:ablation lr>=1e-3 val_acc>0.85 note~warmup verdict:refutes")).toBe(
    "status:failed gpu:2 tag:ablation lr>=0.001 val_acc>0.85 note~warmup verdict:refutes",
  );
});

test("or binds least, then side by side, then not", () => {
  expect(literal("a b or c -d")).toBe("a b or c -d");
  expect(literal("a (b or c) not (d e)")).toBe("a (b or c) -(d e)");
  expect(literal("NOT not a")).toBe("a");
  expect(literal("a AND b OR c")).toBe("a b or c");
});

test("units, ranges, lists and times", () => {
  expect(literal("runtime>4h runtime<=90s ram_peak>2GB size>1.5GB gpu_util<50%")).toBe(
    "runtime>4h runtime<=90s ram_peak>2 size>1500000000 gpu_util<50",
  );
  expect(literal("lr:1e-4..1e-2 val_acc:0.9.. seed:1,2")).toBe("lr:0.0001..0.01 val_acc>=0.9 (seed:1 or seed:2)");
  expect(literal("since:7d")).toBe("since:2026-11-19T22:00");
  expect(literal("until:yesterday at:2026-03 before:monday")).toBe(
    "until:2026-11-25 since:2026-03-01 until:2026-03-31 until:2026-11-22",
  );
  expect(literal("lr >= 1e-3")).toBe("lr>=0.001");
  expect(literal("lr!=1 note!~x")).toBe("-lr:1 -note~x");
  expect(literal("lr==1 seed == 2")).toBe("lr:1 seed:2");
  expect(literal("größe>=0.5")).toBe("größe>=0.5");
  expect(literal("since:9999999d")).toBe("since:1970-01-01");
  expect(literal("tag:* script:* user:*")).toBe("has:tag script:* user:*");
  expect(literal("param.lr:1 metric.loss:* optimizer:adam optimizer~ad")).toBe(
    "param.lr:1 metric.loss:* optimizer:adam optimizer~ad",
  );
});

test("[I4] what cannot be read is one sentence with the place marked, and a hint", () => {
  expect(refusal("statuz:failed")).toEqual({
    message: "bad search: there is no field, parameter or metric `statuz`, at column 1",
    cause: "\n  statuz:failed\n  ^^^^^^",
    hint: "did you mean `status`? Quotes make it plain words",
  });
  expect(refusal("lr>1 valacc>0.9").hint).toContain("`val_acc`");
  expect(refusal("status:faild").hint).toBe("did you mean `status:failed`?");
  expect(refusal("(a or b").message).toBe("bad search: this `(` is never closed, at column 1");
  expect(refusal("a)").message).toContain("closes nothing, at column 2");
  expect(refusal('note~"abc').message).toContain("the quote is never closed, at column 6");
  expect(refusal("lr>=").message).toContain("has no value");
  expect(refusal("since:neverday").message).toContain("`neverday` is no time");
  expect(refusal("runtime>fast").hint).toBe("write it like `4h` or `90s`");
  expect(refusal("status>failed").message).toContain("has no order");
  expect(refusal("a or").message).toContain("nothing after `or`");
  expect(refusal('"%%%"').message).toContain("no letter or digit");
  expect(refusal("-sort:lr").message).toContain("cannot be denied");
  expect(refusal(`${"(".repeat(40)}a`).message).toContain("more than 32 parentheses");
  expect(refusal("x ".repeat(500)).message).toContain("more than 400 parts");
});

test("[I4] any text is a query or refused in one sentence, and an echo means what it echoes", () => {
  const pieces = fc.oneof(
    fc.constantFrom(
      "status:failed",
      "lr>=1e-3",
      "-",
      "not",
      "or",
      "and",
      "(",
      ")",
      '"',
      '"a b"',
      "note~x*",
      "sort:-lr",
    ),
    fc.constantFrom(
      "since:7d",
      "yesterday",
      "AND",
      "NEAR",
      "*",
      "a*",
      "'",
      ";",
      "--",
      "lr:1..2",
      "failed",
      "naïve",
      "日本",
    ),
    fc.string({ maxLength: 12 }),
  );
  const property = fc.property(fc.array(pieces, { maxLength: 8 }), fc.boolean(), (parts, spaced) => {
    const text = parts.join(spaced ? " " : "");
    let first: ReturnType<typeof readSearch>;
    try {
      first = readSearch(text, { words, present, literal: false });
    } catch (cause) {
      if (!(cause instanceof MlError)) throw cause;
      return cause.message.startsWith("bad search: ") && !cause.message.includes("\n");
    }
    const again = readSearch(first.echo, { words, present, literal: true });
    expect(again.echo).toBe(first.echo);
    return true;
  });
  fc.assert(property, { numRuns: 2000, seed: 7 });
});
