import { afterEach, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { defaultLimits } from "../../src/transfer/tree-limits.ts";
import { collectTree } from "../../src/transfer/walk.ts";
import { needs } from "../support/require.ts";
import { tempFolder } from "../support/temp.ts";

const realPath = process.env.PATH;
afterEach(() => {
  process.env.PATH = realPath;
});

function write(folder: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    fs.mkdirSync(join(folder, path, ".."), { recursive: true });
    fs.writeFileSync(join(folder, path), text);
  }
}

function git(cwd: string, ...args: string[]): string {
  const identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always"];
  const done = Bun.spawnSync(["git", ...identity, ...args], { cwd, env: { ...process.env, GIT_CONFIG_NOSYSTEM: "1" } });
  if (done.exitCode !== 0) throw new Error(`git ${args.join(" ")}: ${done.stderr}`);
  return done.stdout.toString().trim();
}

function checkout(files: Record<string, string>): string {
  const folder = fs.realpathSync(tempFolder());
  git(folder, "init", "-q", "-b", "trunk");
  write(folder, files);
  git(folder, "add", "-A");
  git(folder, "commit", "-qm", "first");
  return folder;
}

const collect = (cwd: string, more: Partial<Parameters<typeof collectTree>[0]> = {}) =>
  collectTree({ cwd, limits: defaultLimits, cacheFolder: null, ...more });
const paths = (tree: { files: { path: string }[] }) => tree.files.map((file) => file.path);
const gitTest = needs("git");

