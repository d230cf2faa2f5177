/** Wishes for what should lie on the local disks: whose they are, what a pin means, what a dataset's page tells of them. */
import { expect, test } from "bun:test";
import { unusedVenv } from "../../src/run/manifest-data.ts";
import { basePaths } from "../../src/run/paths.ts";
import { readWishes } from "../../src/run/prewarm-wishes.ts";
import { changeManifest } from "../../src/run/store.ts";
import { put } from "../support/queued-run.ts";
import { registerFolder } from "../support/registered.ts";
import { tempFolder } from "../support/temp.ts";
import { serve, spec } from "./harness.ts";

test("a pin is its owner's: asking again keeps it, others may neither unpin nor cancel it, and a name that is none is told", async () => {
  const server = await serve();
  const base = basePaths(server.base);
  const folder = tempFolder();
  put(`${folder}/a`, "a");
  await registerFolder(base, "set", folder);
  const [ana, bob] = await Promise.all(
    ["ana", "bob"].map(async (user) => (await server.ask("key.add", { user, role: "user" })).key),
  );
  const wished = await server.as(ana ?? "", "prewarm.wish", { names: ["set"], pin: true });
  expect(wished.reply?.wishes).toMatchObject([{ name: "set", version: "1", by: "ana", pinned: true }]);
  const again = await server.as(bob ?? "", "prewarm.wish", { names: ["set=1", "set"] });
  expect(again.reply?.wishes).toMatchObject([{ by: "ana", pinned: true }]);
  for (const refused of [
    await server.as(bob ?? "", "prewarm.wish", { names: ["set"], unpin: true }),
    await server.as(bob ?? "", "prewarm.cancel", { names: ["set"] }),
  ])
    expect(refused.error).toMatchObject({ code: "not_allowed", message: "`set` was asked for by ana" });
  const unpinned = await server.as(ana ?? "", "prewarm.wish", { names: ["set"], unpin: true });
  expect(unpinned.reply?.wishes).toMatchObject([{ by: "ana", pinned: false }]);
  await server.as(ana ?? "", "prewarm.cancel", { names: ["set"] });
  expect(readWishes(base.prewarm)).toEqual([]);
  const none = await server.as(ana ?? "", "prewarm.wish", { names: ["sett"] });
  expect(none.error).toMatchObject({ code: "not_found", message: "there is neither a dataset nor a run `sett`" });
  expect((await server.ask("dataset.show", { name: "set" })).stores).toEqual([]);
});

test("an environment is pinned by its run or its key, by no key that is none, and is its owner's to let go", async () => {
  const server = await serve();
  const base = basePaths(server.base);
  const bob = (await server.ask("key.add", { user: "bob", role: "user" })).key;
  const { runs } = await server.ask("submit", { runs: [spec({ held: true })] });
  const runId = runs[0]?.run_id ?? "";
  const given = (key: string | null) =>
    changeManifest(base.run(runId), ({ environment }) => {
      environment.venv = { ...unusedVenv({ lock: "uv.lock", lock_sha256: "00" }), key };
      return true;
    });
  given(null);
  const unbuilt = await server.try("prewarm.wish", { names: [runId], pin: true });
  expect(unbuilt.error?.message).toBe(`the environment of run \`${runId}\` is not built`);
  given("abcdef0123456789");
  const { wishes } = await server.ask("prewarm.wish", { names: [runId], pin: true });
  expect(wishes).toMatchObject([
    { name: "uv.lock", version: "abcdef01", checksum: "venv:abcdef0123456789", pinned: true },
  ]);
  const unasked = await server.try("prewarm.wish", { names: ["venv:abc"] });
  expect(unasked.error).toMatchObject({ code: "usage", hint: "`ml prewarm venv:abc --pin` keeps it" });
  for (const name of ["venv:", "venv:b"])
    expect((await server.try("prewarm.wish", { names: [name], pin: true })).error?.code).toBe("not_found");
  const others = await server.as(bob, "prewarm.wish", { names: ["venv:abc"], unpin: true });
  expect(others.error?.code).toBe("not_allowed");
  const letGo = await server.ask("prewarm.wish", { names: ["venv:abc"], unpin: true });
  expect(letGo.wishes).toMatchObject([{ pinned: false }]);
  expect(readWishes(base.prewarm)).toEqual([]);
});
