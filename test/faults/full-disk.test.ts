/** Real disks that are full, without inodes, or read-only, under the real executable. Mounting a small tmpfs needs root. */
import { afterEach, describe, expect } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { runMl } from "../support/binary.ts";
import { type Served, serveFrom, sumTrouble } from "../support/served.ts";
import { fillDisk, makeReadOnly, onRoot, smallDisk, unmountAfterEach } from "../support/small-disk.ts";
import { tempFolder, until } from "../support/temp.ts";

let served: Served | null = null;
unmountAfterEach();
afterEach(async () => {
  await served?.end();
  served = null;
});

/** A served base on a disk of its own; home and sources are elsewhere. */
async function serveOn(disk: string, env: Record<string, string> = {}): Promise<Served> {
  const home = tempFolder("ml-home-");
  served = serveFrom(home, { ML_WORKER_BASE: join(disk, "base"), ...env });
  await served.start();
  return served;
}

function ml(at: Served, ...args: string[]) {
  const project = join(at.home, "project");
  fs.mkdirSync(project, { recursive: true });
  return runMl(args, { home: at.home, env: at.env, cwd: project });
}

const idOf = (stdout: string): string => JSON.parse(stdout).runs[0].run_id;

describe("a full disk", () => {
  onRoot(
    "[D1] queueing is refused with exit 75, nothing is half-written, nothing queued is lost",
    async () => {
      const disk = smallDisk("size=12m");
      const at = await serveOn(disk);
      const waiting = idOf((await ml(at, "queue", "--json", "--hold", "--", "echo", "first")).stdout);
      const ballast = fillDisk(disk);
      const before = fs.readdirSync(at.base.runs);
      for (let attempt = 0; attempt < 3; attempt += 1) {
        const refused = await ml(at, "queue", "--", "echo", `refused ${attempt}`);
        expect({ code: refused.code, stderr: refused.stderr }).toMatchObject({
          code: 75,
          stderr: expect.stringMatching(/disk is full/),
        });
      }
      expect(fs.readdirSync(at.base.runs)).toEqual(before);
      expect((await ml(at, "status")).code).toBe(0);
      await at.killAll();
      fs.rmSync(ballast);
      await at.start();
      expect(fs.readdirSync(at.base.runs)).toEqual(before);
      expect((await ml(at, "release", waiting)).code).toBe(0);
      const { manifest, paths } = await at.sealed(waiting);
      expect(manifest).toMatchObject({ status: "completed", exit_code: 0 });
      expect(sumTrouble(paths)).toBe("");
      const last = idOf((await ml(at, "queue", "--json", "--", "echo", "last")).stdout);
      expect((await at.sealed(last)).manifest.status).toBe("completed");
    },
    120_000,
  );

  onRoot(
    "[D2 D3] a script that fills the disk gets ENOSPC itself; its exit record lands; its manifest is finished when there is room",
    async () => {
      const disk = smallDisk("size=16m");
      const at = await serveOn(disk);
      const fill = "head -c 100000000 /dev/zero | tr '\\0' 'x'; echo $? > /dev/null; exit 9";
      const filler = idOf((await ml(at, "queue", "--json", "--", "sh", "-c", fill)).stdout);
      const { exitRecord, folder } = at.base.run(filler);
      await until("the exit record", () => fs.existsSync(exitRecord));
      expect(JSON.parse(fs.readFileSync(exitRecord, "utf8")).rc).toBe(9);
      // Killed and started again on the full disk: whatever happens now, nothing may be lost.
      await at.killAll();
      await at.start();
      const status = await at.insist<{ server: { problems: string[] } }>("status", {});
      expect(JSON.stringify(status)).toContain(filler);
      fs.truncateSync(join(folder, "output.log"), 1_000_000);
      const { manifest, paths } = await at.sealed(filler);
      expect(manifest).toMatchObject({ status: "failed", exit_code: 9, failure: { kind: "disk_full" } });
      expect(sumTrouble(paths)).toBe("");
    },
    120_000,
  );

  onRoot(
    "[D2 D3] the same without a restart: marked disk_full",
    async () => {
      const disk = smallDisk("size=16m");
      const at = await serveOn(disk);
      const ballast = join(disk, "ballast");
      fs.writeFileSync(ballast, Buffer.alloc(2_000_000));
      const filler = idOf((await ml(at, "queue", "--json", "--", "sh", "-c", "head -c 100000000 /dev/zero")).stdout);
      await until("the exit record", () => fs.existsSync(at.base.run(filler).exitRecord));
      expect(JSON.parse(fs.readFileSync(at.base.run(filler).exitRecord, "utf8")).rc).toBe(1);
      await until("the problem to be told", async () =>
        JSON.stringify(await at.ask<unknown>("status", {})).includes(`run \`${filler}\` has ended`),
      );
      fs.rmSync(ballast);
      const { manifest, paths } = await at.sealed(filler);
      expect(manifest).toMatchObject({ status: "failed", exit_code: 1, failure: { kind: "disk_full" } });
      expect(sumTrouble(paths)).toBe("");
    },
    120_000,
  );

  onRoot(
    "[D4] without inodes the refusal is about inodes, and takes nothing",
    async () => {
      const disk = smallDisk("size=32m,nr_inodes=300");
      const at = await serveOn(disk);
      const many = join(disk, "many");
      fs.mkdirSync(many);
      let made = 0;
      try {
        for (; ; made += 1) fs.writeFileSync(join(many, String(made)), "");
      } catch {
        expect(made).toBeGreaterThan(100);
      }
      await Bun.sleep(1100);
      const refused = await ml(at, "queue", "--", "echo", "refused");
      expect(refused).toMatchObject({ code: 75, stderr: expect.stringContaining("inodes") });
      expect(fs.readdirSync(at.base.runs)).toEqual([]);
      expect((await ml(at, "status")).code).toBe(0);
      fs.rmSync(many, { recursive: true });
      await Bun.sleep(1100);
      const last = idOf((await ml(at, "queue", "--json", "--", "echo", "last")).stdout);
      expect((await at.sealed(last)).manifest.status).toBe("completed");
    },
    120_000,
  );
});

