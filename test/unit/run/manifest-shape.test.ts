/** The quick check of a manifest: says yes to what we write, and never where the validator would refuse or fill in. */
import { expect, test } from "bun:test";
import { type Manifest, manifestSchema, manifestText } from "../../../src/run/manifest.ts";
import { fitCheck } from "../../../src/run/manifest-shape.ts";
import { corpus } from "../../support/corpus.ts";

const fits = fitCheck(manifestSchema);
const written = [...corpus({ count: 60, seed: 7 })].map((manifest) => JSON.parse(manifestText(manifest)) as Manifest);

test("every manifest that we write fits as it is", () => {
  expect(written.filter((manifest) => !fits(manifest))).toEqual([]);
});

test("keys that nobody knows do not matter, at any depth", () => {
  const [first] = written;
  expect(fits({ ...first, from_the_future: { a: [1] }, narrative: { ...first?.narrative, mood: "calm" } })).toBe(true);
});

/** Every place in a value: its own keys and those below. */
function* places(value: unknown, path: string[] = []): Generator<string[]> {
  if (typeof value !== "object" || value === null) return;
  for (const key of Object.keys(value)) {
    yield [...path, key];
    yield* places((value as Record<string, unknown>)[key], [...path, key]);
  }
}

function changed(value: unknown, path: readonly string[], to: unknown): unknown {
  const copy = structuredClone(value) as Record<string, unknown>;
  let inner = copy;
  for (const key of path.slice(0, -1)) inner = inner[key] as Record<string, unknown>;
  const last = path.at(-1) ?? "";
  if (to === undefined) delete inner[last];
  else inner[last] = to;
  return JSON.parse(JSON.stringify(copy));
}

test("[K9] whatever stands in whatever place, a yes is the validator's yes, and it changes nothing", () => {
  let yes = 0;
  for (const manifest of written.slice(0, 3)) {
    for (const path of places(manifest)) {
      for (const wrong of [undefined, null, 0, 1.5, 99, "", "x", true, [], [1], {}, { a: 1 }]) {
        const value = changed(manifest, path, wrong);
        if (!fits(value)) continue;
        yes += 1;
        const parsed = manifestSchema.safeParse(value);
        expect(parsed.success).toBe(true);
        expect(parsed.data).toEqual(value as Manifest);
      }
    }
  }
  expect(yes).toBeGreaterThan(100);
});
