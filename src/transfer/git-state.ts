/**
 * Where the code comes from, as git tells it: commit, branch, remote, and what differs from the commit. For people and
 * for the record only: what runs is the snapshot. Best effort and timed; what git does not say is null, with the reason.
 */
import { join } from "node:path";
import { callGit } from "./git-call.ts";
import { submoduleDepth } from "./git-folder.ts";

export interface GitState {
  commit: string | null;
  /** The first commit of its history; null where there are several, or finding it takes too long. */
  root: string | null;
  /** What the checkout is told to be called: `git config ml.project NAME`. */
  project: string | null;
  /** Null with a detached head. */
  branch: string | null;
  /** URL of the remote that the branch follows, credentials masked. */
  remote: string | null;
  /** True where tracked files differ from the commit, those of submodules included. */
  dirty: boolean | null;
  /** The remote-tracking branch that it follows, such as `origin/main`. */
  upstream: string | null;
  /** Commits that no remote-tracking branch has, 1,000 at most; null where there is no remote. */
  unpushed: number | null;
  /** Submodules that are checked out; `dirty` where it is another commit than the recorded one, or tracked files differ from it. */
  submodules: { path: string; commit: string; dirty: boolean }[];
  /** `git diff` against the upstream, where it lacks commits; cut like `diff`. */
  upstreamDiff: string | null;
  /** `git diff HEAD` as text, then that of each submodule as seen from the top; null where there is nothing or nobody to compare with. */
  diff: string | null;
  /** True where the diff was longer than 5 MB and is cut. */
  diffCut: boolean;
  /** One sentence where git could not say everything. */
  problem: string | null;
}

const diffBytes = 5_000_000;

/** A remote's URL without user names that could be tokens, passwords, and secrets in its query. */
export function maskUrl(url: string): string {
  const [, scheme, whole = ""] = /^([A-Za-z][A-Za-z0-9+.-]*:\/\/)(.*)$/s.exec(url) ?? [];
  if (scheme === undefined) return url;
  const rest = whole.replace(/\?.*$/s, "?***");
  const login = /^[^/]*@/.exec(rest)?.[0];
  if (login === undefined) return scheme + rest;
  const plainUser = scheme.startsWith("ssh") && !login.includes(":");
  return `${scheme}${plainUser ? login : "***@"}${rest.slice(login.length)}`;
}

interface Configured {
  project: string | null;
  remotes: Map<string, string>;
  branchRemotes: Map<string, string>;
  /** Settings that switch every configured filter off. */
  noFilters: string[];
  /** A filter that cannot be switched off with -c, because its name has a `=`. */
  unsafeFilter: string | null;
}

/** Reads `git config -z` output: `key\nvalue\0`. Section and last name are case-insensitive, the middle is not. */
function parseConfig(text: string): Configured {
  const found: Configured = {
    project: null,
    remotes: new Map(),
    branchRemotes: new Map(),
    noFilters: [],
    unsafeFilter: null,
  };
  for (const record of text.split("\0")) {
    const [key = "", ...value] = record.split("\n");
    if (key.toLowerCase() === "ml.project") found.project = value.join("\n").trim() || null;
    const parts = /^(remote|branch|filter)\.(.*)\.([a-z]+)$/is.exec(key);
    if (parts === null) continue;
    const [, section, name = "", last] = parts;
    if (section?.toLowerCase() === "remote") found.remotes.set(name, found.remotes.get(name) ?? value.join("\n"));
    if (section?.toLowerCase() === "branch") found.branchRemotes.set(name, value.join("\n"));
    if (section?.toLowerCase() !== "filter") continue;
    if (name.includes("=")) found.unsafeFilter = name;
    found.noFilters.push(last === "required" ? `${key}=false` : `${key}=`);
  }
  return found;
}

const configPattern =
  "^(ml\\.project|remote\\..*\\.url|branch\\..*\\.remote|filter\\..*\\.(clean|smudge|process|required))$";
const mostUnpushed = 1000;
const mostSubmodules = 100;

interface Asked {
  root: string;
  deadline: number;
  config: Configured;
}

const leftMs = ({ deadline }: Asked) => Math.max(200, deadline - performance.now());
const text = (answer: { stdout: Uint8Array }) => new TextDecoder().decode(answer.stdout);

interface Diff {
  text: string;
  cut: boolean;
  problem: string | null;
}

/** `git diff` against `commit` without running anything that the checkout configures; `under` is where it lies from the top. */
async function diffAgainst(commit: string, asked: Asked, under = ""): Promise<Diff> {
  const unsafe = asked.config.unsafeFilter;
  if (unsafe !== null)
    return { text: "", cut: false, problem: `not compared: the filter \`${unsafe}\` cannot be switched off` };
  const flags = ["--no-color", "--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty"];
  if (under !== "") flags.push(`--src-prefix=a/${under}/`, `--dst-prefix=b/${under}/`);
  const answer = await callGit(["diff", ...flags, commit, "--"], {
    cwd: asked.root,
    timeoutMs: leftMs(asked),
    maxBytes: diffBytes,
    config: asked.config.noFilters,
  });
  const mark = answer.cut ? "\n[cut by ml: the rest is not shown]\n" : "";
  const problem = answer.problem === null ? null : `git diff${under && ` in ${under}`}: ${answer.problem}`;
  return { text: text(answer) + mark, cut: answer.cut, problem };
}

