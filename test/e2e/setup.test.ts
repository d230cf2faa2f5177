/** The first minutes: ./ml itself, help, mistakes, modes of output, and closed pipes, through the executable. */
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { mlBinary, mlEnv, runMl } from "../support/binary.ts";
import { tempFolder } from "../support/temp.ts";

const root = join(import.meta.dir, "../..");

describe("./ml", () => {
  /** A checkout whose build takes a moment, counts itself, and makes an executable that prints its arguments. */
  function checkout(name = "check out"): string {
    const folder = join(tempFolder(), name);
    for (const part of ["scripts", "src", "node_modules"]) mkdirSync(join(folder, part), { recursive: true });
    copyFileSync(join(root, "ml"), join(folder, "ml"));
    copyFileSync(join(root, "scripts/first-run.sh"), join(folder, "scripts/first-run.sh"));
    chmodSync(join(folder, "ml"), 0o755);
    writeFileSync(join(folder, "src/main.ts"), "");
    writeFileSync(join(folder, "package-lock.json"), "{}");
    writeFileSync(join(folder, "node_modules/.package-lock.json"), "{}");
    const build = [
      "echo once >>dist/builds",
      "sleep 0.3",
      `printf '#!/bin/sh\\nprintf "<%%s>" "$@"\\n' >dist/ml.new`,
      "chmod +x dist/ml.new && mv dist/ml.new dist/ml",
      `printf 'stale=\\n[ "$here/src/main.ts" -nt "$here/dist/ml" ] && stale=yes\\n' >dist/fresh.sh`,
    ];
    writeFileSync(join(folder, "scripts/bun.sh"), `${build.join("\n")}\n`);
    return folder;
  }

  async function call(path: string, words: string[], options: { cwd?: string; env?: Record<string, string> } = {}) {
    const env = { PATH: "/usr/bin:/bin", HOME: tempFolder(), ...options.env };
    const child = Bun.spawn([path, ...words], { cwd: options.cwd ?? "/", env, stdout: "pipe", stderr: "pipe" });
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    return { code: await child.exited, stdout, stderr };
  }
  const builds = (folder: string) => readFileSync(join(folder, "dist/builds"), "utf8").split("\n").length - 1;

  test("builds once, says so on stderr, and passes every word on; from a path with spaces, another folder and a symbolic link", async () => {
    const folder = checkout();
    const first = await call(join(folder, "ml"), ["a b", "", "$c"]);
    expect([first.code, first.stdout]).toEqual([0, "<a b><><$c>"]);
    expect(first.stderr).toContain("building dist/ml, once");
    const link = join(tempFolder(), "ml");
    symlinkSync(join(folder, "ml"), link);
    expect(await call(link, ["x"])).toEqual({ code: 0, stdout: "<x>", stderr: "" });
    expect(await call("../ml", ["y"], { cwd: join(folder, "src") })).toEqual({ code: 0, stdout: "<y>", stderr: "" });
    expect(await call("/bin/sh", ["ml", "z"], { cwd: folder, env: { HOME: "" } })).toEqual({
      code: 0,
      stdout: "<z>",
      stderr: "",
    });
    expect(builds(folder)).toBe(1);
  });

  test("an edited source leads to a new build", async () => {
    const folder = checkout();
    await call(join(folder, "ml"), []);
    const later = new Date(Date.now() + 5000);
    utimesSync(join(folder, "src/main.ts"), later, later);
    expect((await call(join(folder, "ml"), [])).stderr).toContain("the sources changed");
    expect(builds(folder)).toBe(2);
  });

  test("two at once build once", async () => {
    const folder = checkout();
    const both = await Promise.all([call(join(folder, "ml"), ["1"]), call(join(folder, "ml"), ["2"])]);
    expect(both.map((one) => one.stdout)).toEqual(["<1>", "<2>"]);
    expect(builds(folder)).toBe(1);
  });

  test("without npm it says what to install", async () => {
    const folder = checkout();
    Bun.spawnSync(["rm", join(folder, "node_modules/.package-lock.json")]);
    const bin = tempFolder();
    for (const tool of ["sh", "mkdir", "dirname", "readlink", "flock", "cat"]) {
      const path = Bun.which(tool);
      if (path !== null) symlinkSync(path, join(bin, tool));
    }
    const ran = await call(join(folder, "ml"), [], { env: { PATH: bin } });
    expect([ran.code, ran.stderr.includes("npm is missing: install Node.js")]).toEqual([69, true]);
  });

  test("the build's own list of sources names every source", () => {
    mlBinary();
    const fresh = readFileSync(join(root, "dist/fresh.sh"), "utf8");
    for (const path of ["'src/main.ts'", "'src/cli'", "'src/cli/commands/help.ts'", "'package-lock.json'"]) {
      expect(fresh).toContain(path);
    }
  });
});

