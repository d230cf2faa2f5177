/** `ml export`, `ml verify`, `ml import` as somebody types them, and reproduce.sh where there is nothing but a shell. */
import { describe, expect, test } from "bun:test";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
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
      const nowhere = await lab.ml(["export", run, "-o", "no/folder/x.tar.gz"]);
      expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringContaining("hint: mkdir -p ")]);
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

  needs(
    "tar",
    "python3",
    "env",
  )(
    "reproduce.sh --venv makes an environment of the packages that were recorded, where nothing is installed",
    async () => {
      const lab = openLab();
      const python = (...words: string[]) => Bun.spawnSync(["python3", ...words], { cwd: lab.project, stderr: "pipe" });
      const info = "mltiny-1.0.dist-info";
      lab.put("wheel/mltiny.py", "import sys\nsaid = f'tiny 1.0, own environment: {sys.prefix != sys.base_prefix}'\n");
      lab.put(`wheel/${info}/METADATA`, "Metadata-Version: 2.1\nName: mltiny\nVersion: 1.0\n");
      lab.put(`wheel/${info}/WHEEL`, "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n");
      lab.put(`wheel/${info}/RECORD`, "");
      lab.put("wheels/.keep", "");
      python("-m", "zipfile", "-c", "wheels/mltiny-1.0-py3-none-any.whl", "wheel/mltiny.py", `wheel/${info}`);
      // As it was when it ran: an environment with that package, which is gone by now.
      expect(python("-m", "venv", "--without-pip", "v").exitCode).toBe(0);
      const site = python("-c", "import glob; print(glob.glob('v/lib/python3*/site-packages')[0])")
        .stdout.toString()
        .trim();
      cpSync(join(lab.project, "wheel"), join(lab.project, site), { recursive: true });
      lab.put("use.py", "import mltiny\nprint(mltiny.said)\n");
      lab.put(".mlignore", "v\nwheel*\n");
      const run = await lab.queue(["--python", join(lab.project, "v/bin/python"), "use.py"]);
      await lab.ml(["wait", run]);
      expect((await lab.ml(["cat", run, "env/pip_freeze.txt"])).stdout).toBe("mltiny==1.0\n");
      await lab.ml(["export", run, "-o", "use.tar.gz"]);
      rmSync(join(lab.project, "v"), { recursive: true });
      const bare = tempFolder("ml-bare-");
      Bun.spawnSync(["tar", "xzf", join(lab.project, "use.tar.gz"), "-C", bare]);
      const env = { PATH: process.env.PATH ?? "", PIP_NO_INDEX: "1", PIP_FIND_LINKS: join(lab.project, "wheels") };
      const again = (...words: string[]) =>
        Bun.spawnSync(["/bin/sh", `${run}/reproduce.sh`, ...words], { cwd: bare, env, stderr: "pipe" });
      const plain = again("--into", "plain");
      expect([plain.exitCode, plain.stderr.toString()]).toEqual([
        1,
        expect.stringContaining("No module named 'mltiny'"),
      ]);
      const built = again("--venv", "--into", "built");
      expect([built.stderr.toString(), built.stdout.toString()]).toEqual([
        expect.any(String),
        "tiny 1.0, own environment: True\n",
      ]);
      expect(built.exitCode).toBe(0);
    },
  );

  test("more than a server takes at once is said before a byte is sent", async () => {
    const lab = openLab();
    lab.put("huge.tar.gz", "x");
    truncateSync(join(lab.project, "huge.tar.gz"), 9 * 1024 ** 3);
    const ran = await lab.ml(["import", "huge.tar.gz"]);
    expect([ran.code, ran.stderr]).toEqual([7, expect.stringContaining("more than the 8.6 GB that a server takes")]);
  });

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
