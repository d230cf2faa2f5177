/** `ml export`, `ml verify`, `ml import` as somebody types them, and reproduce.sh where there is nothing but a shell. */
import { describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needs } from "../support/require.ts";
import { tempFolder } from "../support/temp.ts";
import { openLab } from "./lab.ts";

const script = [
  "#!/bin/sh",
  'echo "lr $1 in $(basename "$(pwd)")"',
  "mkdir -p out",
  'echo "$1" > out/result.txt',
  "",
].join("\n");

describe("bundles", () => {
  needs("tar", "busybox")(
    "go from one home to another, and run again in a bare root with an empty environment",
    async () => {
      const lab = openLab();
      lab.put("train.sh", script);
      const run = await lab.queue(["--name", "run_42", "./train.sh", "--", "0.3"]);
      await lab.ml(["wait", run]);
      const exported = await lab.ml(["export", "--bundle", "run_42.tar.gz"]);
      expect(exported.stdout).toMatch(
        new RegExp(`^exported run ${run} to run_42.tar.gz: \\d+ files, .*, 6 checks passed\n$`),
      );
      expect((await lab.ml(["export", run, "-o", "run_42.tar.gz"])).code).toBe(7);
      expect((await lab.ml(["export", run, "-o", "run_42.zip"])).code).toBe(2);

      const other = openLab();
      const file = join(lab.project, "run_42.tar.gz");
      expect((await other.ml(["import", file])).stdout).toContain("imported 1 run\n");
      expect((await other.ml(["import", file])).stdout).toContain("imported 0 runs, 1 was here already\n");
      expect((await other.ml(["info", run])).stdout).toMatch(/from +imported \(bundle\): a run of /);
      expect(await other.ml(["validate", run])).toMatchObject({ code: 0 });

      const bare = tempFolder("ml-bare-");
      expect(Bun.spawnSync(["tar", "xzf", file, "-C", bare]).exitCode).toBe(0);
      const again = (cmd: string[]) => Bun.spawnSync(cmd, { cwd: bare, env: {}, stderr: "pipe" });
      const empty = again(["/bin/sh", `${run}/reproduce.sh`, "--into", "again"]);
      expect([empty.stdout.toString(), empty.exitCode]).toEqual(["lr 0.3 in work\n", 0]);
      expect(readFileSync(join(bare, "again/work/out/result.txt"), "utf8")).toBe("0.3\n");
      if (process.getuid?.() !== 0) return;
      mkdirSync(join(bare, "bin"));
      copyFileSync(Bun.which("busybox") ?? "", join(bare, "bin/busybox"));
      for (const name of ["sh", "cp", "mkdir", "dirname", "basename", "sha256sum", "chmod"])
        symlinkSync("busybox", join(bare, "bin", name));
      const rooted = again(["/usr/sbin/chroot", bare, "/bin/sh", `/${run}/reproduce.sh`, "--into", "/there"]);
      expect([rooted.stdout.toString(), rooted.exitCode]).toEqual(["lr 0.3 in work\n", 0]);
      writeFileSync(join(bare, run, "code", readdirSync(join(bare, run, "code"))[0] ?? "", "train.sh"), "echo evil\n");
      expect(again(["/bin/sh", `${run}/reproduce.sh`, "--into", "third"]).exitCode).toBe(8);
      expect(existsSync(join(bare, "third"))).toBeFalse();
    },
  );

  test("verify needs no server and ends with 8 where something is wrong; import then keeps nothing", async () => {
    const lab = openLab();
    lab.put("train.sh", script);
    const run = await lab.queue(["./train.sh"]);
    await lab.ml(["wait", run]);
    await lab.ml(["export", run, "-o", "a.tar.zst", "--include-artifacts"]);
    const alone = { env: { ML_SERVER_URL: "ws://127.0.0.1:1" } };
    const good = await lab.ml(["verify", "a.tar.zst", "--json"], alone);
    expect(good.code).toBe(0);
    expect(JSON.parse(good.stdout)).toMatchObject({ schema: "ml.verify/1", valid: true, runs: [{ run_id: run }] });
    const bytes = readFileSync(join(lab.project, "a.tar.zst"));
    lab.put("cut.tar.zst", bytes.subarray(0, bytes.length - 40));
    const bad = await lab.ml(["verify", "cut.tar.zst"], alone);
    expect(bad.code).toBe(8);
    expect(bad.stdout).toContain("damaged or cut off");
    expect((await lab.ml(["import", "cut.tar.zst"])).code).toBe(7);
    expect((await lab.ml(["verify", "nosuch.tar.gz"], alone)).code).toBe(3);
  });
});
