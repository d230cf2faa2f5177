/** `ml push RUN --to SERVER` as somebody types it: two homes, two real servers, keys, a cut, a full disk. */
import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Served, serveFrom } from "../support/served.ts";
import { fillDisk, onRoot, smallDisk, unmountAfterEach } from "../support/small-disk.ts";
import { tempFolder, until } from "../support/temp.ts";
import { type Lab, openLab } from "./lab.ts";

unmountAfterEach();
const opened: Served[] = [];
afterEach(async () => {
  for (const served of opened.splice(0)) await served.end();
});

const script = [
  "#!/bin/sh",
  "mkdir -p ckpt",
  "for name in a b c; do head -c 1500000 /dev/urandom > ckpt/$name.bin; done",
  "echo loss 0.5",
  "",
].join("\n");

async function ran(lab: Lab, name: string): Promise<string> {
  lab.put("train.sh", script);
  const run = await lab.queue(["--name", name, "./train.sh"]);
  await lab.ml(["wait", run]);
  return run;
}

interface There {
  served: Served;
  /** Its Unix socket, and its address with a user's key. */
  socket: string;
  url: string;
  key: string;
}

/** Another machine's server. */
async function elsewhere(base?: string): Promise<There> {
  const served = serveFrom(tempFolder("ml-there-"), base === undefined ? {} : { ML_WORKER_BASE: base });
  opened.push(served);
  await served.start({ args: ["server", "--listen", "127.0.0.1:0"] });
  const { url } = JSON.parse(readFileSync(join(served.base.base, "server.json"), "utf8"));
  const { key } = await served.ask<{ key: string }>("key.add", { user: "ada" });
  const { socket } = JSON.parse(readFileSync(join(served.base.base, "server.json"), "utf8"));
  return { served, socket, url, key };
}

const sumsHold = (folder: string) =>
  Bun.spawnSync(["sha256sum", "--quiet", "-c", "SHA256SUMS"], { cwd: folder, stderr: "pipe" }).exitCode === 0;

describe("pushing runs", () => {
  test("there and back: the key decides, a config file beside one's own names the server, sealed folders are the same", async () => {
    const lab = openLab();
    const run = await ran(lab, "first");
    const there = await elsewhere();
    for (const key of [[], ["--to-key", "ml_wrong"]]) {
      const refused = await lab.ml(["push", run, "--to", there.url, ...key]);
      expect(refused.code).toBe(4);
      expect(refused.stderr).toContain("--to-key");
    }
    expect(there.served.runIds()).toEqual([]);
    const config = join(lab.home, ".ml/lab2.toml");
    writeFileSync(config, `server_url = "${there.url}"\napi_key = "${there.key}"\n`, { mode: 0o644 });
    expect((await lab.ml(["push", run, "--to", "lab2"])).code).toBe(4);
    Bun.spawnSync(["chmod", "600", config]);
    const pushed = await lab.ml(["push", run, "--to", "lab2"]);
    expect(pushed.stdout).toMatch(
      new RegExp(`^✓ first  ${run}  completed\npushed 1 run to ${there.url}, 4\\.5 MB sent\n$`),
    );
    expect((await lab.ml(["push", "--where", "name:first", "--to", "lab2"])).stdout).toContain("1 was there already");
    const away = there.served.base.run(run).folder;
    expect(readFileSync(join(away, "SHA256SUMS"), "utf8")).toBe(
      readFileSync(join(lab.folder(run), "SHA256SUMS"), "utf8"),
    );
    expect([sumsHold(lab.folder(run)), sumsHold(away)]).toEqual([true, true]);
    for (const [server, to] of [
      [[], "here"],
      [["--server", there.socket], "away"],
    ] as const) {
      expect((await lab.ml(["pull", run, "--to", to, ...server])).code).toBe(0);
      expect(sumsHold(join(lab.project, to))).toBeTrue();
    }
    // Carried back, it is the run that it was.
    expect(
      (await lab.ml(["push", run, "--server", there.socket, "--to", join(lab.home, ".ml/data/sock")])).stdout,
    ).toContain("there already");
    expect(await lab.ml(["validate", run, "--server", there.socket])).toMatchObject({ code: 0 });
    const usage = await Promise.all(
      [["push"], ["push", "--to", "lab2"], ["push", run, "--to", "no.toml"], ["push", "x", "--to-key", "y"]].map(
        (words) => lab.ml(words),
      ),
    );
    expect(usage.map(({ code }) => code)).toEqual([2, 2, 3, 2]);
  });

  test("[N5] killed in the middle and typed again: what came whole is not sent again, and the run is there once", async () => {
    const lab = openLab();
    const run = await ran(lab, "cut");
    const there = await elsewhere();
    const { staging } = there.served.base;
    const child = lab.start(["push", run, "--to", there.socket, "--limit-rate", "1M"]);
    const begun = () =>
      readdirSync(staging).some((name) => existsSync(join(staging, name, "runs", run, "work/ckpt/b.bin")));
    await until("the second file has begun", begun);
    child.kill("SIGKILL");
    await child.ended;
    await until("the cut is noticed", () => readdirSync(staging).some((name) => name.startsWith("carried-")));
    expect(there.served.runIds()).toEqual([]);
    const again = await lab.json<{ sent_bytes: number; runs: object[] }>(["push", run, "--to", there.socket]);
    expect(again.runs).toMatchObject([{ run_id: run, there_as: run, state: "pushed" }]);
    expect(again.sent_bytes).toBeLessThan(3_200_000);
    expect(there.served.runIds()).toEqual([run]);
    expect(sumsHold(there.served.base.run(run).folder)).toBeTrue();
    expect(readdirSync(staging)).toEqual([]);
    expect(await lab.ml(["validate", run, "--server", there.socket])).toMatchObject({ code: 0 });
  });

  test("[K1 N5] the other server is killed in the middle and started again: the same command brings the run there", async () => {
    const lab = openLab();
    const run = await ran(lab, "killed");
    const there = await elsewhere();
    const { staging } = there.served.base;
    const child = lab.start(["push", run, "--to", there.socket, "--limit-rate", "2M"]);
    await until("it has begun", () => readdirSync(staging).some((name) => name.startsWith("import-")));
    await there.served.killAll();
    await there.served.start();
    expect([await child.ended, child.stderr()]).toEqual([0, expect.anything()]);
    expect(there.served.runIds()).toEqual([run]);
    expect(sumsHold(there.served.base.run(run).folder)).toBeTrue();
  });

  onRoot(
    "[D1] to a disk that is full: exit 75, no half of a run there, and with room again the same command does it",
    async () => {
      const lab = openLab();
      const run = await ran(lab, "full");
      const disk = smallDisk("size=14m");
      const there = await elsewhere(join(disk, "base"));
      const ballast = fillDisk(disk);
      expect((await lab.ml(["push", run, "--to", there.socket])).code).toBe(75);
      Bun.spawnSync(["rm", ballast]);

      const most = join(disk, "filler");
      Bun.spawnSync(["sh", "-c", `head -c 11000000 /dev/zero > ${most}`]);
      const refused = await lab.ml(["push", run, "--to", there.socket]);
      expect([refused.code, refused.stderr]).toEqual([75, expect.stringMatching(/full|space/)]);
      expect(there.served.runIds()).toEqual([]);
      Bun.spawnSync(["rm", most]);
      expect((await lab.ml(["push", run, "--to", there.socket])).code).toBe(0);
      expect(sumsHold(there.served.base.run(run).folder)).toBeTrue();
    },
    120_000,
  );
});
