/** What came of asking for datasets and images, and of pinning environments. */
import { expect, test } from "bun:test";
import { lineText } from "../../../src/view/face.ts";
import { wishedLines } from "../../../src/view/prewarm-page.ts";

const wish = (name: string, checksum: string) => ({
  ...{ name, version: "1", checksum, by: "ana", at: "2026-01-01T00:00:00Z", pinned: true },
});
const said = (...given: Parameters<typeof wishedLines>) => wishedLines(...given).map(lineText);

test("environments are said to be kept or not; the rest is asked for", () => {
  const all = [wish("set", "sha256:1"), wish("uv.lock", "venv:2")];
  expect(said(all, "pin")).toEqual([
    "asked for, and pinned: set 1; `ml prewarm --list` shows how far it is",
    "pinned: environment uv.lock 1",
  ]);
  expect(said(all.slice(1), "unpin")).toEqual(["not pinned any more: environment uv.lock 1"]);
  expect(said(all, "cancel")).toEqual(["no longer asked for: set 1", "not pinned any more: environment uv.lock 1"]);
  expect(said([], "cancel")).toEqual(["there was no such wish"]);
});