describe("a read-only disk", () => {
  onRoot(
    "[D5] under a running server: status, info and logs go on, queueing is refused with the reason, and then works again",
    async () => {
      const disk = smallDisk("size=16m");
      const at = await serveOn(disk);
      const done = idOf((await ml(at, "queue", "--json", "--", "echo", "some words")).stdout);
      await at.sealed(done);
      const running = idOf((await ml(at, "queue", "--json", "--", "sh", "-c", "echo begun; sleep 4; exit 3")).stdout);
      await until("it to run", () => at.manifest(running).status === "running");
      const makeWritable = makeReadOnly(disk);
      await Bun.sleep(1100);
      const refused = await ml(at, "queue", "--", "echo", "refused");
      expect(refused).toMatchObject({ code: 75, stderr: expect.stringContaining("read-only") });
      expect((await ml(at, "status")).stdout).toContain("read-only");
      expect((await ml(at, "logs", done)).stdout).toBe("some words\n");
      expect((await ml(at, "info", running)).code).toBe(0);
      makeWritable();
      const { manifest, paths } = await at.sealed(running);
      expect(manifest).toMatchObject({ status: "failed", exit_code: 3 });
      expect(sumTrouble(paths)).toBe("");
      await Bun.sleep(1100);
      expect((await ml(at, "queue", "--", "true")).code).toBe(0);
    },
    120_000,
  );

  onRoot(
    "[D5] a server that starts on a read-only base lists it, or says exactly why it cannot",
    async () => {
      const disk = smallDisk("size=16m");
      const at = await serveOn(disk, { ML_STATE_DIR: join(tempFolder("ml-state-"), "state") });
      const done = idOf((await ml(at, "queue", "--json", "--", "echo", "some words")).stdout);
      await at.sealed(done);
      await at.killAll();
      makeReadOnly(disk);
      const server = await at.start();
      expect(server.exitCode).toBeNull();
      expect((await ml(at, "status")).stdout).toContain("read-only");
      expect((await ml(at, "logs", done)).stdout).toBe("some words\n");
      expect(await ml(at, "queue", "--", "true")).toMatchObject({
        code: 75,
        stderr: expect.stringContaining("read-only"),
      });
    },
    120_000,
  );
});
