import { describe, expect, test } from "bun:test";
import { type Candidate, reproGaps } from "../../../src/keep/repro-gaps.ts";
import { allPinned } from "../../../src/run/pinning.ts";
import type { SnapshotFile } from "../../../src/run/snapshot.ts";

const git = { commit: "c0ffee", remote: "https://example.org/x", dirty: false, unpushed: 0, submodules: [] };
const candidate: Candidate = { argv: ["python3", "train.py", "--seed", "1"], cwd: ".", env: {}, git };

/** Path → text. */
function options(files: Record<string, string>) {
  const list = Object.entries(files).map(
    ([path, text]): SnapshotFile => ({ path, kind: "file", size: text.length, hash: text }),
  );
  return { tree: { version: 1 as const, files: list }, read: (hash: string) => hash };
}
const whole = { "train.py": "import x", "uv.lock": "lock" };
const whys = (given: Partial<Candidate>, files: Record<string, string> = whole) =>
  reproGaps({ ...candidate, ...given }, options(files)).map((gap) => gap.why);

describe("what strict asks before a run is queued", () => {
  test("a pushed commit, a lock and a seed are enough", () => expect(whys({})).toEqual([]));

  test("git: no commit, uncommitted and unpushed work, moved submodules", () => {
    expect(whys({ git: null })).toEqual(["no commit says what the code is"]);
    expect(whys({ git: { ...git, dirty: true, unpushed: 2 } })).toEqual([
      "there is uncommitted work",
      "2 commits are on no remote",
    ]);
    expect(whys({ git: { ...git, remote: null, unpushed: null } })).toEqual([]);
    expect(whys({ git: { ...git, submodules: [{ path: "lib", dirty: true }] } })[0]).toEndWith("is checked out in lib");
  });

  test("packages: a lock beside the script, or requirements that leave nothing open", () => {
    expect(whys({}, { "train.py": "" })).toEqual(["no lock file names the versions of its packages"]);
    expect(whys({}, { "requirements.txt": "numpy>=1.26\n" })).toEqual(["`requirements.txt` leaves versions open"]);
    expect(whys({}, { "requirements.txt": "numpy==1.26.4 # pinned\n" })).toEqual([]);
    expect(whys({ cwd: "a" }, { "a/train.py": "", "b/uv.lock": "" })).toHaveLength(1);
    expect(whys({ cwd: "a" }, { "a/train.py": "", "a/uv.lock": "" })).toEqual([]);
  });

  test("a seed in arguments, variables or the script's own text", () => {
    const argv = ["python3", "train.py"];
    expect(whys({ argv })).toEqual(["no seed is seen in its arguments, its variables or its script"]);
    expect(whys({ argv, env: { PYTHONHASHSEED: "0" } })).toEqual([]);
    for (const line of ["torch.manual_seed(0)", "np.random.seed(1)", "SEED = 3", "rng = np.random.default_rng(7)"])
      expect(whys({ argv }, { ...whole, "train.py": line })).toEqual([]);
  });

  test("code that would not be kept is refused; code that is not known yet is not", () => {
    const names = (tree: null | undefined) => reproGaps(candidate, { tree, read: () => null }).map((gap) => gap.name);
    expect(names(null)).toEqual(["code"]);
    expect(names(undefined)).toEqual([]);
  });
});

test("requirements are pinned where every line names one version or a place", () => {
  for (const text of [
    "a==1\nb===2.0\n",
    "-r x.txt\n".replace("-r x.txt", "--index-url https://x\na==1"),
    "a @ https://x/a.whl",
    "a==1 ; python_version<'3.9'",
    "a==1 \\\n  --hash=sha256:0",
  ])
    expect(allPinned(text)).toBeTrue();
  for (const text of ["", "# nothing\n", "a\n", "a>=1", "a==1\nb~=2", "a==1.*", "-e ."])
    expect(allPinned(text)).toBeFalse();
});
