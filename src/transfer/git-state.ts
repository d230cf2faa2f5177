/**
 * Where the code comes from, as git tells it: commit, branch, remote, and what differs from the commit. For people and
 * for the record only: what runs is the snapshot. Best effort and timed; what git does not say is null, with the reason.
 */
import { callGit } from "./git-call.ts";

export interface GitState {
  commit: string | null;
  /** Null with a detached head. */
  branch: string | null;
  /** URL of the remote that the branch follows, credentials masked. */
  remote: string | null;
  /** True where tracked files differ from the commit. */
  dirty: boolean | null;
  /** `git diff HEAD` as text, or null where there is nothing or nobody to compare with. */
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
  remotes: Map<string, string>;
  branchRemotes: Map<string, string>;
  /** Settings that switch every configured filter off. */
  noFilters: string[];
  /** A filter that cannot be switched off with -c, because its name has a `=`. */
  unsafeFilter: string | null;
}

/** Reads `git config -z` output: `key\nvalue\0`. Section and last name are case-insensitive, the middle is not. */
function parseConfig(text: string): Configured {
  const found: Configured = { remotes: new Map(), branchRemotes: new Map(), noFilters: [], unsafeFilter: null };
  for (const record of text.split("\0")) {
    const [key = "", ...value] = record.split("\n");
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

const configPattern = "^(remote\\..*\\.url|branch\\..*\\.remote|filter\\..*\\.(clean|smudge|process|required))$";

/** Asks git about the checkout whose top folder is `root`. Throws nothing; takes 5 s at most. */
export async function gitState(root: string, timeoutMs = 5000): Promise<GitState> {
  const deadline = performance.now() + timeoutMs;
  const call = { cwd: root, timeoutMs };
  const [head, symbolic, config] = await Promise.all([
    callGit(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"], call),
    callGit(["symbolic-ref", "--quiet", "--short", "HEAD"], call),
    callGit(["config", "-z", "--get-regexp", configPattern], call),
  ]);
  const text = (answer: { stdout: Uint8Array }) => new TextDecoder().decode(answer.stdout);
  const commit = head.problem === null ? text(head).trim() : null;
  const branch = symbolic.problem === null ? text(symbolic).trim() : null;
  const configured = parseConfig(text(config));
  const remoteName = (branch !== null && configured.branchRemotes.get(branch)) || "origin";
  const url = configured.remotes.get(remoteName) ?? [...configured.remotes.values()][0];
  const state: GitState = {
    commit,
    branch,
    remote: url === undefined ? null : maskUrl(url),
    dirty: null,
    diff: null,
    diffCut: false,
    problem: commit === null ? "the checkout has no commit yet, or git could not read it" : null,
  };
  if (commit === null) return state;
  if (configured.unsafeFilter !== null) {
    return { ...state, problem: `not compared: the filter \`${configured.unsafeFilter}\` cannot be switched off` };
  }
  const diff = await callGit(
    ["diff", "--no-color", "--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty", "HEAD", "--"],
    {
      cwd: root,
      timeoutMs: Math.max(200, deadline - performance.now()),
      maxBytes: diffBytes,
      config: configured.noFilters,
    },
  );
  if (diff.problem !== null) return { ...state, problem: `git diff: ${diff.problem}` };
  const difference = text(diff);
  return {
    ...state,
    dirty: difference !== "",
    diff: difference === "" ? null : `${difference}${diff.cut ? "\n[cut by ml: the rest is not shown]\n" : ""}`,
    diffCut: diff.cut,
  };
}
