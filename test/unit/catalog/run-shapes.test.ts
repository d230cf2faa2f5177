/** Which names occur together, as labels: one for a set of names whatever their order, and no more of them than are kept. */
import { expect, test } from "bun:test";
import type { Fact, Label } from "../../../src/catalog/search-facts.ts";
import { WordNumbers } from "../../../src/catalog/word-ids.ts";

function numbers() {
  const labels: Label[] = [];
  let names = 0;
  const ids = new WordNumbers({
    name: () => ++names,
    label: (field, value) => labels.push([field, value]),
  });
  const of = (...facts: Fact[]) =>
    ids.ofShape(
      facts,
      facts.map((fact) => ids.ofName(fact)),
    );
  return { labels, of };
}

const fact = (kind: Fact[0], name: string): Fact => [kind, name, 1, null];

test("one set of names has one label, in whatever order they come and whatever was measured besides", () => {
  const { labels, of } = numbers();
  const first = of(fact("b", "runtime"), fact("p", "lr"), fact("m", "loss"));
  expect(of(fact("p", "lr"), fact("m", "loss"))).toBe(first);
  expect(of(fact("b", "exit"), fact("m", "loss"), fact("p", "lr"))).toBe(first);
  expect(of(fact("m", "lr"), fact("m", "loss"))).not.toBe(first);
  expect(of(fact("b", "exit"))).toBe(of());
  expect(labels.map(([field]) => field)).toEqual(["shape", "shape", "shape"]);
});

test("where every run has names of its own, or very many, what they have is not told", () => {
  const { labels, of } = numbers();
  for (let at = 0; at < 3000; at++) of(fact("p", "lr"), fact("p", `key-${at}`));
  expect(labels.length).toBeLessThanOrEqual(1001);
  expect(labels.at(-1)).toEqual(["shape", "*"]);
  expect(of(fact("p", "lr"), fact("p", "key-0"))).toBe(1);
  const many = numbers();
  many.of(...Array.from({ length: 200 }, (_, at) => fact("p", `k${at}`)));
  expect(many.labels).toEqual([["shape", "*"]]);
});