describe("a tree in git", () => {
  gitTest("tracked and untracked files belong to it; ignored and deleted ones do not", async () => {
    const root = checkout({ "train.py": "1", "gone.py": "2", ".gitignore": "*.log\n", "lib/a.py": "3" });
    write(root, { "new.py": "4", "run.log": "5", "lib/deep/b c.py": "6", "new\nline": "7" });
    fs.rmSync(join(root, "gone.py"));
    const tree = await collect(join(root, "lib"));
    expect(paths(tree)).toEqual([".gitignore", "lib/a.py", "lib/deep/b c.py", "new\nline", "new.py", "train.py"]);
    expect(tree).toMatchObject({ root, cwdInRoot: "lib", listedBy: "git", gitProblem: null, leftOut: [] });
  });

  gitTest("modes and links keep their nature; a link out of the tree is left out and said", async () => {
    const root = checkout({ "run.sh": "#!/bin/sh", "data/x": "1" });
    fs.chmodSync(join(root, "run.sh"), 0o755);
    fs.symlinkSync("data/x", join(root, "inside"));
    fs.symlinkSync("data", join(root, "folder"));
    fs.symlinkSync("/etc/passwd", join(root, "absolute"));
    fs.symlinkSync("../elsewhere", join(root, "up"));
    const tree = await collect(root);
    const kinds = Object.fromEntries(tree.files.map((file) => [file.path, file.target ?? file.kind]));
    expect(kinds).toEqual({ "data/x": "file", folder: "data", inside: "data/x", "run.sh": "exec" });
    expect(tree.leftOut.map((row) => [row.path, row.kind])).toEqual([
      ["absolute", "unsendable"],
      ["up", "unsendable"],
    ]);
    expect(tree.leftOut[0]?.why).toContain("/etc/passwd");
  });

  gitTest("a tracked file behind a folder that became a link is not read through it", async () => {
    const root = checkout({ "d/secret": "tracked", keep: "1" });
    const outside = tempFolder();
    write(outside, { secret: "not ours" });
    fs.rmSync(join(root, "d"), { recursive: true });
    fs.symlinkSync(outside, join(root, "d"));
    const tree = await collect(root);
    expect(paths(tree)).toEqual(["keep"]);
    expect(tree.leftOut[0]?.path).toBe("d");
  });

  gitTest("submodules and checkouts inside bring their tracked and untracked files", async () => {
    const inner = checkout({ "m.py": "1", ".gitignore": "skip\n" });
    const root = checkout({ a: "1" });
    git(root, "submodule", "--quiet", "add", inner, "sub");
    git(root, "commit", "-qm", "sub");
    write(root, { "sub/new.py": "2", "sub/skip": "3" });
    git(root, "init", "-q", "own");
    write(root, { "own/x.py": "4" });
    const tree = await collect(root);
    expect(paths(tree)).toEqual([".gitmodules", "a", "own/x.py", "sub/.gitignore", "sub/m.py", "sub/new.py"]);
    const clone = join(tempFolder(), "clone");
    git(root, "clone", "-q", root, clone);
    const bare = await collect(clone);
    expect(bare.leftOut).toEqual([expect.objectContaining({ path: "sub/", kind: "unsendable" })]);
  });

  gitTest(".mlignore takes out tracked files too, and brings back what the built-in list leaves out", async () => {
    const root = checkout({
      "big.bin": "1",
      "a.py": "2",
      "sub/notes.md": "3",
      ".mlignore": "*.bin\n!__pycache__/\n!*.pyc\n",
    });
    write(root, { "sub/.mlignore": "/notes.md\n", "__pycache__/x.pyc": "4", ".venv/lib/y": "5", "sub/z.bin": "6" });
    const cacheFolder = tempFolder();
    for (let times = 0; times < 2; times += 1) {
      const tree = await collect(root, { cacheFolder });
      expect(paths(tree)).toEqual([".mlignore", "__pycache__/x.pyc", "a.py", "sub/.mlignore"]);
      const left = tree.leftOut.map((row) => row.path).sort();
      expect(left).toEqual([".venv/", "big.bin", "sub/notes.md", "sub/z.bin"]);
    }
  });

  gitTest("the state names commit, branch, remote without its password, and the difference", async () => {
    const root = checkout({ "a.py": "one\n" });
    git(root, "remote", "add", "origin", "https://joe:hunter2@example.org/x.git?token=abc");
    const clean = await collect(root);
    const commit = git(root, "rev-parse", "HEAD");
    expect(clean.git).toMatchObject({ commit, branch: "trunk", dirty: false, diff: null });
    expect(clean.git?.remote).toBe("https://***@example.org/x.git?***");
    write(root, { "a.py": "two\n" });
    const dirty = await collect(root);
    expect(dirty.git?.dirty).toBeTrue();
    expect(dirty.git?.diff).toContain("+two");
    git(root, "checkout", "-q", "--detach");
    expect((await collect(root)).git).toMatchObject({ commit, branch: null });
  });

  gitTest(
    "[I8] commits that no remote has are counted and kept as a diff; a push is noticed; submodules are named",
    async () => {
      const cacheFolder = tempFolder("ml-cache-");
      const origin = tempFolder("ml-origin-");
      git(origin, "init", "-q", "--bare");
      const root = checkout({ "a.py": "one\n" });
      expect((await collect(root, { cacheFolder })).git).toMatchObject({
        upstream: null,
        unpushed: null,
        submodules: [],
      });
      git(root, "remote", "add", "origin", origin);
      git(root, "push", "-q", "-u", "origin", "trunk");
      expect((await collect(root, { cacheFolder })).git).toMatchObject({ upstream: "origin/trunk", unpushed: 0 });
      fs.writeFileSync(join(root, "a.py"), "two\n");
      git(root, "commit", "-qam", "second");
      const ahead = (await collect(root, { cacheFolder })).git;
      expect(ahead).toMatchObject({ unpushed: 1, dirty: false, diff: null });
      expect(ahead?.upstreamDiff).toContain("+two");
      git(root, "push", "-q");
      expect((await collect(root, { cacheFolder })).git).toMatchObject({ unpushed: 0, upstreamDiff: null });
      const inner = checkout({ "m.py": "1" });
      git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner, "sub");
      git(root, "commit", "-qm", "sub");
      const commit = git(inner, "rev-parse", "HEAD");
      expect((await collect(root, { cacheFolder })).git?.submodules).toEqual([{ path: "sub", commit, dirty: false }]);
      write(root, { "sub/m.py": "2\n" });
      const edited = (await collect(root, { cacheFolder })).git;
      expect(edited).toMatchObject({ dirty: true, submodules: [{ path: "sub", commit, dirty: true }] });
      expect(edited?.diff).toContain("+++ b/sub/m.py");
      // The files stay as they are: only the commit moves.
      git(join(root, "sub"), "commit", "-qam", "edit");
      const moved = (await collect(root, { cacheFolder })).git;
      const now = git(join(root, "sub"), "rev-parse", "HEAD");
      expect(moved?.submodules).toEqual([{ path: "sub", commit: now, dirty: true }]);
    },
  );

  gitTest("[I8] work in a submodule of a submodule is seen, and its own commits", async () => {
    const cacheFolder = tempFolder();
    const add = (to: string, from: string, name: string) => {
      git(to, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", from, name);
      git(to, "commit", "-qm", name);
    };
    const [root, middle] = [checkout({ "a.py": "1" }), checkout({ "b.py": "1" })];
    add(middle, checkout({ "c.py": "1" }), "deep");
    add(root, middle, "sub");
    const deep = join(root, "sub/deep");
    git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", "--recursive");
    const clean = (await collect(root, { cacheFolder })).git;
    expect(clean).toMatchObject({ dirty: false, diff: null });
    expect(clean?.submodules.map(({ path, dirty }) => ({ path, dirty }))).toEqual([
      { path: "sub", dirty: false },
      { path: "sub/deep", dirty: false },
    ]);
    write(deep, { "c.py": "2\n" });
    const edited = (await collect(root, { cacheFolder })).git;
    expect(edited).toMatchObject({ dirty: true, submodules: [{ path: "sub" }, { path: "sub/deep", dirty: true }] });
    expect(edited?.diff).toContain("+++ b/sub/deep/c.py");
    // The files stay as they are: only the commit moves.
    git(deep, "commit", "-qam", "edit");
    const moved = (await collect(root, { cacheFolder })).git;
    expect(moved?.submodules[1]).toMatchObject({ commit: git(deep, "rev-parse", "HEAD"), dirty: true });
  });

  gitTest("a remembered git state is dropped when HEAD, index or files change", async () => {
    const root = checkout({ "a.py": "one\n" });
    const cacheFolder = tempFolder();
    const first = await collect(root, { cacheFolder });
    expect((await collect(root, { cacheFolder })).git).toEqual(first.git);
    write(root, { "a.py": "two\n" });
    expect((await collect(root, { cacheFolder })).git?.diff).toContain("+two");
    git(root, "commit", "-qam", "second");
    const after = await collect(root, { cacheFolder });
    expect(after.git).toMatchObject({ commit: git(root, "rev-parse", "HEAD"), dirty: false, diff: null });
  });

  gitTest("[I8] no commits yet, shallow, and a worktree are listed by git", async () => {
    const empty = fs.realpathSync(tempFolder());
    git(empty, "init", "-q");
    write(empty, { "a.py": "1" });
    const young = await collect(empty);
    expect(young).toMatchObject({ listedBy: "git", git: { commit: null } });
    expect(young.git?.problem).toBeString();
    const root = checkout({ "a.py": "1" });
    write(root, { "a.py": "2" });
    git(root, "commit", "-qam", "second");
    const shallow = join(tempFolder(), "s");
    git(root, "clone", "-q", "--depth", "1", `file://${root}`, shallow);
    expect(await collect(shallow)).toMatchObject({ listedBy: "git", git: { dirty: false } });
    const tree = join(tempFolder(), "w");
    git(root, "worktree", "add", "-q", tree, "-b", "side");
    expect(await collect(tree)).toMatchObject({ listedBy: "git", git: { branch: "side" } });
  });

  gitTest("[I8] git missing, failing or hanging does not stop it: the folder is listed, and why is said", async () => {
    const root = checkout({ "a.py": "1", "venv/x": "2" });
    const stubs = tempFolder();
    const stub = (text: string) => {
      fs.writeFileSync(join(stubs, "git"), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
      process.env.PATH = `${stubs}:/usr/bin:/bin`;
    };
    process.env.PATH = stubs;
    const missing = await collect(root);
    expect(missing).toMatchObject({ listedBy: "folder", gitProblem: "git is not installed", git: { commit: null } });
    expect(paths(missing)).toEqual(["a.py"]);
    stub(`echo "fatal: detected dubious ownership in repository at '$PWD'" >&2; exit 128`);
    const dubious = await collect(root);
    expect(dubious.gitProblem).toContain("dubious ownership");
    expect(paths(dubious)).toEqual(["a.py"]);
    stub("exec sleep 60");
    const hanging = await collect(root, { timeoutMs: 150 });
    expect(hanging.gitProblem).toContain("did not answer");
    expect(paths(hanging)).toEqual(["a.py"]);
  });

  gitTest("[S7] nothing that the checkout configures is run, and no name is taken for an option", async () => {
    const root = checkout({
      "a.txt": "1\n",
      "--upload-pack=x": "2",
      ".gitattributes": "*.txt filter=evil diff=evil\n",
    });
    const mark = join(tempFolder(), "mark");
    const evil = `touch ${mark}`;
    for (const key of ["filter.evil.clean", "filter.evil.smudge", "filter.evil.process"])
      git(root, "config", key, evil);
    for (const key of ["diff.evil.textconv", "diff.evil.command", "diff.external"]) git(root, "config", key, evil);
    for (const key of ["core.fsmonitor", "core.pager", "core.sshCommand"]) git(root, "config", key, evil);
    git(root, "config", "filter.evil.required", "true");
    fs.writeFileSync(join(root, ".git/hooks/post-index-change"), `#!/bin/sh\n${evil}\n`, { mode: 0o755 });
    write(root, { "a.txt": "2\n" });
    fs.rmSync(mark, { force: true });
    const tree = await collect(root);
    expect(paths(tree)).toContain("--upload-pack=x");
    expect(tree.git?.diff).toContain("+2");
    expect(fs.existsSync(mark)).toBeFalse();
  });
});

describe("a tree without git", () => {
  test("all but .mlignore and the built-in list belongs to it", async () => {
    const root = fs.realpathSync(tempFolder());
    write(root, {
      "train.py": "1",
      ".hidden": "2",
      "__pycache__/a.pyc": "3",
      "pkg/__pycache__/a.pyc": "3",
      "node_modules/x/y": "4",
      "data/raw.bin": "5",
      "data/keep.bin": "6",
      ".mlignore": "data/*\n!data/keep.bin\n# comment\n",
    });
    const tree = await collect(root);
    expect(paths(tree)).toEqual([".hidden", ".mlignore", "data/keep.bin", "train.py"]);
    expect(tree).toMatchObject({ git: null, listedBy: "folder", gitProblem: null });
    const left = tree.leftOut.map((row) => row.path).sort();
    expect(left).toEqual(["__pycache__/", "data/raw.bin", "node_modules/", "pkg/__pycache__/"]);
  });

  test("a folder whose .gitignore is `*` is in nobody's tree; one that takes something back, and the root, are", async () => {
    const root = fs.realpathSync(tempFolder());
    write(root, {
      ".gitignore": "*\n",
      "train.py": "1",
      "pulled/.gitignore": "# results\n*\n",
      "pulled/work/train.py": "2",
      "kept/.gitignore": "*\n!.gitignore\n",
      "kept/a": "3",
      "data/.gitignore": "*.bin\n",
    });
    const tree = await collect(root);
    expect(paths(tree)).toEqual([".gitignore", "data/.gitignore", "kept/.gitignore", "kept/a", "train.py"]);
    expect(tree.leftOut).toEqual([{ path: "pulled/", why: "its .gitignore is `*`", kind: "ignored" }]);
    expect(paths(await collect(root, { everything: true }))).toContain("pulled/work/train.py");
  });

  test("pipes, sockets, unreadable files and names that are not UTF-8 are left out and said", async () => {
    const root = fs.realpathSync(tempFolder());
    write(root, { "a.py": "1", secret: "2" });
    Bun.spawnSync(["mkfifo", join(root, "pipe")]);
    fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/caf`), Buffer.from([0xe9])]), "3");
    fs.chmodSync(join(root, "secret"), 0);
    const tree = await collect(root);
    const readsAnything = process.getuid?.() === 0;
    expect(paths(tree)).toEqual(readsAnything ? ["a.py", "secret"] : ["a.py"]);
    const why = Object.fromEntries(tree.leftOut.map((row) => [row.path, row.why]));
    expect(why.pipe).toBe("it is a named pipe");
    expect(Object.values(why)).toContain("its name is not UTF-8");
  });

  test("too much is refused, naming the largest files and what to type", async () => {
    const root = tempFolder();
    write(root, { "a.py": "1" });
    for (let n = 1; n <= 7; n += 1) write(root, { [`big${n}.bin`]: "x".repeat(n * 1000) });
    const refused = await collect(root, { limits: { totalBytes: 10_000, fileBytes: 1e6, files: 10 } }).catch((e) => e);
    expect(refused).toMatchObject({ code: "too_large", detail: { hint: expect.stringContaining(".mlignore") } });
    expect(refused.detail.data.largest.map((row: { path: string }) => row.path)).toEqual(
      [7, 6, 5, 4, 3].map((n) => `big${n}.bin`),
    );
    const one = await collect(root, { limits: { totalBytes: 1e9, fileBytes: 6500, files: 10 } }).catch((e) => e);
    expect(one.message).toContain("`big7.bin` (7.0 kB)");
    const many = await collect(root, { limits: { ...defaultLimits, files: 5 } }).catch((e) => e);
    expect(many.code).toBe("too_large");
  });
});

describe("the hash cache", () => {
  test("files may be called as what every object has", async () => {
    const root = fs.realpathSync(tempFolder());
    const cacheFolder = tempFolder();
    for (const more of ["toString", "constructor"]) {
      write(root, { [more]: more, ".mlignore": "*.tmp" });
      expect((await collect(root, { cacheFolder })).files.map(({ path }) => path)).toContain(more);
    }
  });

  test("an old file that looks the same is not read again; a changed one is", async () => {
    const root = fs.realpathSync(tempFolder());
    const cacheFolder = tempFolder();
    write(root, { "a.py": "one" });
    const cacheFile = () => join(cacheFolder, fs.readdirSync(cacheFolder)[0] ?? "");
    const first = await collect(root, { cacheFolder });
    const written = fs.statSync(cacheFile()).ino;
    await collect(root, { cacheFolder });
    expect(fs.statSync(cacheFile()).ino).not.toBe(written);
    write(root, { "a.py": "two" });
    const second = await collect(root, { cacheFolder });
    expect(second.hash).not.toBe(first.hash);
  });

  test("a young entry is not trusted, even with the same size and times", async () => {
    const root = fs.realpathSync(tempFolder());
    const cacheFolder = tempFolder();
    write(root, { "a.py": "one" });
    const first = await collect(root, { cacheFolder });
    fs.writeFileSync(join(root, "a.py"), "two");
    const cacheFile = join(cacheFolder, fs.readdirSync(cacheFolder)[0] ?? "");
    const [, text = ""] = fs.readFileSync(cacheFile, "utf8").split("\n");
    const stored = JSON.parse(text);
    const stat = fs.statSync(join(root, "a.py"));
    stored.files["a.py"].splice(0, 5, stat.size, stat.mtimeMs, stat.ctimeMs, stat.ino, stat.mode);
    const forge = (writtenMs: number) => {
      const forged = JSON.stringify({ ...stored, written_ms: writtenMs });
      fs.writeFileSync(cacheFile, `${Bun.hash(forged).toString(16)}\n${forged}`);
    };
    forge(stat.mtimeMs + 1999);
    expect((await collect(root, { cacheFolder })).hash).not.toBe(first.hash);
    forge(stat.mtimeMs + 2001);
    expect((await collect(root, { cacheFolder })).hash).toBe(first.hash);
  });

  test("[C8] deleted, damaged or unwritable it only costs time", async () => {
    const root = fs.realpathSync(tempFolder());
    const cacheFolder = tempFolder();
    write(root, { "a.py": "one" });
    const { hash } = await collect(root, { cacheFolder });
    const cacheFile = join(cacheFolder, fs.readdirSync(cacheFolder)[0] ?? "");
    const good = fs.readFileSync(cacheFile);
    for (let at = 0; at < good.length; at += 7) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ 1;
      fs.writeFileSync(cacheFile, bad);
      expect((await collect(root, { cacheFolder })).hash).toBe(hash);
    }
    expect((await collect(root, { cacheFolder: "/proc/nowhere" })).hash).toBe(hash);
  });
});
