/** Which project a run belongs to: the same remote however it is spelled. */
import { expect, test } from "bun:test";
import { remoteKey } from "../../../src/run/project.ts";

test("a remote is one project in every spelling", () => {
  for (const remote of [
    "git@github.com:lab/vision.git",
    "https://github.com/lab/vision",
    "https://***@github.com/lab/vision.git/",
    "ssh://git@github.com:22/lab/vision.git",
    "git://GitHub.com/lab/vision",
  ])
    expect([remote, remoteKey(remote)]).toEqual([remote, "github.com/lab/vision"]);
  expect(remoteKey("/srv/git/vision.git")).toBe("/srv/git/vision");
  expect(remoteKey("nothing")).toBe(null);
});