async function configOf(root: string, timeoutMs: number): Promise<Configured> {
  return parseConfig(text(await callGit(["config", "-z", "--get-regexp", configPattern], { cwd: root, timeoutMs })));
}

async function countUnpushed(asked: Asked): Promise<number | null> {
  if (asked.config.remotes.size === 0) return null;
  const args = ["rev-list", "--count", `--max-count=${mostUnpushed}`, "HEAD", "--not", "--remotes"];
  const answer = await callGit(args, { cwd: asked.root, timeoutMs: leftMs(asked) });
  const count = Number(text(answer));
  return answer.problem === null && Number.isInteger(count) ? count : null;
}

/** A history so long that it takes longer is known by its remote. */
const rootMs = 150;

async function rootOf({ root }: Asked): Promise<string | null> {
  const answer = await callGit(["rev-list", "--max-parents=0", "HEAD"], { cwd: root, timeoutMs: rootMs });
  const roots = text(answer).trim().split("\n");
  return answer.problem === null && roots.length === 1 ? roots[0] || null : null;
}

type Submodule = GitState["submodules"][number];

/**
 * Recorded commits from the index (mode 160000), what is checked out there, and what was edited in it; then
 * theirs. `under` is where the checkout lies from the top.
 */
async function submodulesOf(asked: Asked, { under = "", depth = 0 } = {}): Promise<(Submodule & { diff: Diff })[]> {
  const { root } = asked;
  if (depth === submoduleDepth || !(await Bun.file(join(root, ".gitmodules")).exists())) return [];
  const index = await callGit(["ls-files", "-s", "-z"], { cwd: root, timeoutMs: leftMs(asked) });
  const links = [...text(index).matchAll(/160000 ([0-9a-f]{40,64}) \d\t([^\0]+)\0/g)].slice(0, mostSubmodules);
  const found = links.map(async ([, recorded = "", path = ""]) => {
    const head = await callGit(["rev-parse", "HEAD"], { cwd: join(root, path), timeoutMs: leftMs(asked) });
    // Git answers for the checkout above where the submodule is not checked out.
    const own = await Bun.file(join(root, path, ".git"))
      .stat()
      .catch(() => null);
    const commit = head.problem === null && own !== null ? text(head).trim() : null;
    if (commit === null) return [];
    const inside = join(root, path);
    const inner = { ...asked, root: inside, config: await configOf(inside, leftMs(asked)) };
    const full = `${under}${path}`;
    const [diff, theirs] = await Promise.all([
      diffAgainst("HEAD", inner, full),
      submodulesOf(inner, { under: `${full}/`, depth: depth + 1 }),
    ]);
    return [{ path: full, commit, dirty: commit !== recorded || diff.text !== "", diff }, ...theirs];
  });
  return (await Promise.all(found)).flat().slice(0, mostSubmodules);
}

/** Asks git about the checkout whose top folder is `root`. Throws nothing; takes 5 s at most. */
export async function gitState(root: string, timeoutMs = 5000): Promise<GitState> {
  const deadline = performance.now() + timeoutMs;
  const call = { cwd: root, timeoutMs };
  const [head, symbolic, following, config] = await Promise.all([
    callGit(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"], call),
    callGit(["symbolic-ref", "--quiet", "--short", "HEAD"], call),
    callGit(["rev-parse", "--verify", "--quiet", "--abbrev-ref", "@{upstream}"], call),
    configOf(root, timeoutMs),
  ]);
  const commit = head.problem === null ? text(head).trim() : null;
  const branch = symbolic.problem === null ? text(symbolic).trim() : null;
  const remoteName = (branch !== null && config.branchRemotes.get(branch)) || "origin";
  const url = config.remotes.get(remoteName) ?? [...config.remotes.values()][0];
  const state: GitState = {
    commit,
    root: null,
    project: config.project,
    branch,
    remote: url === undefined ? null : maskUrl(url),
    dirty: null,
    upstream: following.problem === null ? text(following).trim() || null : null,
    unpushed: null,
    submodules: [],
    upstreamDiff: null,
    diff: null,
    diffCut: false,
    problem: commit === null ? "the checkout has no commit yet, or git could not read it" : null,
  };
  if (commit === null) return state;
  const asked = { root, deadline, config };
  const [first, unpushed, found, own] = await Promise.all([
    rootOf(asked),
    countUnpushed(asked),
    submodulesOf(asked),
    diffAgainst("HEAD", asked),
  ]);
  const submodules = found.map(({ diff, ...submodule }) => submodule);
  const known = { ...state, root: first, unpushed, submodules };
  const diffs = [own, ...found.map(({ diff }) => diff)];
  const problem = diffs.find((diff) => diff.problem !== null)?.problem ?? null;
  if (own.problem !== null) return { ...known, problem };
  const whole = diffs.map((diff) => diff.text).join("");
  const ahead = known.upstream !== null && (unpushed ?? 0) > 0;
  const upstreamDiff = ahead ? await diffAgainst("@{upstream}", asked) : null;
  return {
    ...known,
    dirty: whole !== "",
    upstreamDiff: upstreamDiff === null || upstreamDiff.problem !== null ? null : upstreamDiff.text || null,
    diff: whole === "" ? null : whole,
    diffCut: diffs.some((diff) => diff.cut),
    problem,
  };
}
