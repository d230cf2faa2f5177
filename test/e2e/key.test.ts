/** Keys end to end: a client with an empty home and a key, against a server elsewhere on loopback. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runMl, serverHome } from "../support/binary.ts";
import { tempFolder } from "../support/temp.ts";

async function serve(): Promise<{ home: string; url: string }> {
  const home = serverHome();
  const started = await runMl(["server", "start", "--json"], { home });
  return { home, url: JSON.parse(started.stdout).url };
}

test("a key that was added opens the server from an empty home, and no longer once revoked", async () => {
  const { home, url } = await serve();
  const added = JSON.parse((await runMl(["key", "add", "alice", "--label", "laptop", "--json"], { home })).stdout);
  expect(added).toMatchObject({ schema: "ml.key.add/1", user: "alice", role: "user" });
  const away = tempFolder();
  const made = await runMl(["init", "--server-url", url, "--key", "-"], { home: away, input: `${added.key}\n` });
  expect(made.code).toBe(0);
  expect((await runMl(["status"], { home: away })).code).toBe(0);
  const denied = await runMl(["key", "list"], { home: away });
  expect(denied.code).toBe(4);
  const listed = JSON.parse((await runMl(["key", "list", "--json"], { home })).stdout);
  expect(listed.keys).toContainEqual(expect.objectContaining({ key_id: added.key_id, user: "alice", label: "laptop" }));
  expect((await runMl(["key", "revoke", added.key_id], { home })).code).toBe(0);
  const after = await runMl(["status"], { home: away });
  expect(after.code).toBe(4);
  expect(after.stderr).toContain("ml key add");
}, 120_000);

test("[S2 S9] a key is printed once and is in no log and no listing", async () => {
  const { home } = await serve();
  const key = (await runMl(["key", "add", "bob", "-q"], { home })).stdout.trim();
  expect(key.length).toBeGreaterThan(20);
  expect((await runMl(["key", "list"], { home })).stdout).not.toContain(key);
  expect(readFileSync(join(home, ".ml/server.log"), "utf8")).not.toContain(key);
  expect(readFileSync(join(home, ".ml/data/users.toml"), "utf8")).not.toContain(key);
}, 120_000);

test("[C7 S2] without a key or with a wrong one: exit 4 and what to do", async () => {
  const { home, url } = await serve();
  await runMl(["key", "add", "alice"], { home });
  const away = tempFolder();
  for (const env of [{ ML_SERVER_URL: url }, { ML_SERVER_URL: url, ML_API_KEY: "wrong" }]) {
    const ran = await runMl(["status"], { home: away, env });
    expect(ran.code).toBe(4);
    expect(ran.stderr).toContain("ml config set api_key");
  }
}, 120_000);
