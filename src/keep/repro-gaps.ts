/**
 * What stands between a submission and being run again by somebody else, each with the command that mends it. Asked before a
 * run is queued with level `strict`; `validate` asks the same of the record afterwards.
 */
import { posix } from "node:path";
import { pinningFiles } from "../run/pinning.ts";
import { seedsOf, setsSeed } from "../run/seeds.ts";
import type { Snapshot } from "../run/snapshot.ts";

export interface Gap {
  name: "code" | "commit" | "pinned" | "seed";
  why: string;
  cure: string;
}

/** What is asked about; the part of a submission that decides. */
export interface Candidate {
  argv: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string>>;
  git: {
    commit: string | null;
    remote: string | null;
    dirty: boolean | null;
    unpushed?: number | null | undefined;
    submodules?: readonly { path: string; dirty: boolean }[] | undefined;
  } | null;
}

export interface GapOptions {
  /** The code; null where there is none; undefined where it is not known yet: nothing is said about it then. */
  tree: Snapshot | null | undefined;
  /** Text of a blob by its hash; null where it cannot be had, or is large. */
  read(hash: string): string | null;
}

function gitGaps({ git }: Candidate): Gap[] {
  const gap = (why: string, cure: string): Gap => ({ name: "commit", why, cure });
  if (git === null || git.commit === null)
    return [gap("no commit says what the code is", "`git init && git add -A && git commit -m start`")];
  const gaps: Gap[] = [];
  if (git.dirty !== false) {
    const why = git.dirty ? "there is uncommitted work" : "git could not tell whether there is uncommitted work";
    gaps.push(gap(why, "`git commit -am MESSAGE`"));
  }
  const unpushed = git.unpushed ?? null;
  if (git.remote !== null && unpushed !== 0) {
    const count =
      unpushed === null ? "whether the commit was pushed is not known" : `${unpushed} commits are on no remote`;
    gaps.push(gap(unpushed === 1 ? "1 commit is on no remote" : count, "`git push`"));
  }
  const moved = git.submodules?.filter((submodule) => submodule.dirty) ?? [];
  if (moved.length > 0) {
    const names = moved.map(({ path }) => path).join(", ");
    const why = `another commit than the recorded one, or uncommitted work, is checked out in ${names}`;
    gaps.push(gap(why, "commit in the submodule, then `git add` it and commit"));
  }
  return gaps;
}

/** The script among the arguments whose own text sets a seed, or null. */
export function seedingScript(
  { argv, cwd }: Pick<Candidate, "argv" | "cwd">,
  tree: Snapshot,
  read: GapOptions["read"],
): string | null {
  const named = new Set(argv.map((word) => posix.join(cwd, word)));
  const scripts = tree.files.filter(({ path, kind }) => kind !== "link" && named.has(path));
  return scripts.find(({ hash }) => setsSeed(read(hash) ?? ""))?.path ?? null;
}

function treeGaps(candidate: Candidate, tree: Snapshot, { read }: GapOptions): Gap[] {
  const near = tree.files.filter(({ path, kind }) => {
    const folder = posix.dirname(path);
    return kind !== "link" && (folder === "." || folder === candidate.cwd);
  });
  const hashes = new Map(near.map((file) => [file.path, file.hash]));
  const text = (path: string) => read(hashes.get(path) ?? "");
  const gaps: Gap[] = [];
  if (pinningFiles([...hashes.keys()], text).length === 0) {
    const open = [...hashes.keys()].find((path) => /(^|\/)requirements[\w.-]*\.txt$/.test(path));
    gaps.push({
      name: "pinned",
      why: open === undefined ? "no lock file names the versions of its packages" : `\`${open}\` leaves versions open`,
      cure: "`uv lock`, `poetry lock`, or `pip freeze > requirements.txt`",
    });
  }
  const inCode = seedingScript(candidate, tree, read) !== null;
  if (!inCode && Object.keys(seedsOf(candidate.argv, candidate.env)).length === 0) {
    gaps.push({
      name: "seed",
      why: "no seed is seen in its arguments, its variables or its script",
      cure: "give it `--seed 0`, or `--env PYTHONHASHSEED=0`",
    });
  }
  return gaps;
}

export function reproGaps(candidate: Candidate, options: GapOptions): Gap[] {
  const { tree } = options;
  if (tree === null)
    return [{ name: "code", why: "its code would not be kept", cure: "leave `--no-code` out" }, ...gitGaps(candidate)];
  return [...gitGaps(candidate), ...(tree === undefined ? [] : treeGaps(candidate, tree, options))];
}
