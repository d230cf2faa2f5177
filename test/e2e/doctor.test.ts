/** `ml doctor` finds what is wrong and names each cure. */
import { expect, test } from "bun:test";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { runMl, serverHome } from "../support/binary.ts";
import { tempFolder } from "../support/temp.ts";

interface Finding {
  where: string;
  name: string;
  ok: boolean | null;
  cure: string | null;
}

async function examine(home: string, env: Record<string, string> = {}): Promise<{ code: number; checks: Finding[] }> {
  const ran = await runMl(["doctor", "--json"], { home, env });
  const value = JSON.parse(ran.stdout);
  expect(value.schema).toBe("ml.doctor/1");
  return { code: ran.code, checks: value.checks };
}

const named = (checks: Finding[], name: string) => checks.find((check) => check.name === name);

test("on a fresh machine nothing is wrong, and it starts nothing", async () => {
  const { code, checks } = await examine(tempFolder());
  expect(code).toBe(0);
  expect(named(checks, "server")).toMatchObject({ ok: null, cure: "ml server start" });
});

test("with a server both sides are looked at", async () => {
  const home = serverHome();
  await runMl(["server", "start"], { home });
  const { checks } = await examine(home);
  for (const name of ["server", "key", "clock", "version"])
    expect([name, named(checks, name)?.ok]).toEqual([name, true]);
  expect(checks.filter((check) => check.where === "server").map((check) => check.name)).toEqual(
    expect.arrayContaining(["disk", "python", "queue"]),
  );
}, 120_000);

test("[N7] a server that cannot be reached, a readable key, an open home: exit 8, each with its cure", async () => {
  const home = tempFolder();
  const away = await examine(home, { ML_SERVER_URL: "ws://127.0.0.1:1" });
  expect(away.code).toBe(8);
  expect(named(away.checks, "server")).toMatchObject({ ok: false });
  await runMl(["init", "--key", "k"], { home });
  chmodSync(join(home, ".ml/config.toml"), 0o644);
  const open = await examine(home);
  expect([open.code, named(open.checks, "permissions")?.cure]).toEqual([
    8,
    `chmod 600 ${join(home, ".ml/config.toml")}`,
  ]);
  const loose = tempFolder();
  mkdirSync(join(loose, ".ml"));
  chmodSync(join(loose, ".ml"), 0o777);
  expect(named((await examine(loose)).checks, "home")).toMatchObject({ ok: false });
}, 120_000);

test("an interpreter in the settings that is not there is found before a run fails by it", async () => {
  const wrong = await examine(tempFolder(), { ML_PYTHON: "/nowhere/python" });
  expect([wrong.code, named(wrong.checks, "python")]).toMatchObject([
    8,
    { ok: false, cure: "ml config set python PATH" },
  ]);
  expect((await examine(tempFolder(), { ML_PYTHON: "sh" })).code).toBe(0);
});