describe("words", () => {
  test("no command is help; every command has a page, and --help is the same page", async () => {
    const home = tempFolder();
    const overview = await runMl([], { home });
    expect([overview.code, overview.stderr]).toEqual([0, ""]);
    const listed = JSON.parse((await runMl(["help", "--json"], { home })).stdout).commands as { name: string }[];
    expect(listed.length).toBeGreaterThan(20);
    for (const { name } of listed) {
      const page = await runMl(["help", name], { home });
      expect([name, page.code, page.stdout.startsWith(`ml ${name}: `)]).toEqual([name, 0, true]);
      if (name === "server" || name === "worker") continue;
      expect((await runMl([name, "--help"], { home })).stdout).toBe(page.stdout);
    }
  }, 120_000);

  test("mistakes end with 2, name the nearest, and print nothing on stdout", async () => {
    const home = tempFolder();
    const cases: [string[], string][] = [
      [["stauts"], "did you mean `ml status`?"],
      [["status", "--wach"], "did you mean `--watch`?"],
      [["key", "lst"], "did you mean `ml key list`?"],
      [["help", "quue"], "did you mean `ml help queue`?"],
      [["status", "--json", "--plain"], "choose one"],
      [["info"], "wants RUN"],
    ];
    for (const [words, hint] of cases) {
      const ran = await runMl(words, { home });
      expect([words, ran.code, ran.stdout]).toEqual([words, 2, ""]);
      expect(ran.stderr).toContain(hint);
    }
  }, 120_000);

  test("with --json an error is one value with its code, on stderr", async () => {
    const ran = await runMl(["status", "--json"], { home: tempFolder() });
    expect([ran.code, ran.stdout]).toEqual([69, ""]);
    expect(JSON.parse(ran.stderr)).toMatchObject({
      schema: "ml.error/1",
      error: { code: "unreachable", hint: "ml server start" },
      exit_code: 69,
    });
  });

  test("[C4] off a terminal the terminal UI says so in a sentence, as `ml monitor` and when called as ml-tui", async () => {
    const home = tempFolder();
    const link = join(tempFolder(), "ml-tui");
    symlinkSync(mlBinary(), link);
    for (const [binary, words] of [
      [link, []],
      [mlBinary(), ["monitor"]],
    ] as const) {
      const ran = await runMl(words, { home, binary });
      expect([ran.code, ran.stdout, ran.stderr.includes("hint: ml status --watch")]).toEqual([2, "", true]);
    }
  });

  test("[C4] off a terminal no control code leaves, unless colour is forced", async () => {
    const home = tempFolder();
    for (const words of [["help"], ["config", "show"], ["doctor"], ["nonsense"]]) {
      const ran = await runMl(words, { home });
      expect(`${ran.stdout}${ran.stderr}`).not.toContain("\x1b");
    }
    expect((await runMl(["help", "--color=always"], { home })).stdout).toContain("\x1b[");
  });
});

describe("streams", () => {
  test("[C5] a reader that goes away ends it quietly with 141", async () => {
    const home = tempFolder();
    const line = `"$ML" help --json >/dev/null; { sleep 0.3; "$ML" help; echo "$?" >code; } | true; cat code`;
    const ran = Bun.spawnSync(["sh", "-c", line], { cwd: home, env: { ...mlEnv({ home }), ML: mlBinary() } });
    expect([ran.stdout.toString(), ran.stderr.toString()]).toEqual(["141\n", ""]);
  });

  test("an output that cannot be written is an error, not silence", async () => {
    if (!existsSync("/dev/full")) return;
    const home = tempFolder();
    const child = Bun.spawn([mlBinary(), "help"], {
      env: mlEnv({ home }),
      stdout: Bun.file("/dev/full"),
      stderr: "pipe",
    });
    const said = await child.stderr.text();
    expect([await child.exited, said]).toEqual([75, "ml: writing the output failed: the disk is full\n"]);
  });

  test("closed stdin, stdout and stderr do no harm", () => {
    const home = tempFolder();
    const ran = Bun.spawnSync(["sh", "-c", `"$ML" version <&- >&- 2>&-`], {
      env: { ...mlEnv({ home }), ML: mlBinary() },
    });
    expect(ran.exitCode).toBe(0);
  });
});
