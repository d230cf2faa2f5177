/** `ml service install --print`: the unit that would be written. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { mlBinary, runMl } from "../support/binary.ts";
import { tempFolder } from "../support/temp.ts";

test("the unit keeps runs alive, restarts for ever, and has absolute paths", async () => {
  const home = tempFolder();
  const { stdout, code } = await runMl(["service", "install", "--user", "--print"], {
    home,
    env: { ML_WORKER_BASE: "/data/my runs" },
  });
  expect(code).toBe(0);
  for (const line of ["KillMode=process", "Restart=always", "Delegate=yes", "WantedBy=default.target"]) {
    expect(stdout.split("\n")).toContain(line);
  }
  expect(stdout).toContain(`ExecStart="${mlBinary()}" server --base "/data/my runs"\n`);
  expect(stdout).toContain(`"ML_HOME=${join(home, ".ml")}"`);
});

test("a system unit runs as its user; the two scopes exclude each other", async () => {
  const home = tempFolder();
  const system = await runMl(["service", "install", "--system", "--print", "--json"], { home });
  const value = JSON.parse(system.stdout);
  expect(value).toMatchObject({ schema: "ml.service/1", path: "/etc/systemd/system/ml.service", installed: false });
  const account = process.env.SUDO_USER || Bun.spawnSync(["id", "-un"]).stdout.toString().trim();
  expect(value.unit).toContain(`\nUser=${account}\n`);
  expect((await runMl(["service", "install", "--system", "--user"], { home })).code).toBe(2);
});
